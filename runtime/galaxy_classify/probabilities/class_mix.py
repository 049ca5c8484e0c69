"""Estimate how many of a run's galaxies belong to each class, and the class mix that a model's probabilities assume.

A classifier's probabilities hold for the class mix of its training. Counting the predicted classes of other galaxies
gives fractions that lean towards that mix. Two steps correct this:

1. On galaxies that were held out of the training, one factor for each class is fitted by maximum likelihood, so that
   the probabilities agree with the labels on the whole ("bias-corrected calibration", Alexandari, Kundaje & Shrikumar
   2020, PMLR 119). It gives the class mix that the probabilities assume (`AssumedMix`).
2. The class mix of a run is that which makes its probabilities most likely, found by expectation maximisation
   (Saerens, Latinne & Decaestecker 2002, Neural Computation 14, 21, https://doi.org/10.1162/089976602753284446).

Standard errors contain both the number of galaxies in the run and the number held out (M-estimation; White 1982,
Econometrica 50, 1, https://doi.org/10.2307/1912526). They do not contain what makes a survey's galaxies look different
within a class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.probabilities.held_out import HeldOut

#: The stored probabilities are rounded, so that a small one may be zero.
SMALLEST: Final = 1e-6
#: Precision, as one over a variance, of the normal distribution that the logarithms of the factors are drawn to zero
#: by. Without it, a class of a few galaxies that are all recognised would get an infinite factor.
PULL: Final = 1.0
NEWTON_STEPS: Final = 50
#: Expectation maximisation ends when no fraction changes by more than this.
TOLERANCE: Final = 1e-7
MOST_STEPS: Final = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class AssumedMix:
    """The class mix that a model's probabilities assume.

    Parameters
    ----------
    fractions : ndarray of float64, shape (classes,)
        The mix.
    covariance : ndarray of float64, shape (classes, classes)
        Covariance of the fractions' logarithms.
    """

    fractions: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MixEstimate:
    """Estimated fractions of the classes and their standard errors, each of shape (classes,)."""

    fractions: NDArray[np.float64]
    standard_errors: NDArray[np.float64]


def assumed_mix(held_out: HeldOut) -> AssumedMix:
    """Return the class mix that a model's probabilities assume. Each class must have a held-out galaxy."""
    logarithms = np.log(np.maximum(held_out.probability_array(), SMALLEST))
    shares = held_out.counts() / len(held_out)
    truth = np.eye(len(shares))[held_out.label_array()]
    pull = PULL * np.eye(len(shares))
    factors = np.zeros(len(shares))  # their logarithms
    for _ in range(NEWTON_STEPS):
        fitted = _softmax(logarithms + factors)
        curvature = np.diag(fitted.sum(axis=0)) - fitted.T @ fitted + pull
        step = np.linalg.solve(curvature, (fitted - truth).sum(axis=0) + PULL * factors)
        factors -= step
        if abs(step).max() < TOLERANCE:
            break
    fitted = _softmax(logarithms + factors)
    inverse = np.linalg.inv(np.diag(fitted.sum(axis=0)) - fitted.T @ fitted + pull)
    residuals = fitted - truth
    mix = shares * np.exp(-factors)
    return AssumedMix(mix / mix.sum(), inverse @ (residuals.T @ residuals) @ inverse)


def estimate_mix(assumed: AssumedMix, probabilities: NDArray[np.float64]) -> MixEstimate:
    """Estimate the class mix of a run.

    Parameters
    ----------
    assumed : AssumedMix
        The mix that the probabilities assume.
    probabilities : ndarray of float64, shape (N, classes)
        The model's probabilities of the run's galaxies, or of a sample of them: the standard errors are larger then.
    """
    ratios = probabilities / assumed.fractions
    mix = assumed.fractions
    for _ in range(MOST_STEPS):
        before, mix = mix, mix * (ratios / (ratios @ mix)[:, None]).mean(axis=0)
        if abs(mix - before).max() < TOLERANCE:
            break
    gains = ratios / (ratios @ mix)[:, None]
    return MixEstimate(mix, np.sqrt(_from_held_out(assumed, gains * mix, mix) + _from_run(gains, mix)))


def _from_held_out(assumed: AssumedMix, shares: NDArray[np.float64], mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variances that come from the assumed mix.

    The estimate is where expectation maximisation stands still: ``mix = shares.mean()``, with each galaxy's shares in
    the classes. The derivative of that by the logarithms of the assumed mix follows from the implicit function theorem.
    """
    spread = np.diag(mix) - shares.T @ shares / len(shares)
    at_rest = np.eye(len(mix)) - spread / np.maximum(mix, SMALLEST)
    change = np.linalg.pinv(at_rest) @ spread
    return np.diag(change @ assumed.covariance @ change.T).clip(0)


def _from_run(gains: NDArray[np.float64], mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variances that come from the number of galaxies: of the inverse Fisher information, sum held at 1."""
    information = gains.T @ gains
    directions = np.linalg.svd(np.ones((1, len(mix))))[2][1:].T
    inverse = np.linalg.pinv(directions.T @ information @ directions)
    return np.diag(directions @ inverse @ directions.T).clip(0)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
