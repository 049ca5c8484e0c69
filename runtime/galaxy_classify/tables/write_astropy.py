"""Write FITS, ECSV and VOTable with Astropy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from galaxy_classify.tables.columns import PROVENANCE, Column, Kind, Row
from galaxy_classify.text import printable


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
    if kind in ("float", "float32"):
        numbers = [np.nan if cell is None else float(cell) for cell in cells]
        return AstropyColumn(np.array(numbers, _DTYPES[kind]), **about)
    if kind == "text":
        filled = np.array(["" if cell is None else escaped(str(cell)) for cell in cells], dtype=str)
    else:
        filled = np.array([0 if cell is None else cell for cell in cells], _DTYPES[kind])
    if not any(missing):
        return AstropyColumn(filled, **about)
    masked = MaskedColumn(filled, mask=missing, **about)
    if kind == "int":
        # The number that stands for a missing one, 999999 by default, must not be the value of another row.
        present = set(cells)
        masked.fill_value = next(number for number in count(-(2**63)) if number not in present)
    return masked


#: Characters that FITS, ECSV or VOTable (XML 1.0, section 2.2) do not allow in text, though file names may hold them.
_NOT_ALLOWED: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: Astropy writes spaces that are not ASCII without quotes in ECSV; at the end of a line it then takes them for no cell.
_OUTER_SPACE: Final = re.compile(r"\A\s+|\s+\Z")


def escaped(text: str) -> str:
    r"""Escape what these formats do not hold in text: control characters, bytes that are not UTF-8, odd outer spaces.

    Examples
    --------
    >>> escaped("a\tb\xa0c\udcff")
    'a\\tb\xa0c\\udcff'
    """
    outer = _OUTER_SPACE.sub(lambda found: re.sub("[^ ]", _escape, found[0]), text)
    return _NOT_ALLOWED.sub(_escape, outer)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


_DTYPES: Final[dict[Kind, str]] = {"bool": "?", "int": "i8", "float": "f8", "float32": "f4"}


def write_fits(table: Any, path: str, columns: Sequence[Column], provenance: dict[str, Any]) -> None:
    """Write an Astropy table as FITS, with UCDs, descriptions and provenance in the header."""
    from astropy.io import fits
    from astropy.table import MaskedColumn

    nulls: dict[str, int] = {}
    for name in table.colnames:
        column = table[name]
        if isinstance(column, MaskedColumn):
            if column.dtype.kind == "i":
                nulls[name] = int(column.fill_value)
            column = column.filled("" if column.dtype.kind == "U" else column.fill_value)
        if column.dtype.kind == "U":  # FITS stores text as bytes
            column = [text.encode() for text in column.tolist()] or column.astype("S1")
        table[name] = column
        # Astropy would write descriptions and UCDs as YAML comments, which TOPCAT does not read, and refuse units that
        # it does not know. See the keys below.
        table[name].description = None
        table[name].unit = None
        table[name].meta.clear()
    hdu = fits.table_to_hdu(table)
    hdu.name = "GALAXIES"
    for name, null in nulls.items():
        hdu.columns[name].null = null
    for number, about in enumerate(columns, 1):
        # UCD and description: the keys that TOPCAT's own FITS writer uses, and that TOPCAT reads.
        for key, text in (("TUNIT", about.unit), ("TUCD", about.ucd), ("TCOMM", about.description)):
            if text:
                hdu.header[f"{key}{number}"] = _ascii(text)
    hdu.header["GCMODEL"] = (_ascii(provenance["model"]["name"]), "model")
    hdu.header["GCSHA256"] = provenance["model"]["sha256"]
    hdu.header["GCVERS"] = (provenance["package_version"], "version of galaxy-classify")
    hdu.header["GCPROV"] = json.dumps(provenance)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)


def _ascii(text: str) -> str:
    """Escape what the header of a FITS file does not allow."""
    return printable(text).encode("ascii", "backslashreplace").decode("ascii")


def write_votable(table: Any, path: str, provenance: dict[str, Any]) -> None:
    """Write an Astropy table as VOTable, with the provenance in an INFO element."""
    from astropy.io.votable import from_table, writeto
    from astropy.io.votable.tree import Info

    document = from_table(table)
    document.resources[0].infos.append(Info(name=PROVENANCE, value=json.dumps(provenance)))
    writeto(document, path)
