"""Ctrl-C that waits for the end of what has been begun."""

from __future__ import annotations

import signal
import threading

import pytest

from galaxy_classify.dask.interrupts import interrupts_deferred


class Busy:
    """Something whose destructor is struck by Ctrl-C."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    """What has been begun is finished, then the run stops; also if it strikes a destructor, which would lose it."""
    done = []

    def work() -> None:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            busy = Busy()
            del busy
            done.append("finished")
        done.append("went on")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["finished"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_happens() -> None:
    """The block's own error goes through, and afterwards Ctrl-C works as before."""
    with pytest.raises(ValueError, match="own"), interrupts_deferred():
        raise ValueError("own")
    with interrupts_deferred():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_and_another_thread_are_left_alone() -> None:
    """A program that handles signals itself, or works in a thread, is not interfered with."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("theirs"))
    try:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            assert seen == ["theirs"]
    finally:
        signal.signal(signal.SIGINT, before)

    def work() -> None:
        with interrupts_deferred():
            seen.append("in a thread")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["theirs", "in a thread"]
