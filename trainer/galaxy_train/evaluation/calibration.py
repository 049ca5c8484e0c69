"""Calibrate a network: fit the temperature that makes its confidence match its accuracy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Limits of the temperature; values beyond them come from a failed training, not from miscalibration.
COLDEST: Final = 0.05


HOTTEST: Final = 20.0


HALVINGS: Final = 60


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the probabilities of logits, shape (N, classes), in double precision."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> float:
    """Return the temperature that maximises the likelihood of the labels.

    Temperature scaling divides the logits by one number, so no predicted class changes (Guo et al. 2017, "On
    Calibration of Modern Neural Networks", section 4.2). The negative log-likelihood is convex in the inverse
    temperature, so its slope is bisected. Each of the N labels is given a doubt of 1 / (N + 2), after Platt 1999,
    "Probabilistic Outputs for Support Vector Machines": otherwise a network that is right on all of a few images would
    become infinitely confident.

    Parameters
    ----------
    logits : ndarray of float, shape (N, classes)
        Logits of held-out images.
    labels : ndarray of int, shape (N,)
        Their classes.

    Returns
    -------
    float
        Above 1 for an overconfident network, from 0.05 to 20.

    Examples
    --------
    >>> logits = np.array([[2.0, 0.0]] * 4)
    >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 4)  # 3/4, and 1/6 of doubt: log(17/7) = 2 / 2.2540
    2.254
    """
    doubt = 1 / (len(labels) + 2)
    likely = np.take_along_axis(logits, labels[:, np.newaxis].astype(np.int64), axis=1).mean()
    right = (1 - doubt) * likely + doubt * logits.mean()

    def slope(inverse: float) -> float:
        expected = (softmax(logits * inverse) * logits).sum(axis=1).mean()
        return float(expected - right)

    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return float(1 / high)
