"""Bounded, ordered work in threads."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator

import pytest

from galaxy_classify.parallel import available_threads, ordered_map


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_input_order(threads: int) -> None:
    """A slow item does not let its neighbours pass."""
    delays = random.Random(0)

    def work(item: int) -> int:
        time.sleep(delays.random() / 500)
        return item * item

    assert list(ordered_map(work, range(100), threads)) == [item * item for item in range(100)]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_function_that_raises_stop_iteration_does_not_end_the_stream(threads: int) -> None:
    """An iterator that runs out somewhere in the work would else cut off all results behind it, without a word."""
    with pytest.raises(RuntimeError):
        list(ordered_map(lambda _: next(iter(())), range(10), threads))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_stream_is_not_read_far_ahead(threads: int) -> None:
    """Memory does not grow with the number of inputs."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(10**9):
            taken += 1
            yield number

    results = ordered_map(lambda item: item, items(), threads)
    assert [next(results) for _ in range(10)] == list(range(10))
    assert taken <= 9 + 2 * threads
    results.close()  # type: ignore[attr-defined]


def test_an_error_comes_in_its_items_place() -> None:
    """What was done before it is not lost."""

    def work(item: int) -> int:
        if item == 5:
            raise ValueError("five")
        return item

    results = ordered_map(work, range(100), 3)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match="five"):
        next(results)


def test_one_item_needs_no_thread() -> None:
    """An alert that is classified alone does not wait for a thread to start."""
    here = threading.get_ident()
    assert list(ordered_map(lambda _: threading.get_ident(), [1], threads=4)) == [here]
    assert here not in ordered_map(lambda _: threading.get_ident(), [1, 2], threads=4)


def test_threads_end_with_the_stream() -> None:
    """A consumer that stops early leaves no threads behind."""
    results = ordered_map(lambda item: item, range(100), 4)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("galaxy-classify")]


def test_slurm_and_affinity_bind_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that was given two CPUs uses two, on a machine of any size."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert available_threads() == 8
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")
    assert available_threads() == 2
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "64")
    assert available_threads() == 8
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "many")
    assert available_threads() == 8
