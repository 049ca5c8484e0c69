"""Read FITS tables, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from galaxy_classify.tables.astropy_table import numpy_kind
from galaxy_classify.tables.columns import Column, Kind, plain_value
from galaxy_classify.tables.parquet_table import CHUNK_ROWS


class FitsTable:
    """First binary table in a FITS file; vectors become JSON text."""

    def __init__(self, path: str) -> None:
        self._path = path
        with self._open() as table:
            self._length = len(table.data)
            first = table.data[:1]
            self.columns = [
                Column(
                    column.name,
                    _fits_kind(first, index, column),
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
        with self._open() as table:
            for start in range(0, self._length, CHUNK_ROWS):
                chunk = table.data[start : start + CHUNK_ROWS]
                cells = [
                    [plain_value(cell, column.kind) for cell in _fits_cells(chunk, index, about)]
                    for index, (column, about) in enumerate(zip(self.columns, table.columns, strict=True))
                ]
                yield from zip(*cells, strict=True)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        from astropy.io import fits

        # Map the file into memory, so that a table larger than memory can be read in chunks.
        with open(self._path, "rb") as file, fits.open(file, memmap=True) as hdus:
            table = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)), None)
            if table is None:
                raise ValueError("no HDU of the FITS file is a binary table")
            yield table


def _fits_kind(rows: Any, index: int, column: Any) -> Kind:
    """Return the kind of the values that a column has once they are scaled (TSCAL, TZERO)."""
    stored = _stored(rows, index)
    if column.format.format == "L":
        return "bool" if not stored.dtype.shape and stored.ndim == 1 else "text"
    if _offset(stored, column) is not None:
        return "text" if stored.ndim > 1 or (stored.dtype.itemsize == 8 and column.bzero) else "int"
    return numpy_kind(rows.field(index).dtype, rows.field(index).shape[1:])


def _fits_cells(rows: Any, index: int, column: Any) -> list[Any]:
    """Return the values of a column; missing are integers that are TNULL, and truth values that are zero bytes.

    They are made of what stands in the file: Astropy takes missing truth values for false, integers with another TZERO
    than its own for decimals, and text for ASCII.
    """
    import numpy as np

    stored = _stored(rows, index)
    missing = None if column.null in (None, "") or stored.dtype.kind not in "iu" else stored == column.null
    offset = _offset(stored, column)
    if stored.dtype.kind == "S":
        values: Any = _decoded(stored.tolist())
        return list(values)
    if column.format.format == "L":
        values, missing = stored == ord("T"), stored == 0
    elif offset is not None:
        values = stored.astype(object) + offset if offset else stored
    else:
        values = rows.field(index)
    if missing is not None and missing.shape == values.shape:
        values = np.ma.MaskedArray(values, missing)
    return list(values.tolist())


def _stored(rows: Any, index: int) -> Any:
    """Return a column's values as they stand in the file."""
    import numpy as np

    return np.ndarray.view(rows, np.ndarray)[rows.dtype.names[index]]


def _offset(stored: Any, column: Any) -> int | None:
    """Return what is added to a column of integers to get its integers; None for one of other values."""
    if stored.dtype.kind not in "iu" or column.format.format not in "BIJK" or column.bscale not in (None, "", 1):
        return None
    zero = column.bzero or 0
    return int(zero) if int(zero) == zero else None


def _decoded(text: Any) -> Any:
    """Decode text of FITS: a zero byte ends it, and spaces at its end have no meaning (FITS 4.0, section 7.3.3.1)."""
    if isinstance(text, list):
        return [_decoded(part) for part in text]
    return text.partition(b"\0")[0].rstrip(b" ").decode("utf-8", "surrogateescape")
