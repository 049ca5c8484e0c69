"""Limits of the gate: how far an output may be from the reference's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import UsageError


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest difference that is accepted, for each value of a sample's output.

    It is ``atol``, or ``rtol`` times the largest value of the reference for the same sample and output, whichever is
    larger, as in `math.isclose`. A value near zero is not compared relative to itself: it is the sum of larger ones,
    whose rounding it inherits.
    """

    rtol: float
    atol: float

    @property
    def floor(self) -> float:
        """Size of a sample's largest value below which the limit no longer shrinks with it."""
        return self.atol / self.rtol if self.rtol else 0.0

    def of(self, scale: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest differences that are accepted for samples with these largest values."""
        return np.maximum(self.atol, self.rtol * scale)


EXACT: Final = Limit(0.0, 0.0)


#: For float32 and wider. Correct conversions stay well below, and a tensor scaled by a thousandth does not.
SINGLE: Final = Limit(rtol=1e-4, atol=1e-5)


#: For outputs of float16, which has three digits.
HALF: Final = Limit(rtol=1e-2, atol=1e-3)


def default_limit(*dtypes: np.dtype) -> Limit:
    """Return the limit for an output with these dtypes in the two models: that of the less precise one.

    Examples
    --------
    >>> default_limit(np.dtype("float32"), np.dtype("float16"))
    Limit(rtol=0.01, atol=0.001)
    >>> default_limit(np.dtype("int64"))
    Limit(rtol=0.0, atol=0.0)
    """
    if any(dtype.kind != "f" for dtype in dtypes):
        return EXACT
    return HALF if min(dtype.itemsize for dtype in dtypes) < 4 else SINGLE


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of all outputs: defaults by dtype, replaced for all outputs of floats, or for single ones by name.

    Integers, booleans and text must be equal. Only a limit for that very output makes an exception: the limits for all
    would let the class 31 pass for 32.
    """

    rtol: float | None = None
    atol: float | None = None
    rtol_of: Mapping[str, float] = field(default_factory=dict)
    atol_of: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the numbers; raise `UsageError` if one is no limit: nothing is beyond a limit of NaN."""
        for option, overall, single in (("--rtol", self.rtol, self.rtol_of), ("--atol", self.atol, self.atol_of)):
            for limit in (*single.values(), *([] if overall is None else [overall])):
                check_number(option, limit, math.inf)

    def of(self, name: str, *dtypes: np.dtype) -> Limit:
        """Return the limit of an output with these dtypes in the two models."""
        default = default_limit(*dtypes)
        rtol, atol = (None, None) if default == EXACT else (self.rtol, self.atol)
        return Limit(
            rtol=self.rtol_of.get(name, default.rtol if rtol is None else rtol),
            atol=self.atol_of.get(name, default.atol if atol is None else atol),
        )


def check_number(option: str, value: Any, most: float) -> None:
    """Check that the value of an option is a finite number from 0; raise `UsageError` if it is not."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= most:
        limits = "of at least 0" if math.isinf(most) else f"between 0 and {most:g}"
        raise UsageError(f"{option}: {value!r} is not a number {limits}")
