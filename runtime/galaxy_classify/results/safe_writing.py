"""Append-only text files that never end in a partial record, written by one process at a time."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import BinaryIO, Final, Self

from galaxy_classify.errors import GalaxyClassifyError, UsageError

LOCK_SUFFIX: Final = ".lock"
#: Windows has neither the module nor what goes with it: it removes no file that is open.
_IS_POSIX: Final = find_spec("fcntl") is not None
#: Windows lets nobody read bytes that are locked, so those are locked that no file has.
_BEYOND_ANY_CONTENT: Final = 1 << 30


@contextmanager
def only_writer(path: str) -> Iterator[None]:
    """Hold a lock file beside a file while it is written.

    The lock is the operating system's: it ends with the process, however that ends. A file of this name that has
    content is someone else's: it serves as the lock, but is never changed or removed.

    Raises
    ------
    UsageError
        If another process holds the lock.
    OSError
        If the lock file cannot be made, as the file itself could not be.
    """
    with _locked_file(path) as lock:
        try:
            yield
        finally:
            status = os.fstat(lock.fileno())
            is_ours = stat.S_ISREG(status.st_mode) and not status.st_size
            if not _IS_POSIX:
                lock.close()
            if is_ours:
                # On Windows the next run may have it open: then it stays, and is removed by that one.
                with suppress(FileNotFoundError if _IS_POSIX else OSError):
                    os.remove(path + LOCK_SUFFIX)


def _locked_file(path: str) -> BinaryIO:
    """Open the lock file of a result and lock it.

    Whoever ends removes the file. A process that opened it just before then locks a file without a name, while the
    next process makes and locks a new one. So a lock counts only if the file still has its name, else try again.
    """
    lock = path + LOCK_SUFFIX
    while True:
        # Not open(): a pipe of this name would block it.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)  # not on Windows
        file = os.fdopen(os.open(lock, flags, 0o666), "rb", 0)
        try:
            _lock(file)
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


def _lock(file: BinaryIO) -> None:
    """Lock an open file, by whichever call the operating system has.

    Raises
    ------
    BlockingIOError
        If another process holds the lock.
    OSError
        If there are no locks.
    """
    if _IS_POSIX:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    try:
        msvcrt = import_module("msvcrt")
    except ImportError:  # neither, as in a browser
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from None
    os.lseek(file.fileno(), _BEYOND_ANY_CONTENT, os.SEEK_SET)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except PermissionError:
        raise BlockingIOError from None


def _is_named(file: BinaryIO, path: str) -> bool:
    """Tell whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


PARTIAL_SUFFIX: Final = ".partial"


@contextmanager
def written_aside(path: str, aside: str | None = None) -> Iterator[str]:
    """Yield another name for a file while it is written; at the end, rename it, so that `path` is always whole.

    If the writing or the renaming fails, nothing is left under the other name: `aside`, by default that of a partial
    result.
    """
    aside = path + PARTIAL_SUFFIX if aside is None else aside
    try:
        yield aside
        replace_whole(aside, path)
    except BaseException:
        with suppress(OSError):  # it may be gone, or its folder cannot be written
            remove(aside)
        raise


def name_of_ones_own(path: str) -> str:
    """Return a name beside a file that neither the user nor another process has for a file."""
    return f"{path}.{os.getpid()}{PARTIAL_SUFFIX}"


def replace_whole(source: str, target: str) -> None:
    """Rename a file that is whole; after a power loss, too, it is whole under either name.

    Some file systems write a new name to the disk long before the content that belongs to it.
    """
    with open(source, "rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of file systems that cannot be told
                raise
    os.replace(source, target)


def remove(path: str) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        os.remove(path)


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
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
        raise GalaxyClassifyError(f"{path}: writing failed: {error.strerror}{remedy}") from error
