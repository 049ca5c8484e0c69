"""Collect the predictions of a run, and estimate the fractions of its classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.prediction import Prediction
from galaxy_classify.probabilities.class_mix import assumed_mix, estimate_mix
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_classify.probabilities.rules import Rules

#: Most predictions that an estimate uses, and at least half as many of a longer run: enough to know a fraction to about
#: a percentage point, which is less than the uncertainty that comes from the held-out galaxies. With many classes,
#: fewer, for the sake of memory and of the seconds that an estimate takes.
MOST_ROWS: Final = 4_096
MOST_NUMBERS: Final = 400_000
#: Below these numbers of galaxies, in a run and held out of a class, an estimate comes with a remark.
FEW_IN_RUN: Final = 100
FEW_HELD_OUT: Final = 50
#: Multiplied by this odd number, modulo 2^64, consecutive numbers spread evenly (Knuth, The Art of Computer
#: Programming, volume 3, section 6.4).
SPREAD: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class ClassMix:
    """Fractions of the classes among a run's galaxies, corrected for the model's errors.

    Parameters
    ----------
    galaxies : int
        Classified inputs, uncertain ones included, unfamiliar ones not.
    counts : dict of str to int
        Number of them that have each class as their label.
    fractions : dict of str to float
        Estimated fraction of each class; they sum to 1.
    standard_errors : dict of str to float
        Standard error of each, from the number of galaxies in the run, or in the sample of a long one, and the number
        held out of the training.
    held_out : dict of str to int
        Number of held-out galaxies of each class, which the correction rests on.
    notes : tuple of str
        Reasons to trust the fractions less, in words.
    """

    galaxies: int
    counts: dict[str, int]
    fractions: dict[str, float]
    standard_errors: dict[str, float]
    held_out: dict[str, int]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the content for JSON, with six decimals."""
        return asdict(self) | {
            "notes": list(self.notes),
            "fractions": {name: round(value, 6) for name, value in self.fractions.items()},
            "standard_errors": {name: round(value, 6) for name, value in self.standard_errors.items()},
        }

    def summary(self) -> str:
        """Return the fractions in one line.

        Examples
        --------
        >>> mix = ClassMix(90, {"round": 60, "spiral": 30}, {"round": 0.7, "spiral": 0.3}, {"round": 0.05,
        ...     "spiral": 0.05}, {"round": 80, "spiral": 70})
        >>> mix.summary()
        'class fractions, corrected: round 0.700 ± 0.050, spiral 0.300 ± 0.050'
        """
        fractions = (f"{name} {value:.3f} ± {self.standard_errors[name]:.3f}" for name, value in self.fractions.items())
        return f"class fractions, corrected: {', '.join(fractions)}"


class Thinning:
    """Choose inputs of a stream of unknown length evenly, by their places: all of the first, then fewer and fewer.

    The choice depends on nothing but the number of inputs. At any time, about `most` of those so far, or down to half
    as many, are `kept`; whoever has chosen others before drops them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._halvings = 0
        self.seen = 0

    def choose(self) -> int | None:
        """Return the next input's place if it is chosen, else None."""
        place = self.seen
        self.seen += 1
        if self.seen > self._most << self._halvings:
            self._halvings += 1
        return place if self.keeps(place) else None

    def keeps(self, place: int) -> bool:
        """Tell whether the input at a place that was chosen is still kept."""
        return (place * SPREAD) % (1 << 64) < (1 << 64) >> self._halvings


class MixCollector:
    """Collect a bounded number of a run's predictions, and estimate the fractions of its classes."""

    def __init__(self, classes: Sequence[str], held_out: HeldOut, rules: Rules) -> None:
        self._classes = tuple(classes)
        self._held_out = held_out
        self._rules = rules
        self._counts: Counter[str] = Counter()
        self._most = min(MOST_ROWS, MOST_NUMBERS // len(self._classes))
        self._thinning = Thinning(self._most)
        self._rows: dict[int, NDArray[np.float64]] = {}
        self._estimate: ClassMix | None = None  # of all that was added, once it is made

    def add(self, prediction: Prediction) -> None:
        """Take the next prediction of the run; failed and unfamiliar ones count for no class."""
        if prediction.label is None or prediction.status == "unfamiliar":
            return
        place = self._thinning.choose()
        self._counts[prediction.label] += 1
        self._estimate = None
        if place is not None:
            # Rounded as in a result file: when a run is continued, its first rows are read from there.
            row = [round(prediction.probabilities[name], 6) for name in self._classes]
            self._rows[place] = np.array(row)
            if len(self._rows) > 2 * self._most:
                self._drop()

    def estimate(self) -> ClassMix | None:
        """Return the estimate; None if no input was classified."""
        if self._estimate is None and self._rows:
            self._estimate = self._new_estimate()
        return self._estimate

    def _new_estimate(self) -> ClassMix:
        self._drop()
        galaxies, held_out = self._counts.total(), self._held_out.counts().tolist()
        given = self._rules.original(np.stack(list(self._rows.values())))
        mix = estimate_mix(assumed_mix(self._held_out), given)
        return ClassMix(
            galaxies,
            {name: self._counts[name] for name in self._classes},
            dict(zip(self._classes, mix.fractions.tolist(), strict=True)),
            dict(zip(self._classes, mix.standard_errors.tolist(), strict=True)),
            dict(zip(self._classes, held_out, strict=True)),
            tuple(self._notes(galaxies, held_out)),
        )

    def _drop(self) -> None:
        self._rows = {place: row for place, row in self._rows.items() if self._thinning.keeps(place)}

    def _notes(self, galaxies: int, held_out: Sequence[int]) -> list[str]:
        notes = []
        if galaxies < FEW_IN_RUN:
            notes.append(f"class fractions are rough: the run has only {galaxies:,} galaxies")
        few = [f"{name} {count}" for name, count in zip(self._classes, held_out, strict=True) if count < FEW_HELD_OUT]
        if few:
            notes.append(f"class fractions rest on few held-out galaxies: {', '.join(few)}")
        return notes
