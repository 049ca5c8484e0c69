"""Work on a stream in several threads: bounded, and in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")


R = TypeVar("R")


def available_threads() -> int:
    """Return how many threads this process may keep busy.

    A Slurm job's ``SLURM_CPUS_PER_TASK`` and the CPU affinity both bind; the number of CPUs in the machine does not.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(affinity, int(slurm)) if slurm.isdecimal() and int(slurm) > 0 else affinity


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of `size` items, the last one shorter if need be.

    Examples
    --------
    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def ordered_map(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Apply a function to a stream in several threads and yield the results in the stream's order.

    At most ``2 · threads`` items are taken from the stream ahead of the result that is asked for: enough that a slow
    one does not keep the other threads waiting, and memory does not grow with the stream's length.

    Parameters
    ----------
    function : callable
        Called with one item; what it raises is raised here, in its item's place.
    items : iterable
        Taken from lazily, always from the calling thread.
    threads : int
        Number of worker threads; with 1, or if there is one item only, the calling thread does the work.

    Yields
    ------
    object
        ``function(item)`` for each item.

    Examples
    --------
    >>> list(ordered_map(str.upper, ["a", "b", "c"], threads=2))
    ['A', 'B', 'C']
    """
    stream = iter(items)
    beginning = [] if threads == 1 else list(islice(stream, 2))
    if len(beginning) < 2:
        yield from map(function, chain(beginning, stream))
        return
    executor = ThreadPoolExecutor(threads, thread_name_prefix="galaxy-classify")
    pending: deque[Future[R]] = deque()
    try:
        for item in chain(beginning, stream):
            pending.append(executor.submit(function, item))
            if len(pending) >= 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)
