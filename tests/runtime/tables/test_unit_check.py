"""Units in catalogues that Astropy would compute for hours."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy import units
from astropy.table import Table

from galaxy_classify.errors import UsageError
from galaxy_classify.tables.read import open_table

HUGE = ["10**(999999999) Jy", "10^999999999 Jy", "10+999999999 Jy", "sqrt(10**( +0999999999))"]


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Fail if a test takes longer than a hostile file may."""
    begin = time.process_time()
    yield
    assert time.process_time() - begin < 5


def ecsv(folder: Path, unit: str) -> Path:
    """Write a catalogue with a column in a unit, as ECSV."""
    lines = ["%ECSV 1.0", "---", "datatype:", "- {name: path, datatype: string}"]
    lines.append(f"- {{name: f, unit: {unit}, datatype: float64}}")
    path = folder / "a.ecsv"
    path.write_text("".join(f"# {line}\n" for line in "\n".join(lines).split("\n")) + "path f\na.jpg 1.0\n")
    return path


def votable(folder: Path, unit: str, *, packed: bool = False, encoding: str = "utf-8") -> Path:
    """Write the same as VOTable."""
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><VOTABLE version="1.4" '
        'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
        f'<FIELD name="path" datatype="char" arraysize="*"/><FIELD name="f" datatype="double" unit="{unit}"/>'
        "<DATA><TABLEDATA><TR><TD>a.jpg</TD><TD>1</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    path = folder / "a.vot"
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


@pytest.mark.parametrize("unit", HUGE)
def test_a_huge_power_of_ten_is_refused(unit: str, tmp_path: Path) -> None:
    """One line of a header kept a core busy for ever."""
    for path in (ecsv(tmp_path, unit), votable(tmp_path, unit), votable(tmp_path, unit, packed=True)):
        with pytest.raises((UsageError, ValueError), match="huge power of ten"):
            open_table(str(path), typed=False)


def test_it_cannot_be_hidden(tmp_path: Path) -> None:
    """Neither by the escapes of YAML and XML, nor by another encoding or a fold."""
    for unit in ('"10*\\x2a999999999 Jy"', '"10**\\\n  999999999 Jy"'):
        with pytest.raises((UsageError, ValueError), match="escapes"):
            open_table(str(ecsv(tmp_path, unit)), typed=False)
    with pytest.raises((UsageError, ValueError), match="huge power"):
        open_table(str(ecsv(tmp_path, "10**\n  999999999 Jy")), typed=False)
    for unit, encoding in (("10&#42;&#x2a;999999999 Jy", "utf-8"), (HUGE[0], "utf-16"), (HUGE[0], "cp1252")):
        with pytest.raises((UsageError, ValueError), match="huge power"):
            open_table(str(votable(tmp_path, unit, encoding=encoding)), typed=False)


@pytest.mark.parametrize(("suffix", "form"), [("ecsv", "ascii.ecsv"), ("vot", "votable")])
def test_units_of_catalogues_are_kept(suffix: str, form: str, tmp_path: Path) -> None:
    """As Astropy writes them, powers of ten, signs and letters of Greek among them."""
    table = Table({"path": ["a.jpg"], "f": [1.0] * units.Jy / units.s, "w": [1.0] * units.um})
    table["w"].description = "µ, 10+2, at 2010+12 (km)^2"
    table.write(tmp_path / f"a.{suffix}", format=form)
    found = {column.name: column.unit for column in open_table(str(tmp_path / f"a.{suffix}"), typed=False).columns}
    assert (found["f"], found["w"]) == ("Jy / s", "um")
