"""Read what a command writes to a terminal."""

from __future__ import annotations

import os


def read_terminal(controller: int) -> str:
    """Return all that is written to a terminal until it is closed at its other end."""
    shown = b""
    try:
        while part := os.read(controller, 4096):
            shown += part
    except OSError:
        pass
    os.close(controller)
    return shown.decode()
