"""Open a regular file, or say in a few words why it cannot be opened, or why what was read of it does not count."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from galaxy_classify.errors import ImageError
from galaxy_classify.text import one_line

CHANGED: Final = "the file changed while it was read: classify it again when it is complete"


def open_regular_file(path: str) -> BinaryIO:
    """Open a file for reading, after a check that it is a regular one.

    Opening a pipe would block for ever, and reading a device may never end.

    Raises
    ------
    ImageError
        If it is no regular file, is empty or cannot be opened; the message is a short reason.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()  # of a folder that cannot be listed, "permission denied" says more
            raise ImageError("is a folder, not an image")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not a regular file")
        if status.st_size == 0:
            raise ImageError("empty file")
        return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError("no such file") from None
    except PermissionError:
        raise ImageError("permission denied") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ImageError(f"cannot be opened: {reason or one_line(error)}") from None


@contextmanager
def open_steady_file(path: str) -> Iterator[BinaryIO]:
    """Open a regular file, and refuse what was read of it if it has been written to meanwhile.

    A reader of a file that is cut off and written again can see zeros in its middle, even if its size is right in the
    end. An image with such a hole may decode without an error, as another picture.

    Raises
    ------
    ImageError
        If it cannot be opened, or has changed; the latter also in place of any `ImageError` of the body.
    """
    with open_regular_file(path) as file:
        before = _state(file)
        try:
            yield file
        except ImageError:
            if _state(file) != before:
                raise ImageError(CHANGED) from None
            raise
        if _state(file) != before:
            raise ImageError(CHANGED)


def _state(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
