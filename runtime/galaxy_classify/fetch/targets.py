"""The objects of a catalogue: what is to be asked for each, and under which name it is kept."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.fetch.failures import NoCutoutError
from galaxy_classify.fetch.framing import Framing
from galaxy_classify.fetch.services import Service
from galaxy_classify.inputs.catalog import find_column
from galaxy_classify.inputs.remote import is_remote
from galaxy_classify.results.safe_writing import PARTIAL_SUFFIX
from galaxy_classify.tables.columns import Column, plain_value
from galaxy_classify.tables.read import Table, open_table
from galaxy_classify.text import utf8

#: Characters that a file name has on no system, or not on all.
UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]')
#: Bytes of the longest name that every file system takes.
MOST_BYTES: Final = 255
#: Parts of an angle in hours or degrees, minutes and seconds.
SEXAGESIMAL: Final = re.compile(r"[+-]?\d+(\s*[:hHdD°]\s*|\s+)\d+.*")
DEGREES: Final = ("", "deg", "degree", "degrees")
ARCSEC: Final = ("", "arcsec", "arcsecs", "arcsecond", "arcseconds", '"')


@dataclass(frozen=True, slots=True)
class Target:
    """A row of the catalogue.

    Parameters
    ----------
    row : sequence
        The row's values.
    name : str
        Name of the file.
    url : str
        What is asked; empty if nothing can be.
    scale : float or None
        Pixel scale in arcsec.
    reason : str
        Why nothing can be asked.
    """

    row: Sequence[Any]
    name: str = ""
    url: str = ""
    scale: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Indices of the columns that say where objects are, how large, and what they are called; -1 for none."""

    ra: int
    dec: int
    r50: int
    r90: int
    name: int


class Targets:
    """The objects of a table.

    Parameters
    ----------
    path : str
        The table, in a format that `open_table` reads.
    ra, dec : str
        Columns of the position, in degrees.
    name : str or None
        Column that files are named by; None to name them by the number of the row.
    framing : Framing
        How the pixel scale is chosen.
    service : Service
        Who is asked.

    Raises
    ------
    UsageError
        If the table cannot be read, or lacks a column, or has it in another unit.
    """

    def __init__(self, path: str, ra: str, dec: str, name: str | None, framing: Framing, service: Service) -> None:
        if is_remote(path):
            raise UsageError(f"{path}: CATALOG is a local file: download the table first")
        self._framing = framing
        self._service = service
        self._table: Table = open_table(path, typed=False)
        names = [column.name for column in self._table.columns]
        wanted = (ra, dec, framing.r50, framing.r90, name)
        indices = [-1 if column is None else find_column(path, names, column) for column in wanted]
        self._at = Places(*indices)
        self._check_units(path)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def columns(self) -> Sequence[Column]:
        """Columns of the table."""
        return self._table.columns

    def _check_units(self, path: str) -> None:
        for index, units, remedy in (
            (self._at.ra, DEGREES, "degrees"),
            (self._at.dec, DEGREES, "degrees"),
            (self._at.r50, ARCSEC, "arcsec"),
            (self._at.r90, ARCSEC, "arcsec"),
        ):
            column = self._table.columns[index]
            if index >= 0 and column.unit.strip().lower() not in units:
                raise UsageError(f"{path}: column {column.name!r} is in {column.unit}; convert it to {remedy}")

    def __iter__(self) -> Iterator[Target]:
        """Yield the rows in order; one for which nothing can be asked says why."""
        taken: dict[str, str] = {}
        for number, row in enumerate(self._table.rows(), start=1):
            values = [plain_value(value, column.kind) for value, column in zip(row, self._table.columns, strict=True)]
            try:
                yield self._target(number, values, taken)
            except NoCutoutError as error:
                yield Target(values, reason=str(error))

    def _target(self, number: int, row: Sequence[Any], taken: dict[str, str]) -> Target:
        name = self._file_name(number, row)
        ra = self._number(row, self._at.ra)
        dec = self._number(row, self._at.dec)
        _check_position(ra, dec)
        r50, r90 = (self._radius(row, index) for index in (self._at.r50, self._at.r90))
        scale = self._framing.scale(r50, r90)
        url = self._service.url(ra, dec, scale, self._framing.pixels)
        # Systems that ignore case, or the form of an accent, keep one file for both.
        if taken.setdefault(unicodedata.normalize("NFC", name).casefold(), url) != url:
            raise NoCutoutError(f"another row with another position or size has the file name {name} already")
        return Target(row, name, url, scale)

    def _file_name(self, number: int, row: Sequence[Any]) -> str:
        suffix = f".{self._service.format}"
        if self._at.name < 0:
            return f"{number}{suffix}"
        column = self._table.columns[self._at.name].name
        text = "" if row[self._at.name] is None else str(row[self._at.name])
        if not text.strip():
            raise NoCutoutError(f"the catalogue has no {column} here, which names the file")
        problem = ""
        if text != utf8(text) or UNSAFE.search(text) or text != text.strip():
            problem = 'has a space at an end, or one of / \\ : * ? " < > | or a control character'
        elif text.startswith(".") or text.endswith("."):
            problem = "begins or ends with a dot"
        elif len((text + suffix + PARTIAL_SUFFIX).encode()) > MOST_BYTES:
            problem = "is too long"
        if problem:
            raise NoCutoutError(f"{column} is {text!r}, which cannot name a file: it {problem}")
        return text + suffix

    def _number(self, row: Sequence[Any], index: int) -> float:
        value, name = row[index], self._table.columns[index].name
        if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan")):
            raise NoCutoutError(f"the catalogue has no {name} here")
        try:
            found = float(str(value).replace("_", "no digit"))  # Python would read 1_0 as 10
        except ValueError:
            remedy = "is sexagesimal; convert it to degrees" if SEXAGESIMAL.fullmatch(str(value)) else "is no number"
            raise NoCutoutError(f"{name} is {value!r}, which {remedy}") from None
        if not math.isfinite(found):
            raise NoCutoutError(f"{name} is {value}, which is no position")
        return found

    def _radius(self, row: Sequence[Any], index: int) -> float | None:
        return None if index < 0 else self._number(row, index)


def _check_position(ra: float, dec: float) -> None:
    if not 0 <= ra <= 360:
        remedy = "; add 360 to it" if -180 <= ra < 0 else ""
        raise NoCutoutError(f"the right ascension is {ra:g}, not between 0 and 360 degrees{remedy}")
    if not -90 <= dec <= 90:
        raise NoCutoutError(f"the declination is {dec:g}, not between -90 and 90 degrees; are the columns exchanged?")
