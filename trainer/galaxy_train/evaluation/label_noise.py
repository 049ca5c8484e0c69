"""Tell how much of what a network gets wrong may be the labels' fault."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray


def suspects(labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Tell which labels look wrong to networks that have not learnt from them.

    Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", J. Artif. Intell.
    Res. 70, equations 1 and 2: a class is believed where its probability reaches the mean that it has among images of
    that label; a label is suspect where the likeliest class that is believed is another one.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    probabilities : ndarray of float, shape (N, classes)
        Each from a network that has not learnt from the image.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for a suspect label.

    Examples
    --------
    >>> answers = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.95, 0.05]])
    >>> suspects(np.array([0, 0, 1, 1, 1]), answers).tolist()
    [False, False, False, False, True]
    """
    classes = probabilities.shape[1]
    occurs = np.bincount(labels, minlength=classes) > 0
    usual = np.full(classes, np.inf)
    for label in np.flatnonzero(occurs):
        usual[label] = probabilities[labels == label, label].mean()
    believed = np.where(probabilities >= usual, probabilities, -1.0)
    found: NDArray[np.bool_] = (believed.max(axis=1) >= 0) & (believed.argmax(axis=1) != labels)
    return found


def spread(labels: NDArray[np.integer[Any]], answers: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Compare several networks with each other and with the labels of images that none of them has seen.

    What networks do not agree on, a mean of them or more training images may cure. What they agree on against the label
    is in the label, or in what the images do not show.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    answers : ndarray of float, shape (networks, N, classes)
        Probabilities; two networks at least.

    Returns
    -------
    dict
        ``images``; ``accuracy_of_each``, ``accuracy_of_one`` (its mean) and ``accuracy_of_mean`` (of the mean of the
        probabilities); ``agreement``, the share of images to which two of the networks give the same class, mean over
        the pairs; and ``all_against_label``, the share to which all give the same class but not the label's.

    Examples
    --------
    >>> one, other = [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]], [[0.7, 0.3], [0.7, 0.3], [0.9, 0.1]]
    >>> found = spread(np.array([0, 1, 1]), np.array([one, other]))
    >>> [round(found[key], 2) for key in ("accuracy_of_one", "accuracy_of_mean", "agreement", "all_against_label")]
    [0.5, 0.33, 0.67, 0.33]
    """
    predicted = answers.argmax(axis=2)
    each = [float(accuracy) for accuracy in (predicted == labels).mean(axis=1)]
    pairs = [(one == other).mean() for one, other in combinations(predicted, 2)]
    same = (predicted == predicted[0]).all(axis=0)
    return {
        "images": len(labels),
        "accuracy_of_each": each,
        "accuracy_of_one": sum(each) / len(each),
        "accuracy_of_mean": float((answers.mean(axis=0).argmax(axis=1) == labels).mean()),
        "agreement": float(np.mean(pairs)),
        "all_against_label": float((same & (predicted[0] != labels)).mean()),
    }
