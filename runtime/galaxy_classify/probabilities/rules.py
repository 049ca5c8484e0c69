"""How a model's probabilities become what a row says: class mix, thresholds, prediction sets, coarse classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import UsageError
from galaxy_classify.prediction import SET_SEPARATOR
from galaxy_classify.probabilities.class_mix import assumed_mix
from galaxy_classify.probabilities.coarse import coarse_places
from galaxy_classify.probabilities.held_out import HeldOut, as_stored
from galaxy_classify.probabilities.prediction_sets import set_levels, sets_of
from galaxy_classify.probabilities.prior import fractions_of, reweight


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What a classifier makes of the probabilities of its model.

    Parameters
    ----------
    classes : tuple of str
        The model's classes.
    factors : ndarray of float64, shape (classes,), or None
        What probabilities are multiplied by for another class mix; None to leave them.
    levels : ndarray of float64, shape (classes,), or None
        Probability from which on each class belongs to the prediction set; None for no sets.
    coarse : dict of str to tuple of int
        Places of each coarse class's classes; empty for none.
    """

    classes: tuple[str, ...]
    factors: NDArray[np.float64] | None
    levels: NDArray[np.float64] | None
    coarse: dict[str, tuple[int, ...]]

    def reweighted(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities, shape (N, classes), for the class mix in question."""
        return np.asarray(self._weighted(probabilities), np.float32)

    def original(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities that the model gave, from those that `reweighted` made of them."""
        if self.factors is None:
            return probabilities
        return reweight(probabilities, 1 / self.factors)

    def sets(self, probabilities: NDArray[np.float32]) -> Sequence[tuple[str, ...] | None]:
        """Return the prediction set of each row of the model's probabilities; None for each if there are no sets."""
        if self.levels is None:
            return [None] * len(probabilities)
        reached = self._weighted(as_stored(probabilities)) >= self.levels
        return sets_of(self.reweighted(probabilities), reached, self.classes)

    def _weighted(self, probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
        return probabilities if self.factors is None else reweight(probabilities, self.factors)

    def coarse_class(self, probabilities: Sequence[float]) -> tuple[str, float] | tuple[None, None]:
        """Return the more probable coarse class of one row, and its probability."""
        if not self.coarse:
            return None, None
        sums = {name: sum(probabilities[place] for place in places) for name, places in self.coarse.items()}
        best = max(sums, key=lambda name: sums[name])
        return best, min(sums[best], 1.0)


def rules_of(
    classes: tuple[str, ...],
    held_out: HeldOut | None,
    *,
    prior: tuple[tuple[str, float], ...] | None,
    sets: float | None,
    coarse: bool,
    model: str,
) -> Rules:
    """Return the rules for a model.

    Raises
    ------
    UsageError
        If the model lacks what they need.
    """
    factors = weights = levels = None
    if prior is not None:
        known = require_held_out(held_out, classes, model)
        factors = fractions_of(prior) / assumed_mix(known).fractions
        weights = fractions_of(prior) * len(known) / known.counts()
    if sets is not None:
        if clashing := [name for name in classes if SET_SEPARATOR in name]:
            raise UsageError(
                f"prediction sets are written with {SET_SEPARATOR} between classes, as {clashing[0]!r} has it"
            )
        levels = set_levels(require_held_out(held_out, classes, model), sets, factors, weights)
    return Rules(classes, factors, levels, coarse_places(classes) if coarse else {})


def require_held_out(held_out: HeldOut | None, classes: Sequence[str], model: str) -> HeldOut:
    """Return a model's predictions on held-out galaxies; raise `UsageError` if it has none, or none of some class."""
    if held_out is None:
        raise UsageError(
            f"the model {model} carries no predictions on held-out galaxies, which priors, class fractions and "
            "prediction sets rest on; train and convert it again with this release"
        )
    if missing := held_out.missing_classes(classes):
        raise UsageError(f"the model {model} carries no prediction on a held-out galaxy of {', '.join(missing)}")
    return held_out
