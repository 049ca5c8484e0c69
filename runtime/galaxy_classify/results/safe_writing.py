"""Write a result file safely: whole records, one writer at a time, errors that name the file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self

from galaxy_classify.errors import GalaxyClassifyError, UsageError

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


#: Rows that are written together: what a killed process loses at most, besides the batches in flight.
FLUSH_RECORDS: Final = 64


class RecordFile:
    """A file to which whole records are written, so that a process that is killed leaves no torn one.

    Text is UTF-8; file names that are not UTF-8 are written as the bytes that they are.

    Parameters
    ----------
    path : str
        The file.
    append : bool
        Whether to go on behind what it holds.
    """

    def __init__(self, path: str, *, append: bool = False) -> None:
        self._file = open(path, "ab" if append else "wb", buffering=0)  # noqa: SIM115
        self._pending: list[bytes] = []

    def write(self, record: str) -> int:
        """Take one record; it is written with those before it once there are enough."""
        self._pending.append(record.encode("utf-8", "surrogateescape"))
        if len(self._pending) >= FLUSH_RECORDS:
            self.flush()
        return len(record)

    def flush(self) -> None:
        """Write all records taken so far.

        Raises
        ------
        OSError
            If the disk is full, say; the records that did not fit in are cut off again.
        """
        content = memoryview(b"".join(self._pending))
        self._pending.clear()
        written = 0
        try:
            while written < len(content):
                written += self._file.write(content[written:]) or 0
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._file.tell() - written)
            raise

    def close(self) -> None:
        """Write what is left, and close the file."""
        try:
            self.flush()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@contextmanager
def write_errors(path: str) -> Iterator[None]:
    """Turn failures of a result file into errors that name it.

    Parameters
    ----------
    path : str
        The file that is being written.

    Raises
    ------
    UsageError
        If it cannot be opened.
    GalaxyClassifyError
        If a write fails later, as on a full disk.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise UsageError(f"{error.filename or path}: cannot be written: {error.strerror}") from None
    except OSError as error:
        raise GalaxyClassifyError(
            f"{path}: writing failed: {error.strerror}; the rows that it holds are whole, --resume continues it"
        ) from error
