"""Open a table by its suffix, and read it row by row."""

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
from galaxy_classify.tables.unit_check import check_units


class Table(Protocol):
    """Table on disk that is read row by row."""

    @property
    def columns(self) -> Sequence[Column]:
        """Columns whose values `rows` yields."""

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the values of each row, in the order of `columns`."""

    def __len__(self) -> int:
        """Return the number of rows."""


@contextmanager
def table_errors(path: str) -> Iterator[None]:
    """Turn errors of PyArrow, Astropy and the csv module on a bad file into a `UsageError` that names the file."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        # The errors that PyArrow and Astropy raise on bad files are subclasses of these.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise UsageError(f"{path}: cannot be read as a table: {reason}") from None


def open_table(path: str, *, typed: bool, suffix: str | None = None) -> Table:
    """Open a table in the format of its suffix.

    Parameters
    ----------
    path : str
        The file.
    typed : bool
        Whether columns of a CSV file that hold only numbers become numbers.
    suffix : str, optional
        Suffix to use instead of the file's own, where ``--format`` chose another format.

    Raises
    ------
    UsageError
        If tables with this suffix cannot be read.
    MissingExtraError
        If an optional dependency is not installed.
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
        form = "ascii.ecsv" if suffix == ".ecsv" else "votable"
        check_units(path, form)
        return WholeTable(path, form)
    raise UsageError(f"{path}: cannot read tables with suffix {suffix!r}; use .csv, .parquet, .fits, .ecsv or .vot")
