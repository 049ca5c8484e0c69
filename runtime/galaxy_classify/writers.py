"""Turn predictions into CSV or JSON Lines, a row at a time."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

from galaxy_classify.errors import UsageError
from galaxy_classify.prediction import Prediction, columns, record


class OutputFormat(StrEnum):
    """Formats that the command writes."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


class RecordStream(Protocol):
    """Where rows go: standard output, a file, a string."""

    def write(self, record: str, /) -> int:
        """Take one row, or another piece of text that belongs together."""


class Writer(Protocol):
    """Writes predictions to a stream that it was given, one call of the stream's ``write`` for each row."""

    def start(self) -> None:
        """Write what comes before the first row."""

    def write(self, prediction: Prediction) -> None:
        """Write one row."""

    def finish(self) -> None:
        """Write what comes after the last row."""


class CsvWriter:
    """Comma-separated values with a header; what an error lacks is empty.

    Parameters
    ----------
    stream : text file
        Where the rows go.
    classes : sequence of str
        Class names in the model's order.
    """

    def __init__(self, stream: RecordStream, classes: Sequence[str]) -> None:
        self._stream = stream
        self._classes = classes

    def start(self) -> None:
        """Write the header."""
        self._stream.write(csv_line(columns(self._classes)))

    def write(self, prediction: Prediction) -> None:
        """Write one row, probabilities with six decimals."""
        row = record(prediction, self._classes).values()
        self._stream.write(csv_line([f"{value:.6f}" if isinstance(value, float) else value for value in row]))

    def finish(self) -> None:
        """Do nothing: a CSV file ends with its last row."""


class JsonlWriter:
    """JSON Lines: an object a row, with the CSV's columns and the provenance; what an error lacks is null.

    Parameters
    ----------
    stream : text file
        Where the rows go.
    classes : sequence of str
        Class names in the model's order.
    provenance : dict
        What the rows were made with.
    """

    def __init__(self, stream: RecordStream, classes: Sequence[str], provenance: dict[str, Any]) -> None:
        self._stream = stream
        self._classes = classes
        self._provenance = provenance

    def start(self) -> None:
        """Do nothing: JSON Lines have no header."""

    def write(self, prediction: Prediction) -> None:
        """Write one row, probabilities rounded to six decimals."""
        row = record(prediction, self._classes)
        rounded = {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}
        # ASCII escapes carry file names that are not UTF-8 (as lone surrogates) through any reader.
        line = json.dumps(rounded | {"provenance": self._provenance}, ensure_ascii=True, allow_nan=False)
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
        If the file's suffix says nothing.

    Examples
    --------
    >>> choose_format(None, "night42.jsonl", terminal=True).value
    'jsonl'
    >>> choose_format(None, None, terminal=False).value
    'csv'
    """
    if asked is not None:
        return asked
    if output is None:
        return OutputFormat.TABLE if terminal else OutputFormat.CSV
    suffix = os.path.splitext(output)[1].lower()
    if suffix not in (".csv", ".jsonl"):
        raise UsageError(f"{output}: the suffix {suffix!r} names no format; use .csv or .jsonl, or give --format")
    return OutputFormat(suffix[1:])
