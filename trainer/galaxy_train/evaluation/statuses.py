"""The statuses that images get at the default thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.defaults import MIN_FAMILIARITY, THRESHOLD
from galaxy_train.run_metrics.evaluations import StatusMetrics


def is_unfamiliar(familiarity: NDArray[np.floating[Any]] | None) -> NDArray[np.bool_] | np.bool_:
    """Return a mask of the images that are unfamiliar; False if the network has no familiarity."""
    return np.False_ if familiarity is None else familiarity < MIN_FAMILIARITY


def is_ok(confidence: NDArray[np.floating[Any]], familiarity: NDArray[np.floating[Any]] | None) -> NDArray[np.bool_]:
    """Return a mask of the images that are neither uncertain nor unfamiliar."""
    return (confidence >= THRESHOLD) & ~is_unfamiliar(familiarity)


def status_metrics(
    labels: NDArray[np.integer[Any]],
    probabilities: NDArray[np.floating[Any]],
    familiarity: NDArray[np.floating[Any]] | None,
) -> StatusMetrics:
    """Measure how many images of a labelled set get each status, and how accurate those are that are ok.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    probabilities : ndarray of float, shape (N, classes)
        Rows sum to 1.
    familiarity : ndarray of float, shape (N,), or None
        None for a network without familiarity.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.7, 0.3]])
    >>> status_metrics(np.array([0, 0, 0, 0]), probabilities, np.array([0.9, 0.6, 0.9, 0.1]))
    StatusMetrics(ok=0.5, uncertain=0.25, unfamiliar=0.25, ok_accuracy=0.5)
    """
    ok = is_ok(probabilities.max(axis=1), familiarity)
    unfamiliar = is_unfamiliar(familiarity)
    correct = probabilities.argmax(axis=1) == labels
    return StatusMetrics(
        ok=float(ok.mean()),
        uncertain=float((~ok & ~unfamiliar).mean()),
        unfamiliar=None if familiarity is None else float(unfamiliar.mean()),
        ok_accuracy=float(correct[ok].mean()) if ok.any() else None,
    )
