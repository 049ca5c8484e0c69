"""From the rows of a catalogue to addresses and file names."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.table import MaskedColumn, Table

from galaxy_classify.errors import UsageError
from galaxy_classify.fetch.framing import Framing
from galaxy_classify.fetch.services import CutoutFormat, find_service
from galaxy_classify.fetch.targets import Target, Targets

SERVICE = find_service("http://h/{ra}/{dec}/{scale}/{pixels}", CutoutFormat.JPG, None)


def targets(path: Path, name: str | None = "id", *, sized: bool = False) -> list[Target]:
    """Return the targets of a table whose columns have their usual names."""
    frame = Framing(424, 0.1, r50="r50", r90="r90") if sized else Framing(424, 0.1, arcsec=106)
    return list(Targets(str(path), "ra", "dec", name, frame, SERVICE))


def of_csv(folder: Path, *rows: str, name: str | None = "id", header: str = "id,ra,dec") -> list[Target]:
    """Return the targets of a CSV file."""
    path = folder / "catalogue.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return targets(path, name)


@pytest.mark.parametrize("form", ["csv", "fits", "ecsv", "parquet", "vot"])
def test_every_format_of_tables_gives_the_same_requests(tmp_path: Path, form: str) -> None:
    """With ids of 19 digits, which no float holds; a missing position is its row's error."""
    path = tmp_path / f"catalogue.{form}"
    table = Table(
        {
            "id": [1237648720693755918, 1237648720693755919],
            "ra": MaskedColumn([185.25, 0.0], mask=[False, True], unit=units.deg),
            "dec": [-1.5, 2.0],
            "r50": [5.0, 5.0],
            "r90": [8.0, 8.0],
        }
    )
    if form == "parquet":
        pq.write_table(pa.table({name: table[name].tolist() for name in table.colnames}), path)
    else:
        names = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable"}
        table.write(path, format=names.get(form, form))
    first, second = targets(path, sized=True)
    assert (first.name, first.url, first.scale) == (
        "1237648720693755918.jpg",
        "http://h/185.25/-1.5/0.16/424",
        0.16,
    )
    assert second.reason == "the catalogue has no ra here"


@pytest.mark.parametrize(
    ("ra", "dec", "reason"),
    [
        ("12:30:49.4", "12", "ra is '12:30:49.4', which is sexagesimal; convert it to degrees"),
        ("12 30 49.4", "12", "ra is '12 30 49.4', which is sexagesimal; convert it to degrees"),
        ("12h30m49s", "12", "ra is '12h30m49s', which is sexagesimal; convert it to degrees"),
        ("187", "+12d23m28s", "dec is '+12d23m28s', which is sexagesimal; convert it to degrees"),
        ("187", "north", "dec is 'north', which is no number"),
        ("1_87", "12", "ra is '1_87', which is no number"),
        ("", "12", "the catalogue has no ra here"),
        ("187", "NaN", "the catalogue has no dec here"),
        ("inf", "12", "ra is inf, which is no position"),
        ("-12.5", "12", "the right ascension is -12.5, not between 0 and 360 degrees; add 360 to it"),
        ("361", "12", "the right ascension is 361, not between 0 and 360 degrees"),
        ("12", "187", "the declination is 187, not between -90 and 90 degrees; are the columns exchanged?"),
    ],
)
def test_what_is_no_position_gets_a_row_that_says_why(tmp_path: Path, ra: str, dec: str, reason: str) -> None:
    """No guess is made, as of hours: a cutout of another place would be classified like any other."""
    wrong, fine = of_csv(tmp_path, f"a,{ra},{dec}", "b,+12.5,0")
    assert (wrong.reason, wrong.url) == (reason, "")
    assert fine.url == "http://h/12.5/0/0.25/424"


@pytest.mark.parametrize(
    "name", ["a/b", "..\\b", "a:b", "a*", "CON?", "a\tb", "..", ".hidden", "dot.", " a", "x" * 250]
)
def test_an_id_that_cannot_name_a_file_gets_a_row_that_says_why(tmp_path: Path, name: str) -> None:
    """It would be written elsewhere, or could not be copied to another system."""
    wrong, fine = of_csv(tmp_path, f'"{name}",1,1', '"NGC 224 (M31) +é",1,1')
    assert "cannot name a file" in wrong.reason
    assert fine.name == "NGC 224 (M31) +é.jpg"


def test_a_missing_id_gets_a_row_that_says_why(tmp_path: Path) -> None:
    """Without --id-column, the number of the row names the file."""
    assert of_csv(tmp_path, ",1,1")[0].reason == "the catalogue has no id here, which names the file"
    assert [target.name for target in of_csv(tmp_path, ",1,1", ",2,2", name=None)] == ["1.jpg", "2.jpg"]


def test_rows_with_one_name_must_be_one_object(tmp_path: Path) -> None:
    """Else one would be classified as the other; also where only some systems tell the names apart."""
    found = of_csv(tmp_path, "m31,1,1", "m31,1.0,1", "m31,2,1", "M31,3,1", "é,4,4", "é,5,5")
    assert [bool(target.url) for target in found] == [True, True, False, False, True, False]
    assert found[0].url == found[1].url
    assert found[3].reason == "another row with another position or size has the file name M31.jpg already"


@pytest.mark.parametrize(
    ("column", "unit", "message"),
    [
        ("ra", units.hourangle, "'ra' is in hourangle; convert it to degrees"),
        ("dec", units.rad, "'dec' is in rad; convert it to degrees"),
        ("r50", units.arcmin, "'r50' is in arcmin; convert it to arcsec"),
        ("r90", units.pix, "'r90' is in pix; convert it to arcsec"),
    ],
)
def test_a_column_in_another_unit_is_refused(tmp_path: Path, column: str, unit: units.Unit, message: str) -> None:
    """The table says it, so that nothing has to be guessed."""
    table = Table({"id": ["a"], "ra": [1.0], "dec": [1.0], "r50": [3.0], "r90": [5.0]})
    table["r50"].unit = units.arcsec
    table[column].unit = unit
    table.write(tmp_path / "c.ecsv", format="ascii.ecsv")
    with pytest.raises(UsageError, match=message):
        targets(tmp_path / "c.ecsv", sized=True)


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With the one that was probably meant."""
    with pytest.raises(UsageError, match=r"has no column 'dec'; did you mean 'decl'\? it has id, ra, decl"):
        of_csv(tmp_path, "a,1,1", header="id,ra,decl")
    with pytest.raises(UsageError, match="CATALOG is a local file"):
        Targets("https://host/c.csv", "ra", "dec", None, Framing(424, 0.1, arcsec=106), SERVICE)
