"""Keep two runs from writing the same result file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from galaxy_classify.errors import UsageError

if sys.platform != "win32":
    import fcntl

LOCK_SUFFIX: Final = ".lock"


@contextmanager
def only_writer(path: str) -> Iterator[None]:
    """Hold a lock beside a file while it is written.

    The lock is the operating system's: it ends with the process, however that ends.

    Parameters
    ----------
    path : str
        The file that is going to be written.

    Raises
    ------
    UsageError
        If another process holds the lock.
    OSError
        If the lock file cannot be made, as the file itself could not be.
    """
    if sys.platform == "win32":  # which has no such locks; a job that is queued twice is a matter of clusters
        yield
        return
    lock = path + LOCK_SUFFIX
    with open(lock, "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{path}: another run is writing it; wait for its end, or choose another --output"
            ) from None
        except OSError:
            pass  # some network file systems know no locks
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                os.remove(lock)
