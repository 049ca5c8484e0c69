"""Where the rows go: standard output, or a file that is whole or says that it is not."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Self

from galaxy_classify.errors import GalaxyClassifyError, UsageError

#: Rows that are written together: what a killed process loses at most, besides the batches in flight.
FLUSH_RECORDS: Final = 64
SIDECAR_SUFFIX: Final = ".meta.json"
PARTIAL_SUFFIX: Final = ".partial"
#: Under this name a sidecar says how well the rows agree with labels, besides what they were made with.
EVALUATION: Final = "evaluation"


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


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A result file, its unfinished form, and the sidecars that say what they were made with.

    The unfinished form lies beside the file, as ``OUTPUT.partial``, and is renamed when it is complete: a file under
    the final name is always whole.

    Parameters
    ----------
    path : str
        The file's final name.
    in_dataset : bool
        Whether it is one of several files in a folder that are read as one. Readers of Parquet pass over names that
        begin with an underscore, so that those of the sidecars do.
    """

    path: str
    in_dataset: bool = False

    @property
    def partial(self) -> str:
        """Name of the unfinished form."""
        return self.path + PARTIAL_SUFFIX

    @property
    def retried(self) -> str:
        """Name of the form in which the errors of an interrupted run are tried again."""
        return f"{self.path}.retried"

    @property
    def converted(self) -> str:
        """Name of a file of typed columns while it is made from the rows."""
        return f"{self.path}.converted"

    def sidecar(self, path: str) -> str:
        """Name of what says how a form of the file was made."""
        folder, name = os.path.split(path)
        return os.path.join(folder, f"{'_' if self.in_dataset else ''}{name}{SIDECAR_SUFFIX}")

    @property
    def is_special(self) -> bool:
        """Whether it is a device or a pipe, which is written to and never replaced."""
        return os.path.exists(self.path) and not os.path.isfile(self.path)

    def refuse_to_overwrite(self) -> None:
        """Check that there is no result yet, not even an unfinished one; a device or a pipe never is one.

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

    def find_rows(self, provenance: dict[str, Any]) -> str | None:
        """Find the rows so far, to continue them.

        Parameters
        ----------
        provenance : dict
            What the rows to come will be made with.

        Returns
        -------
        str or None
            Name of the file that holds them, the unfinished form or a complete one; None if there is none.

        Raises
        ------
        UsageError
            If the rows so far were made with another model or other options, or it is not known with what.
        """
        existing = next((path for path in (self.partial, self.path) if os.path.isfile(path)), None)
        if existing is None:
            return None
        # A crash while a run was being completed leaves its sidecar under the unfinished name.
        before = self._read_sidecar(existing) or self._read_sidecar(self.partial)
        if before is None:
            raise UsageError(
                f"{self.sidecar(existing)}: missing or damaged, so it is not known what the rows were made with; "
                "--force starts anew"
            )
        before.pop(EVALUATION, None)
        if found := list(differences(before, provenance)):
            raise UsageError(f"{existing}: cannot be continued: {'; '.join(found)}; --force starts anew")
        return existing

    def adopt(self, existing: str, provenance: dict[str, Any]) -> None:
        """Give the rows that `find_rows` has found the unfinished name, before they are added to."""
        if existing == self.path:
            os.replace(self.path, self.partial)
        self._write_sidecar(self.partial, provenance)

    def begin(self, provenance: dict[str, Any]) -> None:
        """Throw an unfinished form away, and write down what the rows of the next one are made with."""
        _remove(self.partial)
        self._write_sidecar(self.partial, provenance)

    def begin_in_place(self, existing: str | None, provenance: dict[str, Any]) -> None:
        """Prepare a file that grows under its final name, because it is never complete.

        Parameters
        ----------
        existing : str or None
            The rows that `find_rows` has found, to go on with; None to start anew.
        provenance : dict
            What the rows are made with.
        """
        if existing == self.partial:
            os.replace(self.partial, self.path)
        elif existing is None:
            _remove(self.path)
        self._write_sidecar(self.path, provenance)
        for left_over in (self.partial, self.sidecar(self.partial)):
            _remove(left_over)

    def add_evaluation(self, evaluation: dict[str, Any] | None, *, in_place: bool = False) -> None:
        """Write into the sidecar how well the rows agree with labels; it does not hinder that they are continued."""
        if evaluation is not None:
            path = self.path if in_place else self.partial
            self._write_sidecar(path, (self._read_sidecar(path) or {}) | {EVALUATION: evaluation})

    def _write_sidecar(self, path: str, content: dict[str, Any]) -> None:
        with RecordFile(self.sidecar(path)) as file:
            file.write(json.dumps(content, indent=2, sort_keys=True) + "\n")

    def complete(self, *, converted: bool = False) -> None:
        """Give the finished rows and their sidecar their final names; tidy up after a run that was killed.

        Parameters
        ----------
        converted : bool
            Whether the file of that name is to be kept, instead of the rows that it was made from.
        """
        # In this order a crash in between never leaves rows beside a sidecar that is not theirs.
        _remove(self.sidecar(self.path))
        os.replace(self.converted if converted else self.partial, self.path)
        _remove(self.partial)
        os.replace(self.sidecar(self.partial), self.sidecar(self.path))
        _remove(self.retried)

    def _read_sidecar(self, path: str) -> dict[str, Any] | None:
        try:
            with open(self.sidecar(path), encoding="utf-8") as file:
                content = json.load(file)
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None


@contextmanager
def standard_output() -> Iterator[Any]:
    """Yield standard output as UTF-8; file names that are not UTF-8 are written as the bytes that they are."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    yield sys.stdout
    sys.stdout.flush()


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


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.remove(path)


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield what two nested descriptions disagree on, in words.

    Examples
    --------
    >>> list(differences({"options": {"threshold": 0.6}}, {"options": {"threshold": 0.7}}))
    ['options threshold was 0.6, now it is 0.7']
    """
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{prefix}{key} ")
        elif old != new:
            yield f"{prefix}{key} was {old}, now it is {new}"
