"""Open a regular file, or say in a few words why it cannot be opened."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from galaxy_classify.errors import ImageError
from galaxy_classify.text import one_line


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
