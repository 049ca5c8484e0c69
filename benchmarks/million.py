"""Classify a million inputs with the command, which is killed several times, and check every row.

Run ``python benchmarks/million.py [--inputs 1000000] [--kills 5]``. The inputs are links to 2,000 different files:
painted blobs as JPEG, PNG, TIFF, WebP, BMP and GIF, one in five of them damaged at random, under names with quotes,
line breaks, formulas and bytes that are not UTF-8. Each row must be what the library says of its file alone, none
missing or repeated. The exit code is 1 if one is not, or if memory grows with the number of inputs.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from galaxy_classify import GalaxyClassifier

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")
SUFFIXES = {"JPEG": "jpg", "PNG": "png", "TIFF": "tif", "WEBP": "webp", "BMP": "bmp", "GIF": "gif"}
NAMES = ("{n:07}", '"{n:07}",a', "{n:07}\nb", "=cmd|{n:07}", "{n:07}-ü", "{n:07}\udcff")
PER_FOLDER = 1_000
#: Peak memory of the command that counts as grown, in MB; a run of 10,000 inputs has 100 to 130.
MOST_MEMORY = 400


def blob(chance: np.random.Generator) -> Image.Image:
    """Return a tilted, elongated blob on a noisy sky."""
    size = int(chance.integers(64, 160))
    y, x = np.mgrid[:size, :size] / size - 0.5
    angle, axis = chance.uniform(0, np.pi), chance.uniform(0.15, 1)
    along, across = x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) / axis
    light = 220 * np.exp(-np.hypot(along, across) * chance.uniform(6, 14))
    pixels = light[..., None] * (1, 0.9, 0.75) + chance.normal(12, 4, (size, size, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def damage(content: bytes, chance: random.Random) -> bytes:
    """Return the bytes of a file with some of them changed, left out or cut off."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(changed))
        kind = chance.randrange(3)
        if kind == 0:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[place : place + chance.randint(1, 40)]
        else:
            changed[place : place + 4] = chance.randbytes(4)
    return bytes(changed[: chance.randrange(1, len(changed))] if chance.random() < 0.2 else changed)


def make_files(folder: Path, count: int) -> list[Path]:
    """Write the different files."""
    noise, chance = np.random.default_rng(0), random.Random(0)  # noqa: S311
    files = []
    for number in range(count):
        kind = FORMATS[number % len(FORMATS)]
        buffer = io.BytesIO()
        blob(noise).save(buffer, format=kind)
        content = buffer.getvalue() if number % 5 else damage(buffer.getvalue(), chance)
        files.append(folder / f"{number:04}.{SUFFIXES[kind]}")
        files[-1].write_bytes(content)
    return files


def link_all(files: list[Path], folder: Path, inputs: int) -> None:
    """Link as many inputs as are wanted to the files, in folders of a thousand."""
    for number in range(inputs):
        if number % PER_FOLDER == 0:
            place = folder / f"{number // PER_FOLDER:04}"
            place.mkdir(parents=True)
        file = files[number % len(files)]
        os.link(file, place / (NAMES[number % len(NAMES)].format(n=number) + file.suffix))


def check(rows: Path, expected: Sequence[tuple[str, ...]], inputs: int) -> tuple[int, Counter[str]]:
    """Return how many rows are wrong, and how many there are of each status."""
    wrong, statuses, seen = 0, Counter[str](), bytearray(inputs)
    with rows.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in csv.DictReader(file):
            name = os.path.basename(row["path"])
            number = int("".join(character for character in os.path.splitext(name)[0] if character.isdigit()))
            found = (row["status"], row["label"], row["confidence"], row["message"])
            wrong += seen[number] or found != expected[number % len(expected)]
            seen[number] = 1
            statuses[row["status"]] += 1
    return wrong + seen.count(0), statuses


def main() -> None:
    """Classify, kill, resume, and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=5)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="PIL")  # of damaged files
    chance = random.Random(1)  # noqa: S311
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "files").mkdir()
        files = make_files(Path(scratch) / "files", min(2_000, arguments.inputs))
        expected = [
            (row.status, row.label or "", "" if row.confidence is None else f"{row.confidence:.6f}", row.message)
            for row in GalaxyClassifier().classify(map(str, files))
        ]
        link_all(files, Path(scratch) / "inputs", arguments.inputs)
        output = Path(scratch) / "rows.csv"
        command = [sys.executable, "-m", "galaxy_classify", f"{scratch}/inputs", "-o", str(output), "--resume"]
        started = time.monotonic()
        for _ in range(arguments.kills):
            process = subprocess.Popen([*command, "--quiet"])
            time.sleep(chance.uniform(1, 1 + arguments.inputs / 10_000))
            process.kill()
            process.wait()
        code = subprocess.run(command, check=False).returncode
        seconds = time.monotonic() - started
        wrong, statuses = check(output, expected, arguments.inputs)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    print(f"{arguments.inputs:,} inputs, {arguments.kills} kills, {seconds:.0f} s, exit code {code}: {dict(statuses)}")
    print(f"{wrong} rows wrong, missing or repeated; peak memory {memory:.0f} MB")
    if wrong or code != 1 or memory > MOST_MEMORY:
        sys.exit("rows are wrong or memory grows")


if __name__ == "__main__":
    main()
