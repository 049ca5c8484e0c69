"""Compare predictions of galaxy models: which outputs the gate compares, how, and what it raises for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from galaxy_classify.errors import EmbeddingError, FamiliarityError, LogitError, ParityError, ProbabilityError
from galaxy_classify.inference.contract import OUTPUT_NAME
from galaxy_export.gate.comparison import BatchComparison, compare_outputs
from galaxy_export.gate.differences import Difference
from galaxy_export.gate.limits import Limit
from galaxy_export.graph.predictions import Predictions

#: A correct export stays well below: the embedded models differ by at most 1.1e-6 on the SDSS test set
#: (docs/explanation/parity.md).
PARITY_TOLERANCE: Final = 1e-5


#: Tolerance of logits, which are compared relative to their size, as a multiple of that of probabilities.
LOGIT_FACTOR: Final = 10


@dataclass(frozen=True, slots=True)
class Measure:
    """A difference that the gate limits.

    Parameters
    ----------
    field : str
        Attribute of `Predictions`, and name of the output.
    name : str
        What it is called in messages.
    key : str
        What it is called in the metadata.
    relative : bool
        Whether it is relative to the size of the values, of at least 1.
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

    def limit(self, tolerance: float) -> Limit:
        """Return the limit for a tolerance of probabilities."""
        largest = tolerance * LOGIT_FACTOR
        return Limit(rtol=largest, atol=largest) if self.relative else Limit(rtol=0.0, atol=tolerance)

    def of(self, difference: Difference) -> float:
        """Return the number that is limited."""
        return difference.relative if self.relative else difference.absolute


MEASURES: Final = (
    Measure("logits", "relative difference of a logit", "largest_logit_difference", True, LogitError),
    Measure(OUTPUT_NAME, "difference of a probability", "largest_probability_difference", False, ProbabilityError),
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


def compare(
    reference: Predictions, predictions: Predictions, batch_size: int, tolerance: float = PARITY_TOLERANCE
) -> BatchComparison:
    """Measure the differences between predictions and the reference, in the outputs that both have."""
    expected, found = _outputs(reference), _outputs(predictions)
    limits = {
        measure.field: measure.limit(tolerance)
        for measure in MEASURES
        if measure.field in expected and measure.field in found
    }
    return compare_outputs(expected, found, limits, batch_size, classes=[OUTPUT_NAME])


def _outputs(predictions: Predictions) -> dict[str, NDArray[Any]]:
    found = {measure.field: getattr(predictions, measure.field) for measure in MEASURES}
    return {name: array for name, array in found.items() if array is not None}
