"""Read a CSV table row by row."""

from __future__ import annotations

import csv
import gzip
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, TextIO

from galaxy_classify.tables.columns import Column, Kind, plain_value

#: Cells that are read as numbers. 007 is not one: it may be an id, which would lose its leading zeros.
INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")
NUMBER: Final = re.compile(r"-?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")


#: Characters that a field may have; more would not fit a C long on every system.
LONGEST_FIELD: Final = 2**31 - 1


def read_csv(lines: Iterable[str], *, strict: bool = False) -> Iterator[list[str]]:
    """Read rows of CSV whose fields may be of any length; the module csv refuses 131,072 characters by default.

    With `strict`, raise `csv.Error` for a row that ends within a quoted field.
    """
    csv.field_size_limit(LONGEST_FIELD)  # there is a limit for the process only
    return csv.reader(lines, strict=strict)


#: Largest integer up to which all are exact as float64.
EXACT: Final = 2**53


#: Characters of the longest integer of 64 bits.
MOST_DIGITS: Final = 20


#: What a column holds; of integers, whether some are inexact as float64.
Found = Kind | Literal["large int"]


class CsvTable:
    """CSV file with a header, in UTF-8.

    The constructor reads the file once, to count its rows and to find the types of its columns. With ``typed``, columns
    that hold only numbers become numbers and empty cells None; otherwise every value is text.
    """

    def __init__(self, path: str, *, typed: bool) -> None:
        self._path = path
        self._typed = typed
        self._length = 0
        with self._open() as rows:
            names = next(rows, [])
            kinds: list[Found | None] = [None] * len(names)
            for row in rows:
                self._length += 1
                if len(row) != len(names):
                    raise ValueError(f"row {self._length} has {len(row)} cells, the header has {len(names)}")
                if typed:
                    kinds = [_wider(kind, cell) for kind, cell in zip(kinds, row, strict=True)]
        if len(set(names)) != len(names):
            raise ValueError("two columns have the same name")
        found: list[Kind] = ["int" if kind == "large int" else kind or "text" for kind in kinds]
        self.columns = [Column(name, kind) for name, kind in zip(names, found, strict=True)]

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
        # Spreadsheets write a byte order mark (utf-8-sig). File names need not be UTF-8 (surrogateescape).
        opened: Callable[..., TextIO] = gzip.open if self._path.lower().endswith(".gz") else open
        with opened(self._path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield (row for row in read_csv(file) if row)


def _wider(kind: Found | None, cell: str) -> Found | None:
    """Return the narrowest kind for a column's cells so far (None if all were empty) and one more cell.

    Text is what would not be the same number in the columns of a result, such as an integer that is too large.
    """
    if kind == "text" or not cell:
        return kind
    if INTEGER.fullmatch(cell):
        number = int(cell) if len(cell) <= MOST_DIGITS else 2**63
        if abs(number) >= 2**63:
            return "text"
        if abs(number) > EXACT:
            return "text" if kind == "float" else "large int"
        return kind or "int"
    is_number = cell.lower() == "nan" or (NUMBER.fullmatch(cell) and _is_in_range(cell))
    return "float" if is_number and kind != "large int" else "text"


def _is_in_range(cell: str) -> bool:
    """Tell whether a decimal becomes neither infinity nor zero."""
    number = float(cell)
    is_zero = not re.search("[1-9]", re.split("[eE]", cell)[0])
    return math.isfinite(number) and (number != 0 or is_zero)


def _from_text(cell: str, kind: Kind) -> Any:
    if not cell:
        return None
    return int(cell) if kind == "int" else plain_value(float(cell) if kind == "float" else cell, kind)
