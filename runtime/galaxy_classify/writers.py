"""Write predictions as CSV or JSON Lines, a row at a time."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from io import TextIOWrapper
from typing import Protocol, TextIO

from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.prediction import Prediction, columns, record


class OutputFormat(StrEnum):
    """Formats that the command writes."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


class Writer(Protocol):
    """Writes predictions to a stream that it was given."""

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

    def __init__(self, stream: TextIO, classes: Sequence[str]) -> None:
        self._classes = classes
        self._writer = csv.DictWriter(stream, columns(classes), lineterminator="\n")
        self._writer.writeheader()

    def write(self, prediction: Prediction) -> None:
        """Write one row, probabilities with six decimals."""
        row = record(prediction, self._classes)
        self._writer.writerow(
            {key: f"{value:.6f}" if isinstance(value, float) else value for key, value in row.items()}
        )

    def finish(self) -> None:
        """Do nothing: a CSV file ends with its last row."""


class JsonlWriter:
    """JSON Lines: an object a row, with the CSV's columns as keys; what an error lacks is null.

    Parameters
    ----------
    stream : text file
        Where the rows go.
    classes : sequence of str
        Class names in the model's order.
    """

    def __init__(self, stream: TextIO, classes: Sequence[str]) -> None:
        self._stream = stream
        self._classes = classes

    def write(self, prediction: Prediction) -> None:
        """Write one row, probabilities rounded to six decimals."""
        row = record(prediction, self._classes)
        # ASCII escapes carry file names that are not UTF-8 (as lone surrogates) through any reader.
        rounded = {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}
        self._stream.write(json.dumps(rounded, ensure_ascii=True, allow_nan=False) + "\n")

    def finish(self) -> None:
        """Do nothing: a JSON Lines file ends with its last row."""


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


@contextmanager
def open_output(output: str | None) -> Iterator[TextIO]:
    """Open the stream that the rows go to.

    A file is written beside its target, as ``OUTPUT.partial``, and renamed when it is complete: a file under
    the final name is always whole, and what an interrupted run had done is kept.

    Parameters
    ----------
    output : str or None
        The file; None for standard output.

    Yields
    ------
    text file
        UTF-8; file names that are not UTF-8 are written as the bytes that they are.

    Raises
    ------
    UsageError
        If the file cannot be opened for writing.
    GalaxyClassifyError
        If a write fails later, as on a full disk.
    """
    if output is None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
        yield sys.stdout
        sys.stdout.flush()
        return
    # A device such as /dev/null is written to, never replaced.
    special = os.path.exists(output) and not os.path.isfile(output)
    target = output if special else f"{output}.partial"
    try:
        stream = open(target, "w", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from None
    try:
        with stream:
            yield stream
        if not special:
            os.replace(target, output)
    except OSError as error:
        raise GalaxyClassifyError(
            f"{target}: writing failed: {error.strerror}; the rows that it holds are complete up to there"
        ) from error
