"""What the gate asks of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_export.gate.batches import Arrays

KINDS = {"f": "floating-point", "i": "integer", "u": "integer", "b": "boolean", "U": "text", "S": "text", "O": "text"}


class ModelRunError(Exception):
    """A model fails on a batch; the message says how, on one line."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input as a model declares it: name, dtype, and shape, in which None stands for any length."""

    name: str
    dtype: np.dtype
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        lengths = (
            "any shape" if self.shape is None else f"[{', '.join('?' if n is None else f'{n}' for n in self.shape)}]"
        )
        return f"{self.name!r} ({self.dtype} {lengths})"


class Model(Protocol):
    """A model that can be compared."""

    #: What it is called in messages and reports.
    label: str
    #: None for a function, which does not say what it takes.
    inputs: tuple[TensorSpec, ...] | None

    def run(self, batch: Arrays) -> Arrays | list[NDArray[Any]]:
        """Return the outputs for a batch: by name, or in order if they have no names. Raise `ModelRunError`."""
        ...


def fixed_batch(model: Model) -> int | None:
    """Return the only batch size that a model takes; None if it takes any."""
    lengths = {spec.shape[0] for spec in model.inputs or () if spec.shape}
    return next((length for length in lengths if length is not None), None)


def fit_inputs(model: Model, given: Mapping[str, NDArray[Any]], *, lossless: bool = False) -> Arrays:
    """Return arrays as a model takes them: numbers of the same kind in its own precision.

    A reference also takes what it can represent without loss, such as the bytes of pixels as floats.

    Raises
    ------
    DataError
        If an array has another kind of values or another shape; the message says how to change it.
    """
    if model.inputs is None:
        return dict(given)
    return {spec.name: _fit(model.label, spec, given[spec.name], lossless) for spec in model.inputs}


def _fit(label: str, spec: TensorSpec, given: NDArray[Any], lossless: bool) -> NDArray[Any]:
    wanted, kind = KINDS.get(spec.dtype.kind), KINDS.get(given.dtype.kind)
    widening = lossless and wanted == "floating-point" and kind == "integer"
    if wanted != kind and not widening:
        raise DataError(
            f"input {spec.name!r} is {given.dtype}, but {label} takes {spec.dtype}; store {spec.dtype} values, scaled "
            "as the model was trained on"
        )
    if spec.shape is not None and given.ndim:
        fits = len(spec.shape) == given.ndim and all(
            wanted_length in (None, length)
            for wanted_length, length in zip(spec.shape[1:], given.shape[1:], strict=True)
        )
        if not fits:
            shape = ", ".join(map(str, ("N", *given.shape[1:])))
            raise DataError(f"input {spec.name!r} has the shape [{shape}], but {label} takes {spec}")
    if wanted == "text":
        return given
    with np.errstate(over="ignore"):
        fitted = given.astype(spec.dtype)
    exact = wanted == "integer" or widening
    if (exact and not np.array_equal(fitted, given)) or (not exact and (np.isinf(fitted) & ~np.isinf(given)).any()):
        raise DataError(f"input {spec.name!r} is {given.dtype} and has values that {label}'s {spec.dtype} cannot hold")
    return fitted
