"""The result file. Rows go to OUTPUT.partial, renamed when complete; OUTPUT.meta.json records provenance."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.results.provenance import read_sidecar, write_sidecar
from galaxy_classify.results.safe_writing import PARTIAL_SUFFIX, remove, replace_whole, written_aside

SIDECAR_SUFFIX: Final = ".meta.json"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """Names of a result file and of the files beside it, and the steps from one to the next.

    A file under the final name is always complete. Wherever a process is killed, the next one finds rows beside their
    own sidecar, or no rows:

    - A sidecar is written before rows get the name that it belongs to.
    - An unfinished file without rows counts as none, so that a sidecar may replace another run's beside it.
    - The complete file's old sidecar is removed before the file is replaced; until the new one has its final name, it
      is under the unfinished name.

    Parameters
    ----------
    path : str
        The file's final name.
    in_dataset : bool
        Whether it is one of several files in a folder that are read as one. Readers of Parquet folders skip names
        that begin with an underscore, so the sidecars' names begin with one.
    """

    path: str
    in_dataset: bool = False

    @property
    def partial(self) -> str:
        """Name of the file while it is unfinished."""
        return self.path + PARTIAL_SUFFIX

    @property
    def retried(self) -> str:
        """Name of a copy of the unfinished file while it is made from rows of an earlier run."""
        return f"{self.path}.retried"

    @property
    def converted(self) -> str:
        """Name of a file of typed columns while it is made from the rows."""
        return f"{self.path}.converted"

    def sidecar(self, path: str) -> str:
        """Return the name of the sidecar of the complete or the unfinished file."""
        folder, name = os.path.split(path)
        return os.path.join(folder, f"{'_' if self.in_dataset else ''}{name}{SIDECAR_SUFFIX}")

    @property
    def is_special(self) -> bool:
        """Whether it is a device or a pipe, which is written to and never replaced by another file."""
        return os.path.exists(self.path) and not os.path.isfile(self.path)

    def refuse_to_overwrite(self) -> None:
        """Check that there is no result yet, complete or unfinished; a device or a pipe holds none.

        Raises
        ------
        UsageError
            If there is; the message names the options that help.
        """
        if self.is_special:
            return
        if os.path.isfile(self.path):
            raise UsageError(
                f"{self.path}: exists already; --force replaces it, --resume completes it, or choose another --output"
            )
        if os.path.exists(self.partial):
            raise UsageError(
                f"{self.partial}: holds the rows of an interrupted run; --resume continues it, --force starts anew"
            )

    def adopt(self, rows: str, provenance: dict[str, Any]) -> None:
        """Give a file with rows of an earlier run the unfinished name, before rows are added."""
        _write_sidecar(self.sidecar(self.partial), provenance)
        if rows != self.partial:
            replace_whole(rows, self.partial)

    def begin(self, provenance: dict[str, Any]) -> None:
        """Empty the unfinished file, and record the provenance of the rows to come."""
        with open(self.partial, "wb"):
            pass
        _write_sidecar(self.sidecar(self.partial), provenance)

    def discard(self) -> None:
        """Remove an unfinished file that holds no rows."""
        remove(self.sidecar(self.partial))
        remove(self.partial)

    def begin_in_place(self, existing: str | None, provenance: dict[str, Any]) -> None:
        """Prepare a file that grows under its final name, for it is never complete.

        Parameters
        ----------
        existing : str or None
            File with the rows that are kept; None to start anew.
        provenance : dict
            Of the rows to come.
        """
        if existing == self.partial:
            remove(self.sidecar(self.path))
            replace_whole(self.partial, self.path)
        elif existing is None:
            if os.path.exists(self.partial):
                os.truncate(self.partial, 0)
            remove(self.path)
        _write_sidecar(self.sidecar(self.path), provenance)
        for left_over in (self.partial, self.sidecar(self.partial)):
            remove(left_over)

    def add_outcome(self, outcome: dict[str, Any], *, in_place: bool = False) -> None:
        """Record in the sidecar what is known at the end of a run only; resume does not compare it."""
        if outcome:
            sidecar = self.sidecar(self.path if in_place else self.partial)
            _write_sidecar(sidecar, (read_sidecar(sidecar) or {}) | outcome)

    def complete(self, *, converted: bool = False) -> None:
        """Rename the rows, or the file converted from them, and their sidecar to the final names; delete the others."""
        remove(self.sidecar(self.path))
        replace_whole(self.converted if converted else self.partial, self.path)
        remove(self.partial)
        os.replace(self.sidecar(self.partial), self.sidecar(self.path))
        remove(self.retried)


def _write_sidecar(path: str, content: dict[str, Any]) -> None:
    with written_aside(path) as aside:
        write_sidecar(aside, content)


@contextmanager
def standard_output() -> Iterator[Any]:
    """Yield standard output as UTF-8; file names that are not UTF-8 are written as the bytes that they are.

    Raises
    ------
    GalaxyClassifyError
        If a write fails, as on a full disk.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        # An error of a named file is not one of standard output. A reader that has gone is no error, but the end.
        if error.filename is not None or isinstance(error, BrokenPipeError):
            raise
        raise GalaxyClassifyError(f"standard output: writing failed: {error.strerror}") from None
