"""Say what is wrong: guess it from how an output differs, and find out what the reference's values do not prove."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_export.gate.differences import measure_difference
from galaxy_export.gate.limits import Limit

#: Outputs with more axes are not tried in all orders of these.
MOST_AXES = 5


def guess(name: str, reference: Mapping[str, NDArray[Any]], found: NDArray[Any], limit: Limit) -> str:
    """Return what an output seems to be instead of the reference's output `name`; empty if nothing fits."""
    others = {other: array for other, array in reference.items() if other != name and array.shape == found.shape}
    for other, array in others.items():
        if _is_like(array, found, limit):
            return f"it is the reference's output {other!r}"
    expected = reference[name]
    if expected.dtype.kind != "f" or not np.isfinite(found).all() or not np.isfinite(expected).all():
        return ""
    for axes in _orders(expected.ndim):
        turned = expected.transpose(axes)
        if turned.shape == found.shape and _is_like(turned, found, limit):
            return f"its axes are in the order {list(axes)} of the reference's"
    if expected.shape != found.shape or expected.ndim < 2:
        return ""
    wide, wide_found = expected.astype(np.float64), found.astype(np.float64)
    if _is_like(_softmax(wide), wide_found, limit):
        return "it is the softmax of the reference's"
    if _is_like(wide, _softmax(wide_found), limit):
        return "its softmax is the reference's"
    return _factor(wide, wide_found, limit)


def _factor(expected: NDArray[np.float64], found: NDArray[np.float64], limit: Limit) -> str:
    power = float((expected * expected).sum())
    factor = float((expected * found).sum()) / power if power else 0.0
    if factor not in (0.0, 1.0) and np.isfinite(factor) and _is_like(factor * expected, found, limit):
        return f"it is {factor:.6g} times the reference's"
    return ""


def _orders(axes: int) -> list[tuple[int, ...]]:
    """Return all orders of axes that leave the first where it is, but the first of them."""
    return [(0, *rest) for rest in permutations(range(1, axes))][1:] if axes <= MOST_AXES else []


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    softmax: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return softmax


def _is_like(reference: NDArray[Any], found: NDArray[Any], limit: Limit) -> bool:
    return reference.dtype.kind == found.dtype.kind and measure_difference(reference, found, limit).accepted


def fault_of_values(name: str, reference: NDArray[Any], limit: Limit) -> str:
    """Return why a reference's output proves nothing: it has no values, or zeros would pass; empty if it does."""
    if not reference.size:
        return f"the reference's {name!r} has no values"
    if reference.dtype.kind != "f" or not reference.any():
        return ""
    if not measure_difference(reference, np.zeros_like(reference), limit).accepted:
        return ""
    largest = float(np.abs(reference).max())
    remedy = f"--atol {name}={largest / 1000:.0e}" if limit.rtol < 1 else f"--rtol {name}=1e-3"
    return (
        f"the reference's {name!r} proves nothing: its largest value is {largest:.3g}, and zeros would be within the "
        f"limit; give it a smaller one, such as {remedy}"
    )


def note_on_values(name: str, reference: NDArray[Any], limit: Limit) -> str:
    """Return a note if one and the same output for all samples would pass; empty if it would not."""
    if len(reference) < 2 or not reference.size:
        return ""
    if reference.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            middle = reference.min(axis=0, keepdims=True) / 2 + reference.max(axis=0, keepdims=True) / 2
        constant = np.broadcast_to(middle, reference.shape)
    else:
        constant = np.broadcast_to(reference[:1], reference.shape)
    if not measure_difference(reference, constant, limit).accepted:
        return ""
    return (
        f"output {name!r} is the same for all samples, within its limit: a model that ignores its inputs would pass; "
        "give samples that differ more, or a smaller limit"
    )
