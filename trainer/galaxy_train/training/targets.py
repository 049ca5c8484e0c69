"""What a network is trained on: images, what it should say of them, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.networks.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a network is trained on.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, size, size, 3)
        RGB pixels.
    targets : ndarray
        What the loss compares with: class indices, shape (N,), or probabilities, shape (N, classes).
    weights : ndarray of float32, shape (N,), or None
        How much each image counts; None if all count alike.
    """

    images: NDArray[np.uint8]
    targets: NDArray[Any]
    weights: NDArray[np.float32] | None


def targets(dataset: GalaxyDataset, recipe: Recipe) -> NDArray[Any]:
    """Return what a recipe's loss compares with: probabilities if it smoothes labels, or else class indices."""
    return np.eye(len(dataset.classes), dtype=np.float32)[dataset.labels] if recipe.label_smoothing else dataset.labels


def weights(train: GalaxyDataset, balance: float) -> NDArray[np.float32] | None:
    """Return how much each image counts, or None if all count alike; `balance` as `class_weights` takes it."""
    if train.weights is None and not balance:
        return None
    return class_weights(train.labels, train.each_weight(), balance)


def class_weights(
    labels: NDArray[np.integer[Any]], weights: NDArray[np.float32], balance: float
) -> NDArray[np.float32]:
    """Return how much each image counts, on average 1.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    weights : ndarray of float32, shape (N,)
        How much each image counts within its class.
    balance : float
        0 leaves the weights, 1 makes every class count alike.

    Returns
    -------
    ndarray of float32, shape (N,)
        The weights to train with.

    Examples
    --------
    >>> class_weights(np.array([0, 0, 0, 0, 1]), np.ones(5, np.float32), 1.0).tolist()
    [0.625, 0.625, 0.625, 0.625, 2.5]
    """
    totals = np.bincount(labels, weights=weights)
    balanced = weights * totals[labels] ** -balance
    normalised: NDArray[np.float32] = (balanced / balanced.mean()).astype(np.float32)
    return normalised
