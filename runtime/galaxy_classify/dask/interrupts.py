"""Defer Ctrl-C until a block of code has ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Finish the block before a Ctrl-C takes effect.

    Python prints a KeyboardInterrupt that is raised in a destructor, and goes on: the interrupt is lost. So it must not
    be raised while objects with long destructors, such as Dask's futures, are deleted. Nothing is changed outside the
    main thread, or where the signal has another handler.

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
