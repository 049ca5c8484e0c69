"""The position on the sky in a catalogue: which columns hold it, and which cells are decimal degrees."""

from __future__ import annotations

import math

import pytest

from galaxy_classify.report.sky import PositionColumns, find_position_columns
from galaxy_classify.tables.columns import Column

MAIN_RA, MAIN_DEC = "pos.eq.ra;meta.main", "pos.eq.dec;meta.main"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([Column("ra"), Column("dec")], (0, 1)),
        ([Column("DEC"), Column("objid"), Column("RA")], (2, 0)),
        ([Column("RAJ2000", unit="deg"), Column("DEJ2000", unit="deg")], (0, 1)),
        ([Column("ra_deg"), Column("dec_deg")], (0, 1)),
        # The meaning counts more than a name.
        ([Column("ra"), Column("dec"), Column("x", ucd=MAIN_RA), Column("y", ucd=MAIN_DEC)], (2, 3)),
        ([Column("a", ucd="POS_EQ_RA_MAIN"), Column("d", ucd="POS_EQ_DEC_MAIN")], (0, 1)),
        # In hours, as TOPCAT may have it: another pair, or none.
        ([Column("ra", unit="hourangle"), Column("dec", unit="deg")], None),
        ([Column("ra", unit="h"), Column("dec"), Column("ra_deg"), Column("dec_deg")], (2, 3)),
        ([Column("ra"), Column("declination")], None),
        ([Column("ra")], None),
        ([], None),
    ],
)
def test_columns_are_found_by_meaning_and_by_name(columns: list[Column], expected: tuple[int, int] | None) -> None:
    """The main position in degrees; half of a position is none."""
    assert find_position_columns(columns) == (None if expected is None else PositionColumns(*expected))


@pytest.mark.parametrize(
    ("ra", "dec", "expected"),
    [
        (184.675, -11.73181, (184.675, -11.73181)),
        ("184.675", "+11.73181", (184.675, 11.73181)),
        (" 1e2 ", ".5", (100.0, 0.5)),
        (0, 90, (0.0, 90.0)),
        (360, -90, (360.0, -90.0)),
        (10.123456789, 1, (10.1234568, 1.0)),
        ("12:18:42", "+11:43:54", None),
        ("12 18 42", "+11 43 54", None),
        ("12h18m42s", "+11d43m", None),
        (360.1, 0, None),
        (-1, 0, None),
        (1, 90.5, None),
        (math.nan, 0, None),
        (math.inf, 0, None),
        ("nan", "0", None),
        ("1_0", "0", None),
        ("\u0661", "0", None),
        ("1&x=<b>", "0", None),
        ("", "", None),
        (None, None, None),
        (True, False, None),
        (1, None, None),
        ("1" * 400, "0", None),
    ],
)
def test_only_decimal_degrees_are_a_position(ra: object, dec: object, expected: tuple[float, float] | None) -> None:
    """An address is built of them: anything else is no position, whatever a catalogue holds."""
    assert PositionColumns(1, 2).position(["x", ra, dec]) == expected


def test_a_row_without_its_columns_has_no_position() -> None:
    """Inputs that are not from the catalogue carry nothing."""
    assert PositionColumns(0, 1).position(()) is None
