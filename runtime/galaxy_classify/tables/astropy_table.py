"""Read and write FITS, ECSV and VOTable with Astropy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from galaxy_classify.tables.columns import PROVENANCE, Column, Kind, Row, plain_value
from galaxy_classify.tables.parquet_table import CHUNK_ROWS


class FitsTable:
    """First binary table in a FITS file; vectors become JSON text."""

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
                # Reading a chunk as an Astropy table masks the integers that mark missing values (TNULL).
                rows = fits.BinTableHDU(table.data[start : start + CHUNK_ROWS], header=table.header)
                chunk = AstropyTable.read(rows, character_as_bytes=False)
                yield from _astropy_rows(chunk, self.columns)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        from astropy.io import fits

        # Map the file into memory, so that a table larger than memory can be read in chunks.
        with fits.open(self._path, memmap=True) as hdus:
            table = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)), None)
            if table is None:
                raise ValueError("no HDU of the FITS file is a binary table")
            yield table


class WholeTable:
    """ECSV or VOTable file, read into memory at once.

    ``form`` is the format's name in Astropy: ``ascii.ecsv`` or ``votable``.
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
    values = [[plain_value(value, column.kind) for value in table[column.name].tolist()] for column in columns]
    return zip(*values, strict=True)


def _numpy_kind(dtype: Any) -> Kind:
    kinds: dict[str, Kind] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
    if dtype.shape:  # a vector in each cell: JSON text
        return "text"
    return "float32" if dtype.kind == "f" and dtype.itemsize == 4 else kinds.get(dtype.kind, "text")


def astropy_table(rows: Iterable[Row], columns: Sequence[Column]) -> Any:
    """Build an Astropy table from rows."""
    from astropy.table import Table

    values: dict[str, list[Any]] = {column.name: [] for column in columns}
    for row in rows:
        for name, cells in values.items():
            cells.append(row[name])
    # Drop each list of cells once it is converted: a column of Python objects takes several times its array's memory.
    return Table([_astropy_column(column, values.pop(column.name)) for column in columns])


def _astropy_column(column: Column, cells: list[Any]) -> Any:
    import numpy as np
    from astropy.table import Column as AstropyColumn
    from astropy.table import MaskedColumn

    about = {
        "name": column.name,
        "unit": column.unit or None,
        "description": column.description or None,
        "meta": {"ucd": column.ucd} if column.ucd else {},
    }
    missing = [cell is None for cell in cells]
    # Truth values in FITS are true or false, never missing: a column with gaps becomes text.
    kind: Kind = "text" if column.kind == "bool" and any(missing) else column.kind
    if kind == "text":
        text = ["" if cell is None else escaped(str(cell)) for cell in cells]
        return AstropyColumn(np.array(text, dtype=str), **about)
    if kind in ("float", "float32"):
        return AstropyColumn(np.array([np.nan if cell is None else cell for cell in cells], _DTYPES[kind]), **about)
    filled = np.array([0 if cell is None else cell for cell in cells], _DTYPES[kind])
    return MaskedColumn(filled, mask=missing, **about) if any(missing) else AstropyColumn(filled, **about)


#: Characters that FITS, ECSV or VOTable (XML 1.0, section 2.2) do not allow in text, though file names may hold them.
_NOT_ALLOWED: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def escaped(text: str) -> str:
    r"""Escape what these formats do not allow in text: control characters, and bytes that are not UTF-8.

    Examples
    --------
    >>> escaped("a\tb\xa0c\udcff")
    'a\\tb\xa0c\\udcff'
    """
    return _NOT_ALLOWED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


_DTYPES: Final[dict[Kind, str]] = {"bool": "?", "int": "i8", "float": "f8", "float32": "f4"}


def write_fits(table: Any, path: str, columns: Sequence[Column], provenance: dict[str, Any]) -> None:
    """Write an Astropy table as FITS, with UCDs, descriptions and provenance in the header."""
    from astropy.io import fits

    for name in table.colnames:
        if table[name].dtype.kind == "U":  # FITS stores text as bytes
            table[name] = [text.encode() for text in table[name].tolist()] or table[name].astype("S1")
        # Astropy would write descriptions and UCDs as YAML comments, which TOPCAT does not read. See the keys below.
        table[name].description = None
        table[name].meta.clear()
    hdu = fits.table_to_hdu(table)
    hdu.name = "GALAXIES"
    for number, column in enumerate(columns, 1):
        # The keys that TOPCAT's own FITS writer uses, and that TOPCAT reads.
        if column.ucd:
            hdu.header[f"TUCD{number}"] = column.ucd
        if column.description:
            hdu.header[f"TCOMM{number}"] = column.description
    hdu.header["GCMODEL"] = (provenance["model"]["name"], "model")
    hdu.header["GCSHA256"] = provenance["model"]["sha256"]
    hdu.header["GCVERS"] = (provenance["package_version"], "version of galaxy-classify")
    hdu.header["GCPROV"] = json.dumps(provenance)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)


def write_votable(table: Any, path: str, provenance: dict[str, Any]) -> None:
    """Write an Astropy table as VOTable, with the provenance in an INFO element."""
    from astropy.io.votable import from_table, writeto
    from astropy.io.votable.tree import Info

    document = from_table(table)
    document.resources[0].infos.append(Info(name=PROVENANCE, value=json.dumps(provenance)))
    writeto(document, path)
