"""What a model returns for a batch, and its check: only numbers that can be true pass as a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ModelError

#: How far below 0 or above 1 a probability or familiarity may lie. The scale of an int8 output is a rounded number,
#: times up to 255.
RANGE_TOLERANCE: Final = 1e-3
#: How far from 1 the probabilities may sum to. A softmax in float32 or float16 needs less.
SUM_TOLERANCE: Final = 1e-3
#: What a class adds to this tolerance: an int8 output rounds each probability to one of 256 levels.
SUM_TOLERANCE_PER_CLASS: Final = 1 / 512
#: The tolerance of the sum stays below this, however many classes there are.
LARGEST_SUM_TOLERANCE: Final = 0.1


@dataclass(frozen=True, slots=True)
class ModelOutputs:
    """What a model returned for a batch: a row for each image in each output that it has and that was asked for."""

    #: float32, shape (batch, classes).
    probabilities: NDArray[np.float32]
    #: float32, shape (batch,), 0 to 1; None if the model has no such output.
    familiarity: NDArray[np.float32] | None = None
    #: float32, shape (batch, features); None if the model has no such output, or nobody asked for it.
    embedding: NDArray[np.float32] | None = None


def check_shape(output: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an output of a batch if it is float32 of this shape, whose first dimension is the number of images.

    Raises
    ------
    ModelError
        If it is not. Then nobody can say which row belongs to which image, so no row of the batch is used.
    """
    found = f"{output.dtype} of shape {list(output.shape)}" if isinstance(output, np.ndarray) else type(output).__name__
    wanted = f"float32 of shape {list(shape)}"
    if found != wanted:
        raise ModelError(
            f"contract: the model returned {found} for {shape[0]} images as {name!r}, not {wanted}; use another model"
        )
    checked: NDArray[np.float32] = output
    return checked


def value_faults(outputs: ModelOutputs) -> dict[int, str]:
    """Return why rows are no result, by their number in the batch; empty if all are.

    Each row is judged by itself, so that an image's result does not depend on its neighbours in the batch.
    """
    if not outputs.probabilities.size or _has_no_fault(outputs):
        return {}
    return _embedding_faults(outputs) | _familiarity_faults(outputs) | _probability_faults(outputs.probabilities)


def _has_no_fault(outputs: ModelOutputs) -> bool:
    """Tell whether all rows are results, in a fraction of the time that it takes to say which of them are not."""
    probabilities, familiarity = outputs.probabilities, outputs.familiarity
    with np.errstate(all="ignore"):
        if np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1).max() > _sum_tolerance(probabilities.shape[1]):
            return False
        in_range = (
            values.min() >= -RANGE_TOLERANCE and values.max() <= 1 + RANGE_TOLERANCE
            for values in (probabilities, familiarity)
            if values is not None
        )
        return all(in_range) and (outputs.embedding is None or bool(np.isfinite(outputs.embedding).all()))


def _sum_tolerance(classes: int) -> float:
    return min(SUM_TOLERANCE + classes * SUM_TOLERANCE_PER_CLASS, LARGEST_SUM_TOLERANCE)


def _probability_faults(probabilities: NDArray[np.float32]) -> dict[int, str]:
    with np.errstate(all="ignore"):
        sums = probabilities.sum(axis=1, dtype=np.float64)
        lowest, highest = probabilities.min(axis=1), probabilities.max(axis=1)
    off = _sum_tolerance(probabilities.shape[1])
    in_range = (lowest >= -RANGE_TOLERANCE) & (highest <= 1 + RANGE_TOLERANCE)
    faults = {}
    for row in np.flatnonzero(~(in_range & (np.abs(sums - 1) <= off))).tolist():
        if not np.isfinite(probabilities[row]).all():
            faults[row] = "the model gave no finite probabilities"
        elif not in_range[row]:
            faults[row] = "the model gave no probabilities: values outside 0 to 1"
        else:
            faults[row] = "the model gave no probabilities: their sum is not 1"
    return faults


def _familiarity_faults(outputs: ModelOutputs) -> dict[int, str]:
    familiarity = outputs.familiarity
    if familiarity is None:
        return {}
    with np.errstate(all="ignore"):
        in_range = (familiarity >= -RANGE_TOLERANCE) & (familiarity <= 1 + RANGE_TOLERANCE)
    return {
        row: "the model gave a familiarity outside 0 to 1"
        if np.isfinite(familiarity[row])
        else "the model gave no finite familiarity"
        for row in np.flatnonzero(~in_range).tolist()
    }


def _embedding_faults(outputs: ModelOutputs) -> dict[int, str]:
    if outputs.embedding is None:
        return {}
    finite = np.isfinite(outputs.embedding).all(axis=1)
    return dict.fromkeys(np.flatnonzero(~finite).tolist(), "the model gave no finite embedding")
