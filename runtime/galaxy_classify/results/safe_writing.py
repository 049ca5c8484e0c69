"""Append-only text files that never end in a partial record, written by one process at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final, Self

from galaxy_classify.errors import GalaxyClassifyError, UsageError

if sys.platform != "win32":
    import fcntl


LOCK_SUFFIX: Final = ".lock"


@contextmanager
def only_writer(path: str) -> Iterator[None]:
    """Hold a lock file beside a file while it is written.

    The lock is the operating system's: it ends with the process, however that ends.

    Raises
    ------
    UsageError
        If another process holds the lock.
    OSError
        If the lock file cannot be made, as the file itself could not be.
    """
    if sys.platform == "win32":  # has no such locks; two runs of one output are a matter of clusters
        yield
        return
    with _locked_file(path):
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                os.remove(path + LOCK_SUFFIX)


def _locked_file(path: str) -> BinaryIO:
    """Open the lock file of a result and lock it.

    Whoever ends removes the file. A process that opened it just before then locks a file without a name, while the
    next process makes and locks a new one. So a lock counts only if the file still has its name, else try again.
    """
    lock = path + LOCK_SUFFIX
    while True:
        file = open(lock, "ab")  # noqa: SIM115 - appending leaves another's lock file as it is
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_named(file, lock):
                return file
        except BlockingIOError:
            file.close()
            raise UsageError(
                f"{path}: another run is writing it; wait for its end, or choose another --output"
            ) from None
        except OSError:  # some network file systems know no locks
            return file
        file.close()


def _is_named(file: BinaryIO, path: str) -> bool:
    """Tell whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


#: Records that are written together: a killed process loses at most these, besides the batches in flight.
FLUSH_RECORDS: Final = 64


class RecordFile:
    """Append whole records to a file, so that a killed process leaves no partial one.

    Text is UTF-8; file names that are not UTF-8 are written as the bytes that they are. Without `append` the file is
    emptied first.
    """

    def __init__(self, path: str, *, append: bool = False) -> None:
        self._file = open(path, "ab" if append else "wb", buffering=0)  # noqa: SIM115
        self._pending: list[bytes] = []

    def write(self, record: str) -> int:
        """Take one record; records are written together once there are `FLUSH_RECORDS`."""
        self._pending.append(record.encode("utf-8", "surrogateescape"))
        if len(self._pending) >= FLUSH_RECORDS:
            self.flush()
        return len(record)

    def flush(self) -> None:
        """Write all records taken so far.

        Raises
        ------
        OSError
            If a write fails, as on a full disk; what was written of these records is cut off again.
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
def write_errors(
    path: str, *, remedy: str = "; the rows that it holds are whole, --resume continues it"
) -> Iterator[None]:
    """Turn failures of a result file, and of the files beside it while it is written, into errors that name it.

    Raises
    ------
    UsageError
        If it cannot be opened.
    GalaxyClassifyError
        If a write fails later, as on a full disk; the message ends with the remedy.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        file = str(error.filename or path)
        raise UsageError(f"{path if file.startswith(path) else file}: cannot be written: {error.strerror}") from None
    except OSError as error:
        raise GalaxyClassifyError(f"{path}: writing failed: {error.strerror}{remedy}") from error
