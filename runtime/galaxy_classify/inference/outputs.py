"""Check what a model returns for a batch: only a row of probabilities for each image passes as a result."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ModelError

#: How far below 0 or above 1 a probability may lie. The scale of an int8 output is a rounded number, times up to 255.
RANGE_TOLERANCE: Final = 1e-3
#: How far from 1 the probabilities may sum to. A softmax in float32 or float16 needs less.
SUM_TOLERANCE: Final = 1e-3
#: What a class adds to this tolerance: an int8 output rounds each probability to one of 256 levels.
SUM_TOLERANCE_PER_CLASS: Final = 1 / 512
#: The tolerance of the sum stays below this, however many classes there are.
LARGEST_SUM_TOLERANCE: Final = 0.1


def check_shape(output: Any, images: int, classes: int) -> NDArray[np.float32]:
    """Return the output of a batch if it has one row of float32 for each image and one column for each class.

    Raises
    ------
    ModelError
        If it has not. Then nobody can say which row belongs to which image, so no row of the batch is used.
    """
    found = f"{output.dtype} of shape {list(output.shape)}" if isinstance(output, np.ndarray) else type(output).__name__
    if found != f"float32 of shape [{images}, {classes}]":
        raise ModelError(
            f"contract: the model returned {found} for {images} images and {classes} classes, "
            f"not float32 of shape [{images}, {classes}]; use another model"
        )
    checked: NDArray[np.float32] = output
    return checked


def value_faults(probabilities: NDArray[np.float32]) -> dict[int, str]:
    """Return why rows are no probabilities, by their number in the batch; empty if all are.

    Each row is judged by itself, so that an image's result does not depend on its neighbours in the batch.
    """
    if not probabilities.size:
        return {}
    classes = probabilities.shape[1]
    with np.errstate(all="ignore"):
        sums = probabilities.sum(axis=1, dtype=np.float64)
        lowest, highest = probabilities.min(axis=1), probabilities.max(axis=1)
    off = min(SUM_TOLERANCE + classes * SUM_TOLERANCE_PER_CLASS, LARGEST_SUM_TOLERANCE)
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
