"""Training images, their targets and sample weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.inference.contract import FAMILIARITY_NAME, OUTPUT_NAME
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.networks.recipes import Recipe


@dataclass(frozen=True, slots=True)
class TrainingExamples:
    """Images with the targets and sample weights that the loss takes.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, size, size, 3)
        RGB pixels.
    targets : ndarray
        Class indices, shape (N,), or probabilities, shape (N, classes).
    weights : ndarray of float32, shape (N,), or None
        Sample weights; None if all images weigh alike.
    familiar : ndarray of float32, shape (N,), or None
        Targets of the familiarity: 1 for a galaxy of the classes, 0 for an outlier; None if the network has no such
        output.
    familiar_weights : ndarray of float32, shape (N,), or None
        Sample weights of these.
    kinds : ndarray of int64, shape (N,), or None
        0 for galaxies, from 1 on the kind of each outlier: first the generated kinds, then the given ones.
    """

    images: NDArray[np.uint8]
    targets: NDArray[Any]
    weights: NDArray[np.float32] | None = None
    familiar: NDArray[np.float32] | None = None
    familiar_weights: NDArray[np.float32] | None = None
    kinds: NDArray[np.int64] | None = None

    def each_weight(self) -> NDArray[np.float32]:
        """Return the weight of each image, with a mean of 1."""
        if self.weights is None:
            return np.ones(len(self.images), np.float32)
        normalised: NDArray[np.float32] = self.weights / self.weights.mean()
        return normalised

    def batch(self, chosen: NDArray[np.integer[Any]] | slice) -> tuple[Any, ...]:
        """Return images, targets and weights at the chosen positions, as ``keras.Model.fit`` takes them."""
        if self.familiar is None:
            values = (self.images, self.targets) if self.weights is None else (self.images, self.targets, self.weights)
            return tuple(value[chosen] for value in values)
        targets = {OUTPUT_NAME: self.targets, FAMILIARITY_NAME: self.familiar}
        weights = {OUTPUT_NAME: self.weights, FAMILIARITY_NAME: self.familiar_weights}
        return (
            self.images[chosen],
            {name: values[chosen] for name, values in targets.items()},
            {name: values[chosen] for name, values in weights.items() if values is not None},
        )


def label_targets(dataset: GalaxyDataset, recipe: Recipe) -> NDArray[Any]:
    """Return the labels as the recipe's loss takes them: one-hot for label smoothing, otherwise as class indices."""
    return np.eye(len(dataset.classes), dtype=np.float32)[dataset.labels] if recipe.label_smoothing else dataset.labels


def sample_weights(train: GalaxyDataset, balance: float) -> NDArray[np.float32] | None:
    """Return the sample weights of a training set, balanced between classes; None if all images weigh alike."""
    if train.weights is None and not balance:
        return None
    return balanced_weights(train.labels, train.each_weight(), balance)


def balanced_weights(
    labels: NDArray[np.integer[Any]], weights: NDArray[np.float32], balance: float
) -> NDArray[np.float32]:
    """Return sample weights with a mean of 1: `weights` for a balance of 0, every class alike for a balance of 1.

    Examples
    --------
    >>> balanced_weights(np.array([0, 0, 0, 0, 1]), np.ones(5, np.float32), 1.0).tolist()
    [0.625, 0.625, 0.625, 0.625, 2.5]
    """
    totals = np.bincount(labels, weights=weights)
    balanced = weights * totals[labels] ** -balance
    normalised: NDArray[np.float32] = (balanced / balanced.mean()).astype(np.float32)
    return normalised
