"""Read what a command writes to a terminal."""

from __future__ import annotations

import errno
import os
import select
import time


def read_terminal(controller: int, patience: float = 120) -> str:
    """Return all that is written to a terminal or pipe until it is closed at its other end.

    A command that does not end within ``patience`` seconds fails the test, instead of making it wait for ever.
    """
    shown = b""
    deadline = time.monotonic() + patience
    try:
        while select.select([controller], [], [], max(0, deadline - time.monotonic()))[0]:
            part = os.read(controller, 4096)
            if not part:
                break
            shown += part
        else:
            raise TimeoutError(f"still open after {patience} s; so far it got {shown!r}")
    except OSError as error:
        # Linux reports an input/output error when the last process has closed the terminal.
        if error.errno != errno.EIO:
            raise
    os.close(controller)
    return shown.decode()
