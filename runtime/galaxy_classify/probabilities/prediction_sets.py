"""Prediction sets: the classes that a galaxy may belong to, which hold the true one with a chosen probability.

Split conformal prediction (Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019, https://doi.org/10.1080/
01621459.2017.1395341, whose sets are the smallest on average): a class belongs to the set if its probability reaches a
level, which a given share of the held-out galaxies reach with their true class. For galaxies like the held-out ones,
the sets then hold the true class at least so often, whatever the quality of the probabilities.

For another class mix, the held-out galaxies are weighted by their classes (Podkopaev & Ramdas 2021, PMLR 161).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import UsageError
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_classify.probabilities.prior import reweight


def set_levels(
    held_out: HeldOut,
    coverage: float,
    factors: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the probability from which on each class belongs to a galaxy's prediction set.

    Parameters
    ----------
    held_out : HeldOut
        Predictions on held-out galaxies.
    coverage : float
        How often a set must hold the true class, between 0 and 1.
    factors : ndarray of float64, shape (classes,), optional
        What the probabilities of a run are multiplied by for another class mix, before they sum to 1 again.
    weights : ndarray of float64, shape (classes,), optional
        How much more frequent each class is in that mix than among the held-out galaxies.

    Returns
    -------
    ndarray of float64, shape (classes,)
        Without `weights`, the same for all classes.

    Raises
    ------
    UsageError
        If there are too few held-out galaxies for this coverage.

    Examples
    --------
    >>> nine = HeldOut((0,) * 9, tuple((share / 10, 1 - share / 10) for share in range(1, 10)))
    >>> set_levels(nine, 0.8).tolist()
    [0.2, 0.2]
    """
    labels, probabilities = held_out.label_array(), held_out.probability_array()
    if factors is not None:
        probabilities = reweight(probabilities, factors)
    if weights is None:
        weights = np.ones(probabilities.shape[1])
    true = probabilities[np.arange(len(labels)), labels]
    order = np.argsort(-true, kind="stable")
    reached = np.cumsum(weights[labels[order]])
    # The galaxy in question counts as one more, with the weight of the class that it may belong to.
    needed = coverage * (reached[-1] + weights)
    if (needed > reached[-1] * (1 + 1e-9)).any():
        raise UsageError(
            f"prediction sets: {len(held_out):,} held-out galaxies are too few for a coverage of {coverage}; "
            f"choose a lower one, or a model with more of them"
        )
    places = np.searchsorted(reached, needed * (1 - 1e-9))
    return np.asarray(true[order][places.clip(max=len(true) - 1)])


def sets_of(
    probabilities: NDArray[np.floating], reached: NDArray[np.bool_], classes: Sequence[str]
) -> list[tuple[str, ...]]:
    """Return the prediction set of each row of probabilities, the most probable class first; none is empty.

    `reached` tells which classes reach their level.

    Examples
    --------
    >>> rows = np.array([[0.7, 0.3], [0.95, 0.05]])
    >>> sets_of(rows, rows >= 0.2, ["round", "spiral"])
    [('round', 'spiral'), ('round',)]
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    inside = np.take_along_axis(reached, order, axis=1)
    inside[:, 0] = True
    return [
        tuple(classes[number] for number, belongs in zip(row, belonging, strict=True) if belongs)
        for row, belonging in zip(order.tolist(), inside.tolist(), strict=True)
    ]
