"""Ctrl-C at a moment that suits: what has been begun is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Finish the block before a Ctrl-C takes effect.

    An interrupt that strikes in the destructor of an object is lost: Python prints the traceback and goes on. Where
    objects whose destructors do work are given up, it must not strike at all. Outside the main thread, and where
    somebody handles the signal in a way of their own, nothing is changed.

    Raises
    ------
    KeyboardInterrupt
        After the block, if Ctrl-C was pressed during it.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt
