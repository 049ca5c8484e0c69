"""Labelled galaxy images in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_train.run_metrics.data_sets import SetRecord


@dataclass(frozen=True, slots=True)
class GalaxyDataset:
    """Labelled galaxy images in memory, from any source.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, height, width, 3)
        RGB pixels.
    labels : ndarray of int, shape (N,)
        Index into `classes`.
    classes : tuple of str
        Class names.
    file : str
        Name of the file or folder they were read from.
    sha256 : str
        Checksum of that file; for image files, of pixels and labels.
    weights : ndarray of float32, shape (N,), or None
        Weight of each image in training; None if all weigh alike.
    names : tuple of str or None
        File name of each image; None if all are in one file.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    classes: tuple[str, ...]
    file: str
    sha256: str
    weights: NDArray[np.float32] | None = None
    names: tuple[str, ...] | None = None

    def images_per_class(self) -> dict[str, int]:
        """Return the number of images of each class."""
        counts = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, counts, strict=True))

    def each_weight(self) -> NDArray[np.float32]:
        """Return the weight of each image; 1 if none are given."""
        return self.weights if self.weights is not None else np.ones(len(self.images), np.float32)

    def record(self) -> SetRecord:
        """Return what a run records of its data: file name, checksum, shape, images per class and per weight."""
        counts = None
        if self.weights is not None:
            values, numbers = np.unique(self.weights, return_counts=True)
            counts = {f"{value:g}": number for value, number in zip(values.tolist(), numbers.tolist(), strict=True)}
        return SetRecord(self.file, self.sha256, self.images.shape, self.images_per_class(), counts)

    def subset(self, chosen: NDArray[np.integer[Any]]) -> GalaxyDataset:
        """Return the images at the chosen positions."""
        weights = None if self.weights is None else self.weights[chosen]
        names = None if self.names is None else tuple(self.names[position] for position in chosen)
        return replace(self, images=self.images[chosen], labels=self.labels[chosen], weights=weights, names=names)
