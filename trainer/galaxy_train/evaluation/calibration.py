"""Calibrate a network: make its confidence match its accuracy, and shift its familiarity so that the limit is 0.5."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.networks.keras_model import has_familiarity, predict_layer, predict_logits
from galaxy_train.networks.recipes import FAMILIARITY_LOGIT, FAMILIARITY_SHIFT, TEMPERATURE

#: Limits of the temperature; values beyond them come from a failed training, not from miscalibration.
COLDEST: Final = 0.05


HOTTEST: Final = 20.0


HALVINGS: Final = 60


#: Share of held-out galaxies whose familiarity is below 0.5. Among other galaxies of the classes it varies by a few
#: tenths of a percent, so that it stays below 2.5 %.
UNFAMILIAR_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is fitted on held-out images after the training, and becomes part of the network.

    Parameters
    ----------
    temperature : float or None
        Divides the logits; None if there were no held-out images.
    familiarity_shift : float or None
        Is added to the familiarity logit; None without held-out images, or for a network without familiarity.
    """

    temperature: float | None = None
    familiarity_shift: float | None = None

    def apply(self, model: Any) -> None:
        """Put the values into a network."""
        if self.temperature is not None:
            model.get_layer(TEMPERATURE).scale = 1 / self.temperature
        if self.familiarity_shift is not None:
            model.get_layer(FAMILIARITY_SHIFT).offset = self.familiarity_shift


def calibrate(model: Any, held_out: GalaxyDataset | None) -> Calibration:
    """Fit temperature and familiarity shift on held-out galaxies, if there are any."""
    if held_out is None:
        return Calibration()
    temperature = fit_temperature(predict_logits(model, held_out.images), held_out.labels)
    if not has_familiarity(model):
        return Calibration(temperature)
    return Calibration(temperature, fit_familiarity_shift(predict_layer(model, FAMILIARITY_LOGIT, held_out.images)))


def fit_familiarity_shift(logits: NDArray[np.floating[Any]]) -> float:
    """Return what to add to familiarity logits, so that `UNFAMILIAR_SHARE` of other such galaxies are below zero.

    The lowest of N values has a share of 1 / (N + 1) of other values below it on average. Of few galaxies that is more
    than wanted; then the tail of a logistic distribution, of the same standard deviation, is followed further down.

    Examples
    --------
    >>> fit_familiarity_shift(np.array([3.0] * 90 + [1.0] * 10))
    -1.0
    >>> round(fit_familiarity_shift(np.array([3.0, 4.0, 5.0, 6.0])), 2)  # -3 would be too high: a fifth lie below it
    -1.58
    """
    position = UNFAMILIAR_SHARE * (len(logits) + 1)
    if position >= 1:
        return -float(np.quantile(logits, UNFAMILIAR_SHARE, method="weibull"))
    scale = float(np.std(logits)) * math.sqrt(3) / math.pi
    return -(float(np.min(logits)) + scale * math.log(position))


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
