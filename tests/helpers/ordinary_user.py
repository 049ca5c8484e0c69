"""Let this thread respect the permissions of files, as all users but root must."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Of Linux's capability.h.
VERSION_3 = 0x20080522
DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Lay down root's right to read and write any file, and take it up again; other users have none."""
    if os.geteuid() != 0 or sys.platform != "linux":
        yield
        return
    before = _effective()
    _set_effective(before & ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH))
    try:
        yield
    finally:
        _set_effective(before)


def _sets() -> tuple[ctypes.Array[ctypes.c_uint32], ctypes.Array[ctypes.c_uint32]]:
    """Return the header and the six words of capget(2): effective, permitted and inheritable, low and high."""
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    words = (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capget(header, words) == 0
    return header, words


def _effective() -> int:
    return int(_sets()[1][0])


def _set_effective(value: int) -> None:
    header, words = _sets()
    words[0] = value
    assert ctypes.CDLL(None).capset(header, words) == 0
