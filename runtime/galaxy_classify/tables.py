"""Read tables row by row: CSV, Parquet and FITS."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from galaxy_classify.commandline import require_extra
from galaxy_classify.errors import UsageError
from galaxy_classify.layout import Column, Kind

#: Rows that are read together.
CHUNK_ROWS: Final = 4096
#: What counts as a number in a CSV file. 007 does not: it is a name, which would lose its zeros.
INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")
NUMBER: Final = re.compile(r"-?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")


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


class CsvTable:
    """A CSV file with a header, in UTF-8.

    Parameters
    ----------
    path : str
        The file; it is read once to count its rows, and to see which columns hold numbers.
    typed : bool
        Whether columns of nothing but numbers become numbers, and empty cells None.
    """

    def __init__(self, path: str, *, typed: bool) -> None:
        self._path = path
        self._typed = typed
        self._length = 0
        with self._open() as rows:
            names = next(rows, [])
            kinds: list[Kind | None] = [None] * len(names)
            for row in rows:
                self._length += 1
                if len(row) != len(names):
                    raise ValueError(f"row {self._length} has {len(row)} cells, the header has {len(names)}")
                if typed:
                    kinds = [_wider(kind, cell) for kind, cell in zip(kinds, row, strict=True)]
        if len(set(names)) != len(names):
            raise ValueError("two columns have the same name")
        self.columns = [Column(name, kind or "text") for name, kind in zip(names, kinds, strict=True)]

    def __len__(self) -> int:
        return self._length

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the values of each row."""
        kinds = [column.kind for column in self.columns]
        with self._open() as rows:
            next(rows, None)
            for row in rows:
                yield [_from_text(cell, kind) for cell, kind in zip(row, kinds, strict=True)] if self._typed else row

    @contextmanager
    def _open(self) -> Iterator[Iterator[list[str]]]:
        with open(self._path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield (row for row in csv.reader(file) if row)


def _wider(kind: Kind | None, cell: str) -> Kind | None:
    """Return the narrowest kind that holds what a column has held so far (None: nothing), and one more cell."""
    if kind == "text" or not cell:
        return kind
    if cell.lower() == "nan":
        return "float"
    if INTEGER.fullmatch(cell) and kind != "float":
        return "int" if abs(int(cell)) < 2**63 else "text"
    return "float" if NUMBER.fullmatch(cell) else "text"


def _from_text(cell: str, kind: Kind) -> Any:
    if not cell:
        return None
    return int(cell) if kind == "int" else _plain(float(cell) if kind == "float" else cell, kind)


class ParquetTable:
    """A Parquet file; columns of bytes are left out, and nested ones become JSON text.

    Parameters
    ----------
    path : str
        The file.
    """

    def __init__(self, path: str) -> None:
        import pyarrow.parquet

        self._path = path
        with pyarrow.parquet.ParquetFile(path) as file:
            self._length = int(file.metadata.num_rows)
            fields = [field for field in file.schema_arrow if not _holds_bytes(field.type)]
        self.columns = [_arrow_column(field) for field in fields]

    def __len__(self) -> int:
        return self._length

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the values of each row."""
        import pyarrow.parquet

        names = [column.name for column in self.columns]
        with pyarrow.parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=names):
                values = [
                    [_plain(value, column.kind) for value in batch.column(column.name).to_pylist()]
                    for column in self.columns
                ]
                yield from zip(*values, strict=True)


def is_binary(arrow_type: Any) -> bool:
    """Tell whether a column of this type, PyArrow's, holds bytes."""
    import pyarrow.types as types

    tests = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(test(arrow_type) for test in tests)


def _holds_bytes(arrow_type: Any) -> bool:
    """Tell whether values are bytes or structs with bytes in them, as Hugging Face's images are."""
    import pyarrow.types as types

    inside = arrow_type if types.is_struct(arrow_type) else ()
    return is_binary(arrow_type) or any(is_binary(field.type) for field in inside)


def _arrow_column(field: Any) -> Column:
    about = {key.decode(): value.decode("utf-8", "replace") for key, value in (field.metadata or {}).items()}
    known = {key: about[key] for key in ("unit", "ucd", "description") if key in about}
    return Column(field.name, _arrow_kind(field.type), **known)


def _arrow_kind(arrow_type: Any) -> Kind:
    import pyarrow.types as types

    if types.is_boolean(arrow_type):
        return "bool"
    if types.is_integer(arrow_type) and not types.is_uint64(arrow_type):
        return "int"
    if types.is_float32(arrow_type):
        return "float32"
    return "float" if types.is_floating(arrow_type) else "text"


class FitsTable:
    """The first table in a FITS file; vectors become JSON text.

    Parameters
    ----------
    path : str
        The file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with self._open() as table:
            self._length = len(table.data)
            self.columns = [
                Column(
                    column.name,
                    "bool" if column.format == "L" else _numpy_kind(table.data.dtype[index]),
                    column.unit or "",
                    str(table.header.get(f"TUCD{index + 1}", "")),
                    str(table.header.get(f"TCOMM{index + 1}", "")),
                )
                for index, column in enumerate(table.columns)
            ]

    def __len__(self) -> int:
        return self._length

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the values of each row."""
        from astropy.io import fits
        from astropy.table import Table as AstropyTable

        with self._open() as table:
            for start in range(0, self._length, CHUNK_ROWS):
                # Astropy's own table knows which integers stand for nothing (TNULL).
                rows = fits.BinTableHDU(table.data[start : start + CHUNK_ROWS], header=table.header)
                chunk = AstropyTable.read(rows, character_as_bytes=False)
                yield from _astropy_rows(chunk, self.columns)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        from astropy.io import fits

        with fits.open(self._path, memmap=True) as hdus:
            table = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)), None)
            if table is None:
                raise ValueError("no HDU of the FITS file is a binary table")
            yield table


class WholeTable:
    """A table in ECSV or VOTable format, which is read whole.

    Parameters
    ----------
    path : str
        The file.
    form : {"ascii.ecsv", "votable"}
        Its format, as Astropy calls it.
    """

    def __init__(self, path: str, form: str) -> None:
        from astropy.table import Table as AstropyTable

        self._table = AstropyTable.read(path, format=form)
        self.columns = [
            Column(
                column.name,
                _numpy_kind(column.dtype),
                str(column.unit or ""),
                str(column.meta.get("ucd", "")),
                column.description or "",
            )
            for column in self._table.itercols()
        ]

    def __len__(self) -> int:
        return len(self._table)

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the values of each row."""
        return _astropy_rows(self._table, self.columns)


def _astropy_rows(table: Any, columns: Sequence[Column]) -> Iterator[Sequence[Any]]:
    values = [[_plain(value, column.kind) for value in table[column.name].tolist()] for column in columns]
    return zip(*values, strict=True)


def _numpy_kind(dtype: Any) -> Kind:
    kinds: dict[str, Kind] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
    if dtype.shape:
        return "text"
    return "float32" if dtype.kind == "f" and dtype.itemsize == 4 else kinds.get(dtype.kind, "text")


def _plain(value: Any, kind: Kind) -> Any:
    """Return a value as one that JSON and CSV can hold."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if kind == "float32":
        import numpy as np

        return float(str(np.float32(value)))  # the shortest number that is this one in single precision
    if kind != "text" or isinstance(value, str):
        return value
    return json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)
