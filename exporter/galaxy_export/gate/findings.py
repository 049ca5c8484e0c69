"""What the gate has found: differences by output and batch size, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from galaxy_classify.errors import OutputError
from galaxy_export.gate.batches import Arrays
from galaxy_export.gate.comparison import BatchComparison
from galaxy_export.gate.limits import Limit


class Reason(StrEnum):
    """Why a candidate is refused, in the order in which failures are listed."""

    MISSING = "missing output"
    EXTRA = "extra output"
    DTYPE = "dtype"
    SHAPE = "shape"
    RUN = "cannot run"
    BATCH = "depends on the batch"
    VALUE = "difference"
    CLASS = "class"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason to refuse a candidate; the message is a whole sentence that names output, sample and limit."""

    reason: Reason
    message: str
    output: str | None = None
    batch_size: int | None = None
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class Worst:
    """A refused sample with all that is needed to see it again.

    Parameters
    ----------
    output : str
        The output that is refused.
    batch_size, sample, row : int
        At which batch size, its position among the samples, and its position in its batch.
    batch : dict of str to ndarray
        Inputs of the whole batch.
    candidate, reference : dict of str to ndarray
        All outputs for the sample.
    """

    output: str
    batch_size: int
    sample: int
    row: int
    batch: Arrays
    candidate: Arrays
    reference: Arrays


@dataclass(frozen=True, slots=True)
class Output:
    """An output that both models have: its names, dtypes, shape without the samples' axis, and limit.

    The least share of samples that must keep their class is None for an output that is not marked as classes, and the
    limit None for one that holds the classes themselves, whose values are not compared.
    """

    name: str
    of_reference: str
    dtype: str
    reference_dtype: str
    shape: tuple[int, ...]
    limit: Limit | None
    classes: float | None = None


@dataclass(slots=True)
class Findings:
    """Everything that the gate has found on one pair of models.

    Parameters
    ----------
    candidate, reference, inputs_from : str
        What was compared, with what, and on what.
    samples, left_out : int
        Number of samples, and of files that could not be read.
    outputs : list of Output
        What was compared.
    comparisons : list of BatchComparison
        With the reference, one per batch size.
    batch_effects : list of BatchComparison
        With what the candidate gave at the smallest batch size, one for each of the others.
    failures : list of Failure
        Empty if the candidate passes.
    notes : list of str
        What the reference's values leave open, though it is no reason to refuse the candidate.
    worst : Worst or None
        The sample that is furthest beyond a limit.
    """

    candidate: str
    reference: str
    inputs_from: str
    samples: int
    left_out: int = 0
    outputs: list[Output] = field(default_factory=list)
    comparisons: list[BatchComparison] = field(default_factory=list)
    batch_effects: list[BatchComparison] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    worst: Worst | None = None

    @property
    def passed(self) -> bool:
        """Whether the candidate gives the reference's outputs."""
        return not self.failures

    @property
    def largest_difference(self) -> float | None:
        """The largest absolute difference of any output at any batch size; None if no values were compared."""
        return max(
            (difference.absolute for row in self.comparisons for difference in row.differences.values()), default=None
        )

    def fail(
        self,
        reason: Reason,
        message: str,
        output: str | None = None,
        batch_size: int | None = None,
        sample: int | None = None,
    ) -> None:
        """Add a reason to refuse the candidate."""
        self.failures.append(Failure(reason, message, output, batch_size, sample))

    def check(self) -> None:
        """Raise an error if the candidate is refused.

        Raises
        ------
        OutputError
            The message has each reason on a line.
        """
        if self.failures:
            raise OutputError("\n".join(f"parity: {failure.message}" for failure in self.failures))
