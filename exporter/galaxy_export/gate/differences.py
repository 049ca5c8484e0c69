"""Measure how far an output is from the reference's, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_export.gate.limits import Limit

#: A sample may change its class only if the reference's two largest scores differ by less than this.
MARGIN: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest differences between two arrays with one row per sample.

    Parameters
    ----------
    absolute : float
        Largest absolute difference; infinite where one of the two is NaN.
    relative : float
        Largest difference relative to the reference's largest value for the same sample (at least `Limit.floor`).
    excess : float
        Largest difference as a multiple of its limit: above 1 it is refused.
    sample : int
        Position of the sample with the largest excess.
    refused : int
        Number of samples beyond the limit.
    """

    absolute: float
    relative: float
    excess: float
    sample: int
    refused: int

    @property
    def accepted(self) -> bool:
        """Whether all samples are within the limit."""
        return self.refused == 0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many samples get the class that the reference gives.

    Parameters
    ----------
    agreement : float
        Share of the samples that get the same class.
    widest_margin : float or None
        Among samples that get another class, the largest distance between the reference's two largest scores; infinite
        for an output of classes without scores, None if there are no such samples.
    sample : int or None
        Position of the sample with that margin.
    changed : float
        Share of the samples that get another class although the margin is at least `MARGIN`.
    """

    agreement: float
    widest_margin: float | None
    sample: int | None
    changed: float


def measure_difference(
    reference: NDArray[Any], found: NDArray[Any], limit: Limit, *, same_nan: bool = False
) -> Difference:
    """Measure the differences between two arrays of one shape, with one row per sample."""
    if reference.size == 0:
        return Difference(0.0, 0.0, 0.0, 0, 0)
    rows = (len(reference), -1)
    distance = distances(reference, found, same_nan=same_nan).reshape(rows).max(axis=1)
    scale = magnitudes(reference)
    accepted = limit.of(scale)
    excess = _ratio(distance, accepted)
    return Difference(
        absolute=float(distance.max()),
        relative=float(_ratio(distance, np.maximum(scale, limit.floor)).max()),
        excess=float(excess.max()),
        sample=int(excess.argmax()),
        refused=int((distance > accepted).sum()),
    )


def distances(reference: NDArray[Any], found: NDArray[Any], *, same_nan: bool = False) -> NDArray[np.float64]:
    """Return the absolute difference of each value.

    It is infinite where one of the two is NaN, or both, unless these are to be the same: a reference that gives NaN
    proves nothing. Infinities of the same sign are equal, as where classes are masked.
    """
    equal = np.asarray(reference == found)
    if reference.dtype.kind not in "fiub":
        return np.where(equal, 0.0, np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(found.astype(np.float64) - reference.astype(np.float64))
    distance[np.isnan(distance)] = np.inf
    distance[~equal & (distance == 0)] = 1  # neighbours among integers too large for float64
    distance[equal] = 0
    if same_nan:
        distance[np.isnan(reference) & np.isnan(found)] = 0
    return distance


def magnitudes(reference: NDArray[Any]) -> NDArray[np.float64]:
    """Return the largest finite value of each sample, by which its limit grows."""
    rows = (len(reference), -1)
    if reference.dtype.kind not in "fiub":
        return np.zeros(len(reference))
    values = np.abs(reference.astype(np.float64))
    largest: NDArray[np.float64] = np.where(np.isfinite(values), values, 0.0).reshape(rows).max(axis=1)
    return largest


def _ratio(distance: NDArray[np.float64], unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; any distance is infinitely many times 0, but no distance is none."""
    ratio = np.full_like(distance, np.inf)
    np.divide(distance, unit, out=ratio, where=unit > 0)
    ratio[distance == 0] = 0
    return ratio


def measure_agreement(reference: NDArray[Any], found: NDArray[Any]) -> Agreement:
    """Count the samples that get the same class: by their largest scores (samples, ..., classes), or by their labels.

    An output of one value per sample, or of integers or text, holds the classes themselves.
    """
    count = len(reference)
    if holds_labels(reference):
        changed = (reference != found).reshape(count, -1).any(axis=1)
        margin = np.full(count, np.inf)
    else:
        scores = reference.reshape(-1, reference.shape[-1])
        second, best = np.sort(scores, axis=1)[:, -2:].T
        different = scores.argmax(axis=1) != found.reshape(scores.shape).argmax(axis=1)
        changed = different.reshape(count, -1).any(axis=1)
        margin = np.where(different, best - second, 0).reshape(count, -1).max(axis=1)
    if not changed.any():
        return Agreement(1.0, None, None, 0.0)
    sample = int(np.where(changed, margin, -1).argmax())
    refused = float((changed & (margin >= MARGIN)).mean())
    return Agreement(float((~changed).mean()), float(margin[sample]), sample, refused)


def holds_labels(output: NDArray[Any]) -> bool:
    """Tell whether an output holds classes themselves instead of a score for each class."""
    return output.ndim < 2 or output.dtype.kind != "f"
