"""Open a table by its suffix, and read it row by row."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.extras import require_extra
from galaxy_classify.tables.astropy_table import WholeTable
from galaxy_classify.tables.columns import Column
from galaxy_classify.tables.csv_table import CsvTable
from galaxy_classify.tables.fits_table import FitsTable
from galaxy_classify.tables.parquet_table import ParquetTable
from galaxy_classify.tables.suffixes import READABLE, table_suffix
from galaxy_classify.tables.unit_check import check_units
from galaxy_classify.text import one_line


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
    except GalaxyClassifyError:
        raise
    except Exception as error:  # on a damaged file, these libraries may raise anything
        reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        raise UsageError(f"{path}: cannot be read as a table: {reason}") from None


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A table whose errors, also those found while its rows are read, name the file."""

    table: Table
    path: str

    @property
    def columns(self) -> Sequence[Column]:
        """Columns of the table."""
        return self.table.columns

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the values of each row."""
        with table_errors(self.path):
            yield from self.table.rows()

    def __len__(self) -> int:
        return len(self.table)


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
        If tables with this suffix, or this one, cannot be read; also while its rows are read.
    MissingExtraError
        If an optional dependency is not installed.
    """
    suffix = (suffix or table_suffix(path)).lower()
    if suffix not in READABLE:
        raise UsageError(
            f"{path}: cannot read tables with suffix {suffix!r}; use .csv, .parquet, .fits, .ecsv or .vot (.xml is "
            "read as .vot; .csv.gz, .fits.gz and .vot.gz are read as well)"
        )
    with table_errors(path):
        # Astropy and PyArrow would fetch what looks like a URL.
        return NamedTable(_open(os.path.abspath(path), READABLE[suffix], typed=typed), path)


def _open(path: str, suffix: str, *, typed: bool) -> Table:
    if suffix == ".csv":
        return CsvTable(path, typed=typed)
    if suffix == ".parquet":
        require_extra("parquet", ("pyarrow",))
        return ParquetTable(path)
    require_extra("fits", ("astropy",))
    if suffix == ".fits":
        return FitsTable(path)
    form = "ascii.ecsv" if suffix == ".ecsv" else "votable"
    check_units(path, form)
    return WholeTable(path, form)
