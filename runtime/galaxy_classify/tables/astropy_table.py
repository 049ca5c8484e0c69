"""Read ECSV and VOTable files with Astropy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from galaxy_classify.tables.columns import Column, Kind, plain_value


class WholeTable:
    """ECSV or VOTable file, read into memory at once.

    ``form`` is the format's name in Astropy: ``ascii.ecsv`` or ``votable``.
    """

    def __init__(self, path: str, form: str) -> None:
        import numpy as np
        from astropy.table import Table as AstropyTable

        with np.errstate(over="ignore"):  # NumPy's number for missing values is too large for float16
            # By default columns of VOTable are called by their IDs, which have no other characters than names in XML.
            options = {"use_names_over_ids": True} if form == "votable" else {}
            self._table = _plain_columns(AstropyTable.read(path, format=form, **options))
        self.columns = [
            Column(
                column.name,
                numpy_kind(column.dtype, column.shape[1:]),
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
        cells = [
            [plain_value(cell, column.kind) for cell in self._table[column.name].tolist()] for column in self.columns
        ]
        return zip(*cells, strict=True)


def _plain_columns(table: Any) -> Any:
    """Replace columns of times by ISO 8601 text, and those of coordinates and other objects by what they consist of."""
    from astropy.table import Column as AstropyColumn
    from astropy.table import MaskedColumn, Table
    from astropy.table.serialize import represent_mixins_as_columns
    from astropy.time import Time

    plain: list[Any] = []
    for name in table.colnames:
        column = table[name]
        if isinstance(column, AstropyColumn):
            plain.append(column)
        elif isinstance(column, Time):
            column.precision = 9
            text = MaskedColumn(column.isot, name=name) if column.masked else AstropyColumn(column.isot, name=name)
            plain.append(text)
        else:
            plain += represent_mixins_as_columns(Table([column], names=[name])).itercols()
    return Table(plain)


def numpy_kind(dtype: Any, shape: tuple[int, ...]) -> Kind:
    """Return the kind of a column with cells of this type and shape."""
    kinds: dict[str, Kind] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
    if shape or dtype.shape:  # a vector in each cell: JSON text
        return "text"
    if dtype.kind == "u" and dtype.itemsize == 8:  # does not fit the signed integers of a result: text keeps all digits
        return "text"
    if dtype.kind == "f" and dtype.itemsize > 8:
        return "text"
    return "float32" if dtype.kind == "f" and dtype.itemsize == 4 else kinds.get(dtype.kind, "text")
