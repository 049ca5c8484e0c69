"""Turn predictions into CSV or JSON Lines, a row at a time."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, Protocol

from galaxy_classify.errors import UsageError
from galaxy_classify.layout import RowLayout
from galaxy_classify.prediction import Prediction


class OutputFormat(StrEnum):
    """Formats that the command writes."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    FITS = "fits"
    ECSV = "ecsv"
    VOT = "vot"

    @property
    def is_typed(self) -> bool:
        """Whether it is made from whole columns, at the end, and not row by row."""
        return self in (OutputFormat.PARQUET, OutputFormat.FITS, OutputFormat.ECSV, OutputFormat.VOT)

    @property
    def rows(self) -> OutputFormat:
        """The format of the rows as long as the file is unfinished: its own, or JSON Lines."""
        return OutputFormat.JSONL if self.is_typed else self


#: Suffixes by which the format of a result file is known.
SUFFIXES: Final = {
    ".csv": OutputFormat.CSV,
    ".jsonl": OutputFormat.JSONL,
    ".parquet": OutputFormat.PARQUET,
    ".fits": OutputFormat.FITS,
    ".ecsv": OutputFormat.ECSV,
    ".vot": OutputFormat.VOT,
}


class RecordStream(Protocol):
    """Where rows go: standard output, a file, a string."""

    def write(self, record: str, /) -> int:
        """Take one row, or another piece of text that belongs together."""


class Writer(Protocol):
    """Writes predictions to a stream that it was given, one call of the stream's ``write`` for each row."""

    def start(self) -> None:
        """Write what comes before the first row."""

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one row, with the values that the catalogue has for it."""

    def finish(self) -> None:
        """Write what comes after the last row."""


class CsvWriter:
    """Comma-separated values with a header; what an error lacks is empty.

    Parameters
    ----------
    stream : text file
        Where the rows go.
    layout : RowLayout
        The columns.
    """

    def __init__(self, stream: RecordStream, layout: RowLayout) -> None:
        self._stream = stream
        self._layout = layout
        self._own = frozenset(column.name for column in layout.own_columns)

    def start(self) -> None:
        """Write the header."""
        self._stream.write(csv_line(self._layout.names))

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one row, probabilities with six decimals, what a catalogue has said with all that it has."""
        row = self._layout.row(prediction, carried)
        own = self._own
        self._stream.write(
            csv_line([f"{v:.6f}" if name in own and isinstance(v, float) else v for name, v in row.items()])
        )

    def finish(self) -> None:
        """Do nothing: a CSV file ends with its last row."""


class JsonlWriter:
    """JSON Lines: an object a row, with the CSV's columns and perhaps the provenance; what an error lacks is null.

    Parameters
    ----------
    stream : text file
        Where the rows go.
    layout : RowLayout
        The columns.
    provenance : dict or None
        What the rows were made with; None where that stands elsewhere.
    """

    def __init__(self, stream: RecordStream, layout: RowLayout, provenance: dict[str, Any] | None) -> None:
        self._stream = stream
        self._layout = layout
        self._own = frozenset(column.name for column in layout.own_columns)
        self._extra = {} if provenance is None else {"provenance": provenance}

    def start(self) -> None:
        """Do nothing: JSON Lines have no header."""

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one row, probabilities rounded to six decimals."""
        row = self._layout.row(prediction, carried)
        own = self._own
        rounded = {name: round(v, 6) if name in own and isinstance(v, float) else v for name, v in row.items()}
        # ASCII escapes carry file names that are not UTF-8 (as lone surrogates) through any reader.
        line = json.dumps(rounded | self._extra, ensure_ascii=True, allow_nan=False)
        self._stream.write(line + "\n")

    def finish(self) -> None:
        """Do nothing: a JSON Lines file ends with its last row."""


def csv_line(values: Sequence[object]) -> str:
    r"""Return one line of CSV.

    The module csv quotes a carriage return in a field only if the line's own end has one, and readers
    would then break the row there; so the line is made with that end, which is exchanged.

    Examples
    --------
    >>> csv_line(["a\rb", 1, None])
    '"a\rb",1,\n'
    """
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue().removesuffix("\r\n") + "\n"


def choose_format(asked: OutputFormat | None, output: str | None, *, terminal: bool) -> OutputFormat:
    """Choose the output's format.

    Parameters
    ----------
    asked : OutputFormat or None
        The ``--format`` option.
    output : str or None
        The ``--output`` option; None for standard output.
    terminal : bool
        Whether standard output is a terminal.

    Returns
    -------
    OutputFormat
        What was asked for; else by the file's suffix; else a table on a terminal and CSV in a pipe.

    Raises
    ------
    UsageError
        If the file's suffix says nothing, or the format cannot go to standard output.

    Examples
    --------
    >>> choose_format(None, "night42.jsonl", terminal=True).value
    'jsonl'
    >>> choose_format(None, None, terminal=False).value
    'csv'
    """
    if output is None:
        if asked is not None and asked.is_typed:
            raise UsageError(f"--format {asked} needs --output: it is no text that could be streamed")
        return asked or (OutputFormat.TABLE if terminal else OutputFormat.CSV)
    suffix = os.path.splitext(output)[1].lower()
    if asked is None and suffix not in SUFFIXES:
        raise UsageError(
            f"{output}: the suffix {suffix!r} names no format; use {', '.join(SUFFIXES)}, or give --format"
        )
    return asked or SUFFIXES[suffix]
