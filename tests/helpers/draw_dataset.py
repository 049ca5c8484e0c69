"""Write a data set of drawn galaxies in GalaxyMNIST's layout: ``python tests/helpers/draw_dataset.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py

from galaxy_painter import paint_set


def draw_dataset(folder: Path, train: int = 200, test: int = 50) -> None:
    """Write so many galaxies of each class to train on and to test."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, per_class, seed in (("train", train, 1), ("test", test, 2)):
        images, labels = paint_set(per_class, seed)
        with h5py.File(folder / f"{split}_dataset.hdf5", "w") as file:
            file["images"] = images
            file["labels"] = labels


if __name__ == "__main__":
    draw_dataset(Path(sys.argv[1]))
