"""Run samples in batches of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Arrays by name. Those with axes have a row per sample; scalars are the same for all samples.
Arrays: TypeAlias = dict[str, NDArray[Any]]


BATCH_SIZES: Final = (1, 3, 17, 64, 256)


def batch_sizes(samples: int) -> list[int]:
    """Return the batch sizes to compare at; at least one leaves a smaller last batch.

    Examples
    --------
    >>> batch_sizes(1008)
    [1, 3, 17, 64, 256]
    >>> batch_sizes(51)
    [1, 3, 17, 16]
    >>> batch_sizes(2)
    [1, 2]
    """
    sizes = [size for size in BATCH_SIZES if size <= samples]
    if sizes == [1] and samples > 1:
        sizes.append(samples)
    elif sizes[-1] > 1 and not any(samples % size for size in sizes):
        sizes.append(sizes[-1] - 1)
    return sizes


def count_samples(arrays: Mapping[str, NDArray[Any]]) -> int:
    """Return the number of rows, which is that of any array with axes; 0 without one."""
    return next((len(array) for array in arrays.values() if array.ndim), 0)


def take(arrays: Mapping[str, NDArray[Any]], rows: slice) -> Arrays:
    """Return some of the samples."""
    return {name: array[rows] if array.ndim else array for name, array in arrays.items()}


def batches(inputs: Mapping[str, NDArray[Any]], size: int) -> Iterator[Arrays]:
    """Divide samples into batches; the last may be smaller."""
    for start in range(0, count_samples(inputs), size):
        yield take(inputs, slice(start, start + size))


def run_in_batches(run: Callable[[Arrays], Arrays], inputs: Mapping[str, NDArray[Any]], size: int) -> Arrays:
    """Run a model on all samples in batches, and join what it returns by name."""
    parts = [run(batch) for batch in batches(inputs, size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
