"""Predictions on held-out galaxies, which a model file carries so that its probabilities can be corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ModelError

#: Most galaxies that are stored. With 2,000, the coverage of prediction sets is known to one percentage point.
MOST_GALAXIES: Final = 2_000
#: Most that are read: a file from elsewhere may hold more, but not so many that they fill the memory.
MOST_READ: Final = 100_000
#: Decimals of the stored probabilities.
DECIMALS: Final = 4
#: Seed of the choice among more galaxies than are stored.
SEED: Final = 0


def as_stored(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities rounded as those of the held-out galaxies are, for a comparison with levels among these.

    With others, a class that is as improbable as that of a held-out galaxy might miss a level that this one reaches by
    its rounding.
    """
    return probabilities.astype(np.float64).round(DECIMALS)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Labels of galaxies that were held out of a model's training, and the probabilities that it gives them.

    Parameters
    ----------
    labels : tuple of int
        Number of each galaxy's class.
    probabilities : tuple of tuple of float
        A row for each galaxy, with the probability of each class.
    """

    labels: tuple[int, ...]
    probabilities: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, labels: NDArray[Any], probabilities: NDArray[Any]) -> HeldOut:
        """Keep predictions, rounded; of more than `MOST_GALAXIES`, as many that are drawn at random."""
        if len(labels) > MOST_GALAXIES:
            drawn = np.sort(np.random.default_rng(SEED).permutation(len(labels))[:MOST_GALAXIES])
            labels, probabilities = labels[drawn], probabilities[drawn]
        return cls(tuple(labels.astype(int).tolist()), tuple(map(tuple, as_stored(probabilities).tolist())))

    @classmethod
    def from_json(cls, value: Any, classes: int) -> HeldOut:
        """Read what `to_json` gives, for a model with so many classes; raise `ModelError` if it is anything else."""
        try:
            labels, probabilities = np.array(value["labels"]), np.array(value["probabilities"], np.float64)
        except (TypeError, KeyError, ValueError, OverflowError):
            raise ModelError("held_out does not have labels and rows of probabilities") from None
        if labels.ndim != 1 or not 1 <= len(labels) <= MOST_READ or labels.dtype.kind != "i":
            raise ModelError(f"held_out does not have 1 to {MOST_READ:,} whole numbers as labels")
        if probabilities.shape != (len(labels), classes):
            raise ModelError(f"held_out has probabilities of the shape {probabilities.shape}, not one for each class")
        if labels.min() < 0 or labels.max() >= classes:
            raise ModelError("held_out has labels that are no number of a class")
        # Each was rounded on its own.
        tolerance = 0.01 + classes * 10.0**-DECIMALS
        if not (probabilities >= 0).all() or not (abs(probabilities.sum(axis=1) - 1) <= tolerance).all():
            raise ModelError("held_out has rows of probabilities that do not sum to 1")
        return cls(tuple(labels.tolist()), tuple(map(tuple, probabilities.tolist())))

    def to_json(self) -> dict[str, Any]:
        """Return the content for JSON."""
        return {"labels": list(self.labels), "probabilities": [list(row) for row in self.probabilities]}

    def __len__(self) -> int:
        """Return the number of galaxies."""
        return len(self.labels)

    def label_array(self) -> NDArray[np.int64]:
        """Return the labels, shape (galaxies,)."""
        return np.array(self.labels, np.int64)

    def probability_array(self) -> NDArray[np.float64]:
        """Return the probabilities, shape (galaxies, classes)."""
        return np.array(self.probabilities, np.float64)

    def counts(self) -> NDArray[np.int64]:
        """Return the number of galaxies of each class, shape (classes,)."""
        return np.bincount(self.label_array(), minlength=len(self.probabilities[0]))

    def missing_classes(self, classes: Sequence[str]) -> list[str]:
        """Return the classes of which there is no galaxy."""
        return [name for name, count in zip(classes, self.counts(), strict=True) if not count]
