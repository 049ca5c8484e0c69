"""Output formats, and the choice of the one that a run writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from galaxy_classify.errors import UsageError
from galaxy_classify.extras import require_extra
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
        """Whether the file is made at the end, from whole columns, and not row by row."""
        return self in (OutputFormat.PARQUET, OutputFormat.FITS, OutputFormat.ECSV, OutputFormat.VOT)

    @property
    def rows(self) -> OutputFormat:
        """Format of the unfinished file: JSON Lines for typed formats, else the format itself."""
        return OutputFormat.JSONL if self.is_typed else self


class ProvenanceIn(StrEnum):
    """Where JSON Lines have their provenance: in each row, or not in the rows."""

    ROW = "row"
    NONE = "none"


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
    """A stream that rows are written to: standard output, a file, a string."""

    def write(self, record: str, /) -> int:
        """Write one row, or another piece of text that must not be torn."""


class Writer(Protocol):
    """Write predictions to a stream, with one call of its ``write`` for each row."""

    def start(self) -> None:
        """Write what comes before the first row."""

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one row, with the catalogue's values."""

    def finish(self) -> None:
        """Write what comes after the last row."""


def choose_format(asked: OutputFormat | None, output: str | None, *, terminal: bool) -> OutputFormat:
    """Choose the output's format: as asked, else by the file's suffix, else a table on a terminal and CSV in a pipe.

    Raises
    ------
    UsageError
        If the suffix is unknown, or the format cannot go to standard output.

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


def require_format(output_format: OutputFormat) -> None:
    """Check that the packages a format needs are installed, before anything is classified.

    Raises
    ------
    MissingExtraError
        If they are not; the message names the command that installs them.
    """
    if output_format is OutputFormat.PARQUET:
        require_extra("parquet", ("pyarrow",))
    elif output_format.is_typed:
        require_extra("fits", ("astropy",))
