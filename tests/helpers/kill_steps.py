"""Kill a forked process before a step that it takes on files, as a power loss or kill -9 may."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from galaxy_classify.results.safe_writing import RecordFile
from galaxy_classify.tables.write import write_typed

KILLED = 9
#: Steps of the audited calls that touch a file.
TOUCHING = {"open", "os.remove", "os.rename", "os.truncate", "os.mkdir", "os.rmdir"}


class Steps:
    """Count the steps of this process on the files in a folder, and kill it before one, as no ``finally`` sees."""

    def __init__(self, folder: Path, last: int) -> None:
        self._folder = str(folder)
        self._left = last

    def take(self) -> None:
        """Take a step."""
        self._left -= 1
        if self._left == 0:
            os._exit(KILLED)

    def watch(self) -> None:
        """Count from now on; there is no way back, so this is for a forked process."""
        sys.addaudithook(self._audit)
        flush, fsync = RecordFile.flush, os.fsync

        def torn_flush(file: Any) -> None:
            whole = list(file._pending)
            if whole and self._left == 1:  # a kill cannot tear a write, but a power loss can
                file._pending[-1] = whole[-1][: len(whole[-1]) // 2]
                flush(file)
            self.take()
            flush(file)

        def torn_table(rows: Any, path: str, *others: Any) -> None:
            write_typed(rows, path, *others)
            if self._left == 1:
                os.truncate(path, os.path.getsize(path) // 2)
            self.take()

        def counted_fsync(file: int) -> None:
            self.take()
            fsync(file)

        mock.patch.object(RecordFile, "flush", torn_flush).start()
        mock.patch("galaxy_classify.runs.result_file.write_typed", torn_table).start()
        mock.patch("galaxy_classify.dask.part_folder.write_typed", torn_table).start()
        mock.patch("os.fsync", counted_fsync).start()

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in TOUCHING and str(arguments[0]).startswith(self._folder):
            writes = event != "open" or "r" not in str(arguments[1])
            if writes:
                self.take()


def killed(folder: Path, step: int, run: Callable[[], object]) -> bool:
    """Run in a process that is killed before its n-th step; tell whether it came so far."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        code = 1
        try:
            Steps(folder, step).watch()
            run()
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED)
    return status == KILLED
