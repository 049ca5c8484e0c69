"""Find labels that look wrong, and how much of the error several networks share."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_train.run_metrics.cross_validation import EnsembleMetrics


def suspects(labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Return a mask of labels that look wrong, from out-of-fold predictions (confident learning).

    A class is credible for an image if its probability reaches the mean that it has among images of that label. A label
    is suspect if the most probable credible class is another one (Northcutt, Jiang & Chuang 2021, "Confident Learning:
    Estimating Uncertainty in Dataset Labels", J. Artif. Intell. Res. 70, equations 1 and 2).

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    probabilities : ndarray of float, shape (N, classes)
        Each from a network that was not trained on the image.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.95, 0.05]])
    >>> suspects(np.array([0, 0, 1, 1, 1]), probabilities).tolist()
    [False, False, False, False, True]
    """
    classes = probabilities.shape[1]
    occurs = np.bincount(labels, minlength=classes) > 0
    usual = np.full(classes, np.inf)
    for label in np.flatnonzero(occurs):
        usual[label] = probabilities[labels == label, label].mean()
    credible = np.where(probabilities >= usual, probabilities, -1.0)
    found: NDArray[np.bool_] = (credible.max(axis=1) >= 0) & (credible.argmax(axis=1) != labels)
    return found


def compare_networks(labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> EnsembleMetrics:
    """Compare several networks with each other and with the labels of images that none of them was trained on.

    Where networks disagree, their mean or more training images may help. Where they agree against the label, the label
    is wrong or the image does not show the difference.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    probabilities : ndarray of float, shape (networks, N, classes)
        Predictions of two networks at least.

    Examples
    --------
    >>> one, other = [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]], [[0.7, 0.3], [0.7, 0.3], [0.9, 0.1]]
    >>> found = compare_networks(np.array([0, 1, 1]), np.array([one, other]))
    >>> round(found.accuracy_of_one, 2), round(found.accuracy_of_mean, 2)
    (0.5, 0.33)
    >>> round(found.agreement, 2), round(found.all_against_label, 2)
    (0.67, 0.33)
    """
    predicted = probabilities.argmax(axis=2)
    each = [float(accuracy) for accuracy in (predicted == labels).mean(axis=1)]
    pairs = [(one == other).mean() for one, other in combinations(predicted, 2)]
    same = (predicted == predicted[0]).all(axis=0)
    return EnsembleMetrics(
        images=len(labels),
        accuracy_of_each=each,
        accuracy_of_one=sum(each) / len(each),
        accuracy_of_mean=float((probabilities.mean(axis=0).argmax(axis=1) == labels).mean()),
        agreement=float(np.mean(pairs)),
        all_against_label=float((same & (predicted[0] != labels)).mean()),
    )
