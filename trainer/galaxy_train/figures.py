"""Figures of merit from true and predicted classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def confusion_matrix(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """Count the images of each true class (row) that went to each predicted class (column).

    Parameters
    ----------
    labels, predicted : ndarray of int, shape (N,)
        Class indices.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (classes, classes)
        Counts that sum to N.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def figures(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: Sequence[str]
) -> dict[str, Any]:
    """Return accuracy, recall and precision as they stand in ``metrics.json``.

    Parameters
    ----------
    labels, predicted : ndarray of int, shape (N,)
        Class indices.
    classes : sequence of str
        Class names.

    Returns
    -------
    dict
        ``images``, ``accuracy``, ``macro_recall`` (mean of the recalls of the classes that occur), ``recall`` and
        ``precision`` by class name (None where nothing was there to count), and ``confusion_matrix``
        (rows: true class).

    Examples
    --------
    >>> result = figures(np.array([0, 0, 1]), np.array([0, 1, 1]), ["round", "spiral"])
    >>> result["macro_recall"], result["precision"]
    (0.75, {'round': 1.0, 'spiral': 0.5})
    """
    matrix = confusion_matrix(labels, predicted, len(classes))
    recall = _shares(matrix.diagonal(), matrix.sum(axis=1))
    present = [value for value in recall if value is not None]
    return {
        "images": len(labels),
        "accuracy": float(matrix.trace() / len(labels)),
        "macro_recall": sum(present) / len(present),
        "recall": dict(zip(classes, recall, strict=True)),
        "precision": dict(zip(classes, _shares(matrix.diagonal(), matrix.sum(axis=0)), strict=True)),
        "confusion_matrix": matrix.tolist(),
    }


def expected_calibration_error(
    labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]], bins: int = 15
) -> float:
    """Return how far confidence and accuracy are apart, on average over the images.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3: images are sorted into bins of equal
    width by their confidence, and the distances of each bin's accuracy from its mean confidence are averaged.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    probabilities : ndarray of float, shape (N, classes)
        Rows sum to 1.
    bins : int, optional
        Number of bins between 0 and 1.

    Returns
    -------
    float
        0 for a perfectly calibrated model, at most 1.

    Examples
    --------
    >>> float(expected_calibration_error(np.array([0, 1]), np.array([[0.75, 0.25], [0.75, 0.25]])))
    0.25
    """
    confidence = probabilities.max(axis=1)
    gap = (probabilities.argmax(axis=1) == labels) - confidence
    position = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(position, weights=gap, minlength=bins)).sum() / len(labels))


def _shares(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> list[float | None]:
    return [int(part) / int(whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]
