"""Classify 100,000 images through the API, 1 % of them unreadable, and check the counts and the memory.

Run ``python benchmarks/soak.py [--images 100000]``. The exit code is 1 if a count is wrong or memory grows.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from galaxy_classify import GalaxyClassifier

#: Growth of memory between the first tenth and the end that counts as noise of the allocator, in MB.
MAX_GROWTH = 5


def resident_megabytes() -> float:
    """Return the resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def make_files(folder: Path) -> tuple[list[str], list[str]]:
    """Write 100 images of 64 to 200 px and 5 bad files; return the good paths, and the bad ones with a missing file."""
    random = np.random.default_rng(0)
    good, bad = [], []
    for number in range(100):
        size = int(random.integers(64, 200))
        path = folder / f"{number}.{('png', 'jpg')[number % 2]}"
        Image.fromarray(random.integers(0, 255, (size, size, 3), dtype=np.uint8)).save(path)
        good.append(str(path))
    whole = Path(good[1]).read_bytes()
    for name, content in {"empty": b"", "text": b"<html>", "cut": whole[: len(whole) // 2], "head": whole[:8]}.items():
        (folder / f"{name}.jpg").write_bytes(content)
        bad.append(str(folder / f"{name}.jpg"))
    Image.new("RGB", (100, 100)).save(folder / "blank.png")
    return good, [*bad, str(folder / "blank.png"), str(folder / "missing.jpg")]


def main() -> None:
    """Classify, and print counts, speed and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    images = parser.parse_args().images
    with tempfile.TemporaryDirectory() as scratch:
        good, bad = make_files(Path(scratch))

        def paths() -> Iterator[str]:
            for number in range(images):
                yield bad[number // 100 % len(bad)] if number % 100 == 99 else good[number % len(good)]

        statuses: Counter[str] = Counter()
        wrong = 0
        memory = []
        started = time.monotonic()
        for number, row in enumerate(GalaxyClassifier().classify(paths())):
            statuses[row.status] += 1
            wrong += (row.status == "error") != (number % 100 == 99)
            if number % (images // 10) == images // 10 - 1:
                memory.append(resident_megabytes())
        seconds = time.monotonic() - started
    print(
        f"{images:,} images in {seconds:.0f} s, {images / seconds:,.0f} images/s: {dict(statuses)}, {wrong} rows wrong"
    )
    print("MB after each tenth:", " ".join(f"{value:.1f}" for value in memory))
    if wrong or statuses.total() != images or memory[-1] - memory[0] > MAX_GROWTH:
        sys.exit("counts are wrong or memory grows")


if __name__ == "__main__":
    main()
