"""Measure prediction sets on a labelled set."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import UsageError
from galaxy_classify.probabilities.held_out import HeldOut, as_stored
from galaxy_classify.probabilities.prediction_sets import set_levels, sets_of
from galaxy_train.run_metrics.metrics import SetMetrics

#: Coverages that are measured.
COVERAGES: Final = (0.8, 0.9, 0.95)


def measure_sets(
    held_out: HeldOut,
    labels: NDArray[np.integer[Any]],
    probabilities: NDArray[np.floating[Any]],
    classes: Sequence[str],
) -> dict[str, SetMetrics]:
    """Return how good prediction sets are, by coverage; without those that need more held-out images.

    Parameters
    ----------
    held_out : HeldOut
        What the sets are calibrated on.
    labels : ndarray of int, shape (N,)
        Class indices of other images.
    probabilities : ndarray of float, shape (N, classes)
        Their probabilities.
    classes : sequence of str
        Class names.
    """
    found = {}
    for coverage in COVERAGES:
        with suppress(UsageError):
            found[f"{coverage:.2f}"] = _measure(set_levels(held_out, coverage), labels, probabilities, classes)
    return found


def _measure(
    levels: NDArray[np.float64],
    labels: NDArray[np.integer[Any]],
    probabilities: NDArray[np.floating[Any]],
    classes: Sequence[str],
) -> SetMetrics:
    sets = sets_of(probabilities, as_stored(probabilities) >= levels, classes)
    held = np.array([classes[label] in found for label, found in zip(labels, sets, strict=True)])
    coverage = float(held.mean())
    return SetMetrics(
        coverage=coverage,
        standard_error=float(np.sqrt(coverage * (1 - coverage) / len(labels))),
        mean_size=float(np.mean(list(map(len, sets)))),
        by_class={
            name: float(held[labels == number].mean()) if (labels == number).any() else None
            for number, name in enumerate(classes)
        },
    )
