"""Show how galaxies of a labelled set lie to the limits of the check of pictures, and what the check costs.

Run ``python benchmarks/picture_check.py train_dataset.hdf5 [test_dataset.hdf5 …]``: files in GalaxyMNIST's layout. For
each file it prints the extremes of what is checked, how many pictures are touched, with and without the margin that the
default model ignores, and the CPU time of a batch.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import h5py
import numpy as np
from numpy.typing import NDArray

from galaxy_classify import GalaxyClassifier
from galaxy_classify.defaults import BATCH_SIZE
from galaxy_classify.images.picture_check import LIMITS, doubts, measure

PERCENTILES = (0, 0.05, 0.1, 1, 50, 99, 99.9, 99.95, 100)


def show(pictures: NDArray[np.uint8], margin: int) -> None:
    """Print percentiles of what is checked, and how many pictures are touched."""
    found = Counter(doubts(pictures, margin))
    touched = sum(found.values()) - found[""]
    print(f"\nmargin {margin}: {touched} of {len(pictures):,} touched {dict(found - Counter({'': found['']}))}")
    print(f"| {'':24} | limit | " + " | ".join(f"{percent:g} %" for percent in PERCENTILES) + " |")
    print("| --- " * (len(PERCENTILES) + 2) + "|")
    for (name, limit), values in zip(LIMITS.items(), measure(pictures, margin), strict=True):
        print(f"| {name:24} | {limit:g} | " + " | ".join(f"{np.percentile(values, p):.3g}" for p in PERCENTILES) + " |")


def microseconds(pictures: NDArray[np.uint8], margin: int) -> float:
    """Return the CPU time of the check for each picture of a batch, the best of ten rounds."""
    rounds = []
    for _ in range(10):
        started = time.process_time()
        for _ in range(200):
            doubts(pictures, margin)
        rounds.append((time.process_time() - started) / 200 / len(pictures) * 1e6)
    return min(rounds)


def main() -> None:
    """Show each file that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="HDF5 files with images (N, 64, 64, 3)")
    margin = GalaxyClassifier(threads=1).preprocessing.margin
    for name in parser.parse_args().files:
        with h5py.File(name) as file:
            pictures = file["images"][:]
        print(f"\n{name}")
        for pixels in sorted({0, margin}):
            show(pictures, pixels)
        print(f"\n{microseconds(pictures[:BATCH_SIZE], margin):.1f} microseconds a picture, {BATCH_SIZE} at a time")


if __name__ == "__main__":
    main()
