"""Labelled galaxy images in memory, wherever they came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_train.run_metrics import SetRecord


@dataclass(frozen=True, slots=True)
class GalaxyDataset:
    """Labelled galaxy images.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, height, width, 3)
        RGB pixels.
    labels : ndarray of int, shape (N,)
        Index into `classes`.
    classes : tuple of str
        Class names.
    file : str
        Name of the file or folder that it was read from.
    sha256 : str
        Checksum of that file; of files in a folder, that of pixels and labels.
    weights : ndarray of float32, shape (N,), or None
        How much each image counts in training; None if all count alike.
    names : tuple of str or None
        File of each image; None where all are in one.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    classes: tuple[str, ...]
    file: str
    sha256: str
    weights: NDArray[np.float32] | None = None
    names: tuple[str, ...] | None = None

    def images_per_class(self) -> dict[str, int]:
        """Return how many images each class has."""
        counts = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, counts, strict=True))

    def each_weight(self) -> NDArray[np.float32]:
        """Return how much each image counts, 1 where nothing is said of it."""
        return self.weights if self.weights is not None else np.ones(len(self.images), np.float32)

    def record(self) -> SetRecord:
        """Return what a run records of its data: file name, checksum, shape, images per class and per weight."""
        counts = None
        if self.weights is not None:
            values, numbers = np.unique(self.weights, return_counts=True)
            counts = {f"{value:g}": number for value, number in zip(values.tolist(), numbers.tolist(), strict=True)}
        return SetRecord(self.file, self.sha256, self.images.shape, self.images_per_class(), counts)

    def subset(self, chosen: NDArray[np.integer[Any]]) -> GalaxyDataset:
        """Return a part of the set.

        Parameters
        ----------
        chosen : ndarray of int
            Positions of the images.
        """
        weights = None if self.weights is None else self.weights[chosen]
        names = None if self.names is None else tuple(self.names[position] for position in chosen)
        return replace(self, images=self.images[chosen], labels=self.labels[chosen], weights=weights, names=names)
