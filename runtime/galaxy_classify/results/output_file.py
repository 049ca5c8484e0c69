"""The result file. Rows go to OUTPUT.partial, renamed when complete; OUTPUT.meta.json records provenance."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.results.provenance import EVALUATION, read_sidecar, write_sidecar

SIDECAR_SUFFIX: Final = ".meta.json"


PARTIAL_SUFFIX: Final = ".partial"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """Names of a result file and of the files beside it, and the steps from one to the next.

    A file under the final name is always complete.

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
        """Name of the copy in which the errors of an interrupted run are replaced."""
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

    def adopt(self, existing: str, provenance: dict[str, Any]) -> None:
        """Give the rows of an earlier run the unfinished name, before rows are added."""
        if existing == self.path:
            os.replace(self.path, self.partial)
        write_sidecar(self.sidecar(self.partial), provenance)

    def begin(self, provenance: dict[str, Any]) -> None:
        """Delete an unfinished file, and record the provenance of the rows to come."""
        _remove(self.partial)
        write_sidecar(self.sidecar(self.partial), provenance)

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
            os.replace(self.partial, self.path)
        elif existing is None:
            _remove(self.path)
        write_sidecar(self.sidecar(self.path), provenance)
        for left_over in (self.partial, self.sidecar(self.partial)):
            _remove(left_over)

    def add_evaluation(self, evaluation: dict[str, Any] | None, *, in_place: bool = False) -> None:
        """Record in the sidecar how well the rows agree with labels; resume does not compare it."""
        if evaluation is not None:
            sidecar = self.sidecar(self.path if in_place else self.partial)
            write_sidecar(sidecar, (read_sidecar(sidecar) or {}) | {EVALUATION: evaluation})

    def complete(self, *, converted: bool = False) -> None:
        """Rename the rows, or the file converted from them, and their sidecar to the final names; delete the others."""
        # A crash between two steps must never leave rows beside another run's sidecar: delete the old sidecar first.
        _remove(self.sidecar(self.path))
        os.replace(self.converted if converted else self.partial, self.path)
        _remove(self.partial)
        os.replace(self.sidecar(self.partial), self.sidecar(self.path))
        _remove(self.retried)


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


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.remove(path)
