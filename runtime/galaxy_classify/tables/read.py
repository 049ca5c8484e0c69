"""Read tables row by row: CSV, Parquet and FITS."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from galaxy_classify.errors import UsageError
from galaxy_classify.extras import require_extra
from galaxy_classify.tables.astropy_table import FitsTable, WholeTable
from galaxy_classify.tables.columns import Column
from galaxy_classify.tables.csv_table import CsvTable
from galaxy_classify.tables.parquet_table import ParquetTable


class Table(Protocol):
    """A table on disk that is read row by row."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns that can be carried."""

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the values of each row, in the order of `columns`."""

    def __len__(self) -> int:
        """Return the number of rows."""


@contextmanager
def table_errors(path: str) -> Iterator[None]:
    """Turn what a reader of tables raises on a bad file into a `UsageError` that names it.

    Raises
    ------
    UsageError
        With a short reason.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        # PyArrow's and Astropy's errors are children of these.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise UsageError(f"{path}: cannot be read as a table: {reason}") from None


def open_table(path: str, *, typed: bool, suffix: str | None = None) -> Table:
    """Open a table.

    Parameters
    ----------
    path : str
        The file.
    typed : bool
        Whether columns of a CSV file that hold nothing but numbers become numbers.
    suffix : str, optional
        Tells the format; by default that of the file.

    Raises
    ------
    UsageError
        If the suffix names no format that can be read.
    MissingExtraError
        If reading it needs an extra.
    """
    suffix = (suffix or os.path.splitext(path)[1]).lower()
    if suffix == ".csv":
        return CsvTable(path, typed=typed)
    if suffix == ".parquet":
        require_extra("parquet", ("pyarrow",))
        return ParquetTable(path)
    if suffix in (".fits", ".fit", ".ecsv", ".vot"):
        require_extra("fits", ("astropy",))
        if suffix in (".fits", ".fit"):
            return FitsTable(path)
        return WholeTable(path, "ascii.ecsv" if suffix == ".ecsv" else "votable")
    raise UsageError(f"{path}: the suffix {suffix!r} names no table; .csv, .parquet, .fits, .ecsv and .vot can be read")
