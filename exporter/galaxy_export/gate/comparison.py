"""Compare all outputs with those of a reference, at one batch size."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from galaxy_export.gate.differences import Agreement, Difference, measure_agreement, measure_difference
from galaxy_export.gate.limits import Limit


@dataclass(frozen=True, slots=True)
class BatchComparison:
    """Differences between a model's outputs and others, at one batch size.

    Parameters
    ----------
    batch_size : int
        Samples per batch; the last batch may have fewer.
    differences : dict of str to Difference
        By output; the outputs are in the order of the limits.
    classes : dict of str to Agreement
        By output, for those that are classes.
    """

    batch_size: int
    differences: dict[str, Difference]
    classes: dict[str, Agreement] = field(default_factory=dict)


def compare_outputs(
    reference: Mapping[str, NDArray[Any]],
    found: Mapping[str, NDArray[Any]],
    limits: Mapping[str, Limit],
    batch_size: int,
    classes: Collection[str] = (),
    *,
    same_nan: bool = False,
) -> BatchComparison:
    """Measure the differences between outputs and the reference's of the same names and shapes."""
    return BatchComparison(
        batch_size,
        {
            name: measure_difference(reference[name], found[name], limit, same_nan=same_nan)
            for name, limit in limits.items()
        },
        {name: measure_agreement(reference[name], found[name]) for name in classes},
    )
