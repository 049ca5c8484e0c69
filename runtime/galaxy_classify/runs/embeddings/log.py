"""The unfinished file of embeddings: a line for each row of the run, appended as the rows come.

Rows need not come in the order of the inputs: a resumed run tries errors again at its end. So each line has the number
of its row, and of several lines for one row the last counts.
"""

from __future__ import annotations

import base64
import json
from array import array
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import UsageError
from galaxy_classify.results.safe_writing import RecordFile
from galaxy_classify.tables.columns import PROVENANCE

#: The vectors as they are stored: float32, the byte with the lowest value first, on every machine.
STORED: Final = np.dtype("<f4")


class Entry(NamedTuple):
    """The embedding of one row; `vector` is None for a row that has none, such as an error."""

    row: int
    path: str
    status: str
    label: str | None
    vector: NDArray[np.float32] | None


def header(provenance: dict[str, Any]) -> str:
    """Return the first line of a log."""
    return json.dumps({PROVENANCE: provenance}) + "\n"


def line_of(entry: Entry) -> str:
    """Return the line of an entry; it begins with the number of the row."""
    vector = None
    if entry.vector is not None:
        vector = base64.b64encode(entry.vector.astype(STORED).tobytes()).decode("ascii")
    return json.dumps([entry.row, entry.path, entry.status, entry.label, vector]) + "\n"


def write_log(path: str, provenance: dict[str, Any], entries: Iterator[Entry]) -> None:
    """Write a whole log."""
    with RecordFile(path) as file:
        file.write(header(provenance))
        for entry in entries:
            file.write(line_of(entry))


def read_header(path: str) -> dict[str, Any] | None:
    """Return the provenance of a log; None if it holds no whole line.

    Raises
    ------
    UsageError
        If the file is no log.
    """
    with open(path, "rb") as file:
        first = file.readline()
    if not first.endswith(b"\n"):
        return None
    try:
        provenance = json.loads(first)[PROVENANCE]
    except (ValueError, KeyError, TypeError):
        raise _damaged(path) from None
    return dict(provenance)


class Log:
    """The whole lines of a log, by the numbers of their rows; in memory, 16 bytes of each (of a continued run 64).

    A line that was cut off, or holds NULs after a power loss, ends the reading; ``size`` are the bytes before it.

    Raises
    ------
    UsageError
        If a line is damaged otherwise.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115
        rows, offsets = array("q"), array("q")
        self.size = len(self._file.readline())
        for line in self._file:
            if not line.endswith(b"\n") or b"\0" in line:
                break
            try:
                rows.append(int(line[1 : line.index(b",")]))
            except ValueError:
                raise _damaged(path) from None
            offsets.append(self.size)
            self.size += len(line)
        self._rows, self._offsets = np.asarray(rows, np.int64), np.asarray(offsets, np.int64)
        if not (self._rows[1:] > self._rows[:-1]).all():  # as in a run that was continued
            order = np.argsort(self._rows, kind="stable")
            self._rows = self._rows[order]
            is_last = np.append(self._rows[1:] != self._rows[:-1], True)
            self._rows, self._offsets = self._rows[is_last], self._offsets[order][is_last]

    def entry(self, row: int) -> Entry | None:
        """Return the entry of a row, None if it has none."""
        place = int(np.searchsorted(self._rows, row))
        return self._read(place) if place < len(self._rows) and self._rows[place] == row else None

    def with_vector(self, rows: int) -> Iterator[Entry]:
        """Yield the entries with a vector of the first so many rows, in the order of the rows."""
        for place in range(int(np.searchsorted(self._rows, rows))):
            entry = self._read(place)
            if entry.vector is not None:
                yield entry

    def _read(self, place: int) -> Entry:
        self._file.seek(int(self._offsets[place]))
        try:
            row, path, status, label, vector = json.loads(self._file.readline())
            stored = None if vector is None else np.frombuffer(base64.b64decode(vector, validate=True), STORED)
        except (ValueError, TypeError):
            raise _damaged(self._path) from None
        return Entry(row, path, status, label, stored)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _damaged(path: str) -> UsageError:
    return UsageError(f"{path}: is damaged, or no unfinished file of --embeddings; --force starts anew")
