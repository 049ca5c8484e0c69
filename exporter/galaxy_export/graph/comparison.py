"""Measure how much predictions differ from others, output by output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import EmbeddingError, FamiliarityError, LogitError, ParityError, ProbabilityError
from galaxy_export.graph.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference between two arrays with one row per image.

    Parameters
    ----------
    absolute : float
        Largest absolute difference; infinite if there is a NaN.
    relative : float
        Largest difference relative to the largest value of the same image (for logits and embeddings: at least 1).
    image : int
        Position of the image with the largest absolute difference.
    """

    absolute: float
    relative: float
    image: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences between a model's predictions and the reference, at one batch size.

    Parameters
    ----------
    batch_size : int
        Images per batch; the last batch may have fewer.
    logits, probabilities : Difference
        The largest differences.
    agreement : float
        Share of the images that get the same class.
    widest_margin : float or None
        Among images that get another class, the largest distance between the reference's two largest probabilities;
        None if there are none.
    familiarity_logit, familiarity, embedding : Difference or None
        The largest differences; None if the models have no such output.
    """

    batch_size: int
    logits: Difference
    probabilities: Difference
    agreement: float
    widest_margin: float | None
    familiarity_logit: Difference | None = None
    familiarity: Difference | None = None
    embedding: Difference | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A difference that the gate limits.

    Parameters
    ----------
    field : str
        Attribute of `Predictions` and of `Comparison`.
    name : str
        What it is called in messages.
    key : str
        What it is called in the metadata.
    relative : bool
        Whether it is relative to the size of the values.
    error : type
        What is raised if it is too large.
    title : str
        Column of the report's table, for outputs that not every network has.
    """

    field: str
    name: str
    key: str
    relative: bool
    error: type[ParityError]
    title: str = ""

    def difference(self, row: Comparison) -> Difference | None:
        """Return the difference at one batch size; None if the models have no such output."""
        found: Difference | None = getattr(row, self.field)
        return found

    def of(self, row: Comparison) -> float | None:
        """Return the number that is limited; None if the models have no such output."""
        found = self.difference(row)
        return None if found is None else found.relative if self.relative else found.absolute


MEASURES: Final = (
    Measure("logits", "relative difference of a logit", "largest_logit_difference", True, LogitError),
    Measure("probabilities", "difference of a probability", "largest_probability_difference", False, ProbabilityError),
    Measure(
        "familiarity_logit",
        "relative difference of a familiarity logit",
        "largest_familiarity_logit_difference",
        True,
        FamiliarityError,
        "familiarity logit, relative",
    ),
    Measure(
        "familiarity",
        "difference of a familiarity",
        "largest_familiarity_difference",
        False,
        FamiliarityError,
        "familiarity",
    ),
    Measure(
        "embedding",
        "relative difference of an embedding",
        "largest_embedding_difference",
        True,
        EmbeddingError,
        "embedding, relative",
    ),
)


def compare(reference: Predictions, predictions: Predictions, batch_size: int) -> Comparison:
    """Measure the differences between predictions and the reference."""
    second, best = np.sort(reference.probabilities, axis=1)[:, -2:].T
    changed = predictions.predicted != reference.predicted
    differences = {}
    for measure in MEASURES:
        expected, found = getattr(reference, measure.field), getattr(predictions, measure.field)
        if expected is not None and found is not None:
            differences[measure.field] = _difference(expected, found, at_least=1 if measure.relative else 0)
    return Comparison(
        batch_size,
        agreement=float((~changed).mean()),
        widest_margin=float((best - second)[changed].max()) if changed.any() else None,
        **differences,
    )


def _difference(reference: NDArray[np.float32], values: NDArray[np.float32], *, at_least: float) -> Difference:
    rows = (len(reference), -1)
    distance = np.nan_to_num(np.abs(values - reference), nan=np.inf).reshape(rows).max(axis=1)
    scale = np.maximum(np.abs(reference).reshape(rows).max(axis=1), at_least)
    return Difference(float(distance.max()), float((distance / scale).max()), int(distance.argmax()))
