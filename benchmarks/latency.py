"""Measure latency: single images through the API, as in an alert stream, small batches, and a cold start.

Run ``python benchmarks/latency.py``. The first two tables are medians and 99th percentiles of a thousand calls in one
process. The last one compares new processes that classify one image with new ones that only import the libraries.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from galaxy_classify import GalaxyClassifier

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from galaxy_painter import paint, paint_set

CALLS = 1000
TURNS = 20
IMPORTS = "import numpy, onnxruntime, PIL.Image"


def milliseconds(call: Callable[[], object], calls: int) -> list[float]:
    """Return the duration of each call, after five calls to warm up."""
    for _ in range(5):
        call()
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1e3)
    return times


def one_at_a_time(classifier: GalaxyClassifier) -> None:
    """Print the latency of one image as array, bytes, and named bytes."""
    small, large = paint("unbarred_spiral", seed=1, size=64), paint("unbarred_spiral", seed=1)
    encoded = io.BytesIO()
    large.save(encoded, "JPEG", quality=85)
    content, decoded, pixels = encoded.getvalue(), np.asarray(large), np.asarray(small)
    calls: dict[str, Callable[[], object]] = {
        "decoded, 64 px: predict_proba(array)": lambda: classifier.predict_proba(pixels),
        "decoded, 424 px: predict_proba(array)": lambda: classifier.predict_proba(decoded),
        "JPEG, 424 px: predict_proba(bytes)": lambda: classifier.predict_proba(content),
        "JPEG, 424 px: classify([(name, bytes)])": lambda: list(classifier.classify([("alert", content)])),
    }
    print(f"| {'one image at a time':40} | median ms | 99th percentile ms |\n| --- | --- | --- |")
    for name, call in calls.items():
        times = milliseconds(call, CALLS)
        print(f"| {name:40} | {statistics.median(times):.2f} | {np.percentile(times, 99):.2f} |")


def in_batches(classifier: GalaxyClassifier) -> None:
    """Print the time per image in batches of different sizes."""
    images, _ = paint_set(per_class=64, seed=2)
    print("\n| decoded 64 px images in one call | median ms an image | 99th percentile |\n| --- | --- | --- |")
    for size in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        batch = images[:size]
        times = milliseconds(lambda batch=batch: classifier.predict_proba(batch), max(20, CALLS // size))  # type: ignore[misc]
        print(f"| {size} | {statistics.median(times) / size:.3f} | {np.percentile(times, 99) / size:.3f} |")


def from_cold() -> None:
    """Print the time of a new process that classifies one image, against one that only imports the libraries."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "galaxy.jpg"
        paint("smooth_round", seed=1).save(path, quality=85)
        commands = {
            "imports of numpy, onnxruntime and PIL": [sys.executable, "-c", IMPORTS],
            "galaxy-classify galaxy.jpg": [sys.executable, "-m", "galaxy_classify", str(path), "-q", "-f", "csv"],
            "galaxy-classify --help": [sys.executable, "-m", "galaxy_classify", "--help"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(TURNS):
            for name, command in commands.items():
                started = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
                times[name].append(time.perf_counter() - started)
    reference = statistics.median(next(iter(times.values())))
    print("\n| from cold, whole process | median s | ratio |\n| --- | --- | --- |")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.3f} | {statistics.median(found) / reference:.2f} |")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="embedded model or ONNX file")
    parser.add_argument("--threads", type=int, help="worker threads; by default as many as the process may use")
    arguments = parser.parse_args()
    with GalaxyClassifier(arguments.model, threads=arguments.threads) as classifier:
        print(f"{classifier.model.identity}, {classifier.threads} threads\n")
        one_at_a_time(classifier)
        in_batches(classifier)
    from_cold()


if __name__ == "__main__":
    main()
