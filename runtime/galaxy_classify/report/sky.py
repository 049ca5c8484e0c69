"""Find the position on the sky in a catalogue's columns: right ascension and declination in decimal degrees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from galaxy_classify.tables.columns import Column

#: Columns of the main position by their meaning: UCD1+ (IVOA), and UCD1 in older VOTables.
UCDS: Final = (("pos.eq.ra;meta.main", "pos.eq.dec;meta.main"), ("pos_eq_ra_main", "pos_eq_dec_main"))
#: Columns of a position by their names, in lower case, the likeliest first.
NAMES: Final = (
    ("ra", "dec"),
    ("ra_deg", "dec_deg"),
    ("radeg", "decdeg"),
    ("radeg", "dedeg"),
    ("raj2000", "dej2000"),
    ("raj2000", "decj2000"),
    ("ra_j2000", "dec_j2000"),
    ("ra_icrs", "de_icrs"),
    ("ra_icrs", "dec_icrs"),
    ("alpha_j2000", "delta_j2000"),
    ("ramean", "decmean"),
    ("right_ascension", "declination"),
)
#: Units that mean degrees; a column without a unit is taken for one of degrees.
DEGREES: Final = ("", "deg", "degree", "degrees")
#: A decimal number. Sexagesimal text is none: 12:30:00 may be in hours or degrees.
NUMBER: Final = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")
#: Decimals of a degree that are kept: 0.4 milliarcseconds.
DECIMALS: Final = 7

#: Right ascension and declination in degrees.
Position = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PositionColumns:
    """Indices of the columns of right ascension and declination."""

    ra: int
    dec: int

    def position(self, values: Sequence[object]) -> Position | None:
        """Return the position in a row of the catalogue, None if its cells hold none in decimal degrees.

        Examples
        --------
        >>> columns = PositionColumns(0, 1)
        >>> columns.position(["184.6750", "+11.7318"]), columns.position(["12:18:42", "+11:43:54"])
        ((184.675, 11.7318), None)
        """
        if len(values) <= max(self.ra, self.dec):  # a row that was carried over without its columns
            return None
        ra, dec = _degrees(values[self.ra]), _degrees(values[self.dec])
        if ra is None or dec is None or not (0 <= ra <= 360 and -90 <= dec <= 90):
            return None
        return round(ra, DECIMALS), round(dec, DECIMALS)


def find_position_columns(columns: Sequence[Column]) -> PositionColumns | None:
    """Return the columns of a catalogue that hold the main position in degrees: by their UCDs, else by their names.

    Examples
    --------
    >>> find_position_columns([Column("objid"), Column("RA", unit="deg"), Column("Dec", unit="deg")])
    PositionColumns(ra=1, dec=2)
    """
    in_degrees = {index for index, column in enumerate(columns) if column.unit.strip().lower() in DEGREES}
    for wanted, texts in (
        (UCDS, [column.ucd.strip().lower() for column in columns]),
        (NAMES, [column.name.strip().lower() for column in columns]),
    ):
        places = {text: index for index, text in enumerate(texts) if index in in_degrees}
        for ra, dec in wanted:
            if ra in places and dec in places:
                return PositionColumns(places[ra], places[dec])
    return None


def _degrees(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if NUMBER.fullmatch(value := value.strip()) else None
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None
