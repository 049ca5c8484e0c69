"""Measure what a training gains that begins with the shipped network, if there are few labels.

Run ``python benchmarks/few_labels.py --data DIR``, where ``DIR/images/test`` holds cutouts with a ``labels.csv``. The
shipped network has not been trained on them. A part of them becomes the training set of two other classes, ``smooth``
and ``disk``; the others test it. Each training is repeated with other galaxies.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

CLASSES = {"smooth_round": "smooth", "smooth_cigar": "smooth", "edge_on_disk": "disk", "unbarred_spiral": "disk"}
TRAININGS = {
    "from scratch": ("--epochs", "60"),
    "--init galaxy-cnn": ("--init", "galaxy-cnn", "--epochs", "20", "--learning-rate", "0.001"),
}


def accuracy(rows: Sequence[tuple[Path, str]], labelled: int, options: Sequence[str]) -> float:
    """Train on the first images, and return the accuracy on the others."""
    with tempfile.TemporaryDirectory() as folder:
        table, run = Path(folder) / "labels.csv", Path(folder) / "run"
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("path", "label", "split"))
            writer.writerows((*row, "train" if place < labelled else "test") for place, row in enumerate(rows))
        command = ["galaxy-train", "fit", "--data", str(table), "--out", str(run), "--batch-size", "32", *options]
        subprocess.run(command, check=True, capture_output=True)
        return float(json.loads((run / "metrics.json").read_text())["test"]["accuracy"])


def main() -> None:
    """Print a table: a row for each number of labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labelled", type=int, nargs="+", default=[50, 125, 400])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    folder = arguments.data.resolve() / "images" / "test"
    with (folder / "labels.csv").open(newline="") as file:
        rows = [(folder / row["file"], CLASSES[row["label"]]) for row in csv.DictReader(file)]
    print(f"accuracy on the others of {len(rows):,} galaxies, mean and range of {arguments.repeats} draws")
    for labelled in arguments.labelled:
        for name, options in TRAININGS.items():
            found = []
            for seed in range(arguments.repeats):
                shuffled = [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]
                found.append(accuracy(shuffled, labelled, (*options, "--seed", str(seed))))
            spread = f"({min(found):.3f} to {max(found):.3f})"
            print(f"{labelled:>5} labels, {name:<18} {np.mean(found):.3f} {spread}", flush=True)


if __name__ == "__main__":
    main()
