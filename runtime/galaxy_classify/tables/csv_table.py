"""Read a CSV table row by row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from galaxy_classify.tables.columns import Column, Kind, plain_value

#: What counts as a number in a CSV file. 007 does not: it is a name, which would lose its zeros.
INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")


NUMBER: Final = re.compile(r"-?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")


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
    return int(cell) if kind == "int" else plain_value(float(cell) if kind == "float" else cell, kind)
