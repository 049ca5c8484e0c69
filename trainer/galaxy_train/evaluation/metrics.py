"""Metrics from true classes and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_train.run_metrics.metrics import ClassificationMetrics, ThresholdMetrics

#: Bins of confidence for the calibration error, as in Guo et al. 2017.
BINS: Final = 15


#: Thresholds on the confidence at which coverage and accuracy are measured.
THRESHOLDS: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


#: Times that a set is drawn anew for standard errors.
BOOTSTRAPS: Final = 200
BOOTSTRAP_SEED: Final = 0


def confusion_matrix(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """Count the images of each true class (row) by predicted class (column).

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


def classification_metrics(
    labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]], classes: Sequence[str]
) -> ClassificationMetrics:
    """Measure how good predictions are.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    probabilities : ndarray of float, shape (N, classes)
        Rows sum to 1.
    classes : sequence of str
        Class names.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    >>> result = classification_metrics(np.array([0, 0, 1]), probabilities, ["round", "spiral"])
    >>> result.macro_recall, result.precision
    (0.75, {'round': 1.0, 'spiral': 0.5})
    >>> result.kept["0.80"]
    ThresholdMetrics(coverage=0.6666666666666666, accuracy=1.0)
    """
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(labels, predicted, len(classes))
    recall = _shares(matrix.diagonal(), matrix.sum(axis=1))
    present = [value for value in recall if value is not None]
    return ClassificationMetrics(
        images=len(labels),
        accuracy=float(matrix.trace() / len(labels)),
        macro_recall=sum(present) / len(present),
        recall=dict(zip(classes, recall, strict=True)),
        precision=dict(zip(classes, _shares(matrix.diagonal(), matrix.sum(axis=0)), strict=True)),
        confusion_matrix=matrix.tolist(),
        calibration_error=expected_calibration_error(labels, probabilities),
        negative_log_likelihood=negative_log_likelihood(labels, probabilities),
        brier_score=brier_score(labels, probabilities),
        kept={
            f"{threshold:.2f}": threshold_metrics(predicted == labels, probabilities.max(axis=1), threshold)
            for threshold in THRESHOLDS
        },
        standard_errors=_standard_errors(labels, probabilities, len(classes)),
    )


def _standard_errors(
    labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]], classes: int
) -> dict[str, float]:
    """Return standard errors by drawing the images again and again, with replacement (Efron 1979)."""
    random = np.random.default_rng(BOOTSTRAP_SEED)
    predicted = probabilities.argmax(axis=1)
    drawn = []
    for _ in range(BOOTSTRAPS):
        chosen = random.integers(len(labels), size=len(labels))
        matrix = confusion_matrix(labels[chosen], predicted[chosen], classes)
        present = [share for share in _shares(matrix.diagonal(), matrix.sum(axis=1)) if share is not None]
        error = expected_calibration_error(labels[chosen], probabilities[chosen])
        drawn.append((matrix.trace() / len(labels), sum(present) / len(present), error))
    names = ("accuracy", "macro_recall", "calibration_error")
    return dict(zip(names, np.std(drawn, axis=0).tolist(), strict=True))


def threshold_metrics(
    correct: NDArray[np.bool_], confidence: NDArray[np.floating[Any]], threshold: float
) -> ThresholdMetrics:
    """Measure how many images reach a threshold on the confidence, and how accurate those are."""
    reached = confidence >= threshold
    return ThresholdMetrics(float(reached.mean()), float(correct[reached].mean()) if reached.any() else None)


def negative_log_likelihood(labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> float:
    """Return the mean negative logarithm of the true class' probability, in nats.

    Examples
    --------
    >>> round(negative_log_likelihood(np.array([0]), np.array([[0.5, 0.5]])), 4)
    0.6931
    """
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(true, np.finfo(np.float32).tiny)).mean())


def brier_score(labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> float:
    """Return the mean squared distance of the probabilities from the one-hot labels, from 0 to 2.

    Brier 1950, "Verification of forecasts expressed in terms of probability".

    Examples
    --------
    >>> brier_score(np.array([0]), np.array([[0.5, 0.5]]))
    0.5
    """
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def auroc(inside: NDArray[np.floating[Any]], outside: NDArray[np.floating[Any]]) -> float:
    """Return the area under the ROC curve of confidence, or of familiarity, as a detector of images of no class.

    It is the chance that an image of the classes has a higher value than one that belongs to none; ties count half
    (Hanley & McNeil 1982).

    Parameters
    ----------
    inside, outside : ndarray of float
        Confidence or familiarity of images that belong to a class, and of images that belong to none.

    Returns
    -------
    float
        1 if each image of the classes has a higher value than all others, 0.5 if the values tell nothing.

    Examples
    --------
    >>> auroc(np.array([0.9, 0.8]), np.array([0.7, 0.85]))
    0.75
    """
    ordered = np.sort(outside)
    below, up_to = np.searchsorted(ordered, inside, "left"), np.searchsorted(ordered, inside, "right")
    return float((below + up_to).mean() / (2 * len(outside)))


def expected_calibration_error(
    labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]], bins: int = BINS
) -> float:
    """Return the expected calibration error: the mean distance between confidence and accuracy.

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
    counts, confidence, accuracy = reliability(labels, probabilities, bins)
    return float((np.abs(accuracy - confidence) * counts).sum() / len(labels))


def reliability(
    labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]], bins: int = BINS
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return count, mean confidence and accuracy of the images in each bin of confidence.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    probabilities : ndarray of float, shape (N, classes)
        Rows sum to 1.
    bins : int, optional
        Number of bins of equal width between 0 and 1.

    Returns
    -------
    counts : ndarray of int64, shape (bins,)
        Images per bin.
    confidence, accuracy : ndarray of float64, shape (bins,)
        Mean confidence and accuracy per bin; 0 for an empty bin.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    position = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(position, minlength=bins)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(position, weights=values, minlength=bins) / np.maximum(counts, 1)

    return counts, mean(confidence), mean(correct)


def _shares(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> list[float | None]:
    return [int(part) / int(whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]
