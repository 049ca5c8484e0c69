"""Map a function over a stream in several threads, in order and within bounded memory."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")


R = TypeVar("R")


def available_threads() -> int:
    """Return the number of CPUs that this process may use: by its CPU affinity and by ``SLURM_CPUS_PER_TASK``.

    The machine may have more, which a cluster or container has given to others.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(affinity, int(slurm)) if slurm.isdecimal() and int(slurm) > 0 else affinity


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of `size` items; the last one may be shorter.

    Examples
    --------
    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, min(size, sys.maxsize))):
        yield batch


def ordered_map(
    function: Callable[[T], R], items: Iterable[T], threads: int, on_stop: Callable[[], None] = lambda: None
) -> Iterator[R]:
    """Apply a function to each item of a stream in several threads, and yield the results in the stream's order.

    At most ``2 · threads`` items are taken ahead of the next result: a slow item does not keep the other threads
    waiting, and memory does not grow with the length of the stream. An exception of the function is raised in place of
    its item's result. The stream is read in the calling thread only. At the end, also by an exception, `on_stop` is
    called before the threads are waited for.

    With one thread or one item, no thread is started: the calling thread does the work.

    Examples
    --------
    >>> list(ordered_map(str.upper, ["a", "b", "c"], threads=2))
    ['A', 'B', 'C']
    """
    stream = iter(items)
    beginning = [] if threads == 1 else list(islice(stream, 2))
    if len(beginning) < 2:
        # Not `yield from map(...)`: a StopIteration raised by the function would end the stream as if it were complete.
        for item in chain(beginning, stream):
            yield function(item)
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
        on_stop()
        executor.shutdown(cancel_futures=True)
