"""Write files into a folder of the user's, where nothing may be overwritten, and count them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Final

from galaxy_classify.text import printable

#: Failures that are listed one by one.
NAMED: Final = 5


class NewFiles:
    """Count the files that a run writes into a folder.

    Attributes
    ----------
    done : int
        Files that were written.
    there : int
        Files that existed before.
    failed : int
        Files that could not be written.
    reasons : list of str
        Why, for the first few.
    """

    def __init__(self) -> None:
        self.done = 0
        self.there = 0
        self.failed = 0
        self.reasons: list[str] = []

    def fail(self, reason: str) -> None:
        """Count a file that could not be written."""
        self.failed += 1
        if len(self.reasons) < NAMED:
            self.reasons.append(printable(reason))

    def exceptions(self) -> str:
        """Return how many files were there already or could not be written, to end a summary."""
        there = f", {self.there:,} were there already" if self.there else ""
        failed = f", {self.failed:,} could not be: {'; '.join(self.reasons)}" if self.failed else ""
        return f"{there}{failed}"


def write_new(write: Callable[[str], object], target: str) -> None:
    """Write a file under another name first, so that a killed process leaves no partial one under the final name.

    Raises
    ------
    FileExistsError
        If a file of the final name is there, or comes meanwhile.
    OSError
        If it cannot be written.
    """
    partial = _unused_name(os.path.dirname(target))
    try:
        write(partial)
        try:
            os.link(partial, target)  # unlike a rename it refuses to replace a file
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
            os.rename(partial, target)
    finally:
        with suppress(FileNotFoundError):
            os.remove(partial)


def _unused_name(folder: str) -> str:
    """Create an empty file under a name that nobody uses, and return it."""
    for number in count():
        path = os.path.join(folder, f".galaxy-classify-{os.getpid()}-{number}.partial")
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            return path
    raise AssertionError  # the numbers do not end
