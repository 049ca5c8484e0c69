"""Values that are carried through from a catalogue: the same in every format, value by value and gap by gap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from catalog_tables import IN_FORMATS, OUT_FORMATS, TYPES, Carried, carry, is_same, read_result, write_catalog
from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.tables.columns import Column
from galaxy_classify.tables.write import write_typed
from galaxy_classify.text import utf8
from stand_in_job import StandInJob

#: The command silences these: VOTable's identifiers are made of the names, FITS is strict about units.
pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")

INFINITY = float("inf")
#: Values that some format, library or conversion has no room for, by the beginning of the type's name.
VALUES: dict[str, list[Any]] = {
    "bool": [True, False, True, False, None, False],
    "int8": [-128, 127, 0, None, 1, -1],
    "uint8": [255, 0, 128, None, 1, 2],
    "int16": [-(2**15), 2**15 - 1, 999, None, 0, 1],
    "uint16": [2**16 - 1, 2**15, 0, None, 1, 2],
    "int32": [-(2**31), 2**31 - 1, 999_999, None, 0, 1],
    "uint32": [2**32 - 1, 2**31, 0, None, 999_999, 1],
    "int64": [-(2**63) + 1, 2**63 - 1, 999_999, None, 1237648720693755918, -1],
    "uint64": [2**64 - 1, 2**63, 2**53 + 1, None, 0, 999_999],
    "float16": [0.5, -65504.0, INFINITY, None, float("nan"), 0.0],
    "float32": [0.10000000149011612, 3.4028234663852886e38, -INFINITY, None, float("nan"), 1e-45],
    "float64": [0.1, 1.7976931348623157e308, INFINITY, None, 5e-324, 1234567890.123456789],
    "scaled": [10.25, -3.5, 9.75, None, 250000.25, 10.0],
    "text": ["galaxy", " a  b ", "naïve\xa0☃🌌", None, "", "'\"\\,;|<&>"],
}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is lost here."""
    monkeypatch.setattr("os.fsync", lambda file: None)


@pytest.mark.parametrize("output_format", OUT_FORMATS)
@pytest.mark.parametrize("form", IN_FORMATS)
@pytest.mark.parametrize("gaps", [True, False])
def test_no_value_changes_on_its_way(tmp_path: Path, form: str, output_format: OutputFormat, *, gaps: bool) -> None:
    """A scaled column is not cut to integers, a number that marks missing ones is not taken for one, and so on."""
    columns = [
        Carried(name, name, [value if gaps or value is not None else VALUES[name][0] for value in VALUES[name]])
        for name in TYPES[form]
    ]
    catalog, output = tmp_path / f"catalog.{form}", tmp_path / f"out.{output_format}"
    write_catalog(catalog, form, columns)
    carry(catalog, output, output_format)
    found = read_result(output, output_format)
    wrong = [
        (column.name, value, cell)
        for column in columns
        for value, cell in zip(column.values, found[column.name], strict=True)
        if not is_same(cell, value, column.type, form, output_format)
    ]
    assert wrong == []
    before = output.read_bytes()
    job = carry(catalog, output, output_format)
    assert (job.counts.kept, job.counts.changed) == (6, False)
    assert output.read_bytes() == before


NAMES = ["größe", "a\nb", "", " ", "µ" * 90, "x" * 90, "a'b\"&<>", "stray\udcff", "a\x00b", "a/b"]


@pytest.mark.parametrize("output_format", OUT_FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_column_name_is_kept_or_refused_before_the_run(
    tmp_path: Path, name: str, output_format: OutputFormat
) -> None:
    """A format that cannot hold it says so before hours of work, not at their end."""
    catalog, output = tmp_path / "catalog.csv", tmp_path / f"out.{output_format}"
    write_catalog(catalog, "csv", [Carried(name, "int64", [1, 2])])
    refused = ""
    try:
        carry(catalog, output, output_format)
    except UsageError as error:
        refused = str(error)
    if refused:
        assert repr(name) in refused
        assert output_format.is_typed
        assert [path.name for path in tmp_path.iterdir()] == ["catalog.csv"]
    else:
        # Bytes that are not UTF-8 are written as escapes, which every format can hold.
        assert [str(cell) for cell in read_result(output, output_format)[utf8(name)]] == ["1", "2"]


@pytest.mark.parametrize("output_format", [found for found in OUT_FORMATS if found.is_typed])
def test_text_of_spaces_does_not_look_changed(tmp_path: Path, output_format: OutputFormat) -> None:
    """Some readers leave them out, and a complete result would be made again from that row on."""
    catalog, output = tmp_path / "catalog.csv", tmp_path / f"out.{output_format}"
    write_catalog(catalog, "csv", [Carried("a", "text", ["x", "\xa0", " ", "", None])])
    carry(catalog, output, output_format)
    job = carry(catalog, output, output_format)
    assert (job.counts.kept, job.counts.changed) == (5, False)


def test_units_and_descriptions_of_any_characters_are_written(tmp_path: Path) -> None:
    """A scale that FITS does not know, or a letter that is not ASCII, is no reason to lose a run at its end."""
    column = Column("flux", "float", "10 µJy", "phot.flux", "Fluß\nin two lines")
    write_typed([{"flux": 1.0}], str(tmp_path / "a.fits"), "fits", [column], StandInJob().provenance)
    header = fits.getheader(tmp_path / "a.fits", 1)
    assert (header["TUNIT1"], header["TCOMM1"]) == (r"10 \xb5Jy", r"Flu\xdf\nin two lines")


@pytest.mark.parametrize("form", ["fits", "ecsv"])
def test_times_coordinates_and_vectors_become_text_or_numbers(tmp_path: Path, form: str) -> None:
    """Dates become ISO 8601, vectors JSON, coordinates what they consist of."""
    table = Table(
        {
            "file": ["0.png", "1.png"],
            "time": Time([60000.5, 60001.25], format="mjd"),
            "sky": SkyCoord([10.125, 20.25], [-5.5, 85.75], unit="deg"),
            "vector": np.array([[1, 2], [3, 4]]),
        }
    )
    catalog = tmp_path / f"catalog.{form}"
    table.write(catalog, format={"fits": "fits", "ecsv": "ascii.ecsv"}[form])
    carry(catalog, tmp_path / "out.jsonl", OutputFormat.JSONL)
    found = read_result(tmp_path / "out.jsonl", OutputFormat.JSONL)
    assert found["sky.ra"] == [10.125, 20.25]
    assert found["sky.dec"] == [-5.5, 85.75]
    assert found["vector"] == ["[1, 2]", "[3, 4]"]
    if form == "ecsv":
        assert found["time"] == ["2023-02-25T12:00:00.000000000", "2023-02-26T06:00:00.000000000"]
    else:
        assert [json.loads(cell)[0] for cell in found["time"]] == [2460001.0, 2460002.0]


def test_text_of_fits_that_is_not_utf8_is_kept_byte_by_byte(tmp_path: Path) -> None:
    """Astropy refuses it, and old catalogues are in Latin-1."""
    columns = [fits.Column("file", "5A", array=["0.png"]), fits.Column("name", "4A", array=np.array([b"M\xfcl "]))]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "catalog.fits")
    carry(tmp_path / "catalog.fits", tmp_path / "out.csv", OutputFormat.CSV)
    assert b",M\xfcl\n" in (tmp_path / "out.csv").read_bytes()


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["1", "2.5"], [1.0, 2.5]),
        (["9007199254740993", "2.5"], ["9007199254740993", "2.5"]),
        (["2.5", "9007199254740993"], ["2.5", "9007199254740993"]),
        (["1", "1e400"], ["1", "1e400"]),
        (["1", "1e-400"], ["1", "1e-400"]),
        (["0e-400", "nan"], [0.0, None]),
        (["9" * 5000, "1"], ["9" * 5000, "1"]),
        (["9223372036854775807", "1"], [2**63 - 1, 1]),
        (["9223372036854775808", "1"], ["9223372036854775808", "1"]),
    ],
)
def test_numbers_in_csv_that_no_column_holds_stay_text(tmp_path: Path, cells: list[str], found: list[Any]) -> None:
    """A large identifier beside a decimal would lose its last digits."""
    write_catalog(tmp_path / "catalog.csv", "csv", [Carried("x", "text", cells)])
    carry(tmp_path / "catalog.csv", tmp_path / "out.parquet", OutputFormat.PARQUET)
    assert read_result(tmp_path / "out.parquet", OutputFormat.PARQUET)["x"] == found


@pytest.mark.parametrize("output_format", [found for found in OUT_FORMATS if found.is_typed])
def test_a_library_that_fails_at_the_end_loses_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output_format: OutputFormat
) -> None:
    """One line says where the rows are, no half of a table is left, and a resumed run has them."""
    write_catalog(tmp_path / "catalog.csv", "csv", [Carried("z", "int64", [1, 2])])
    output = tmp_path / f"out.{output_format}"

    def fail(rows: Any, path: str, *others: Any) -> None:
        Path(path).write_text("half")
        raise ValueError("some rule of the format")

    with monkeypatch.context() as patched:
        patched.setattr("galaxy_classify.runs.result_file.write_typed", fail)
        with pytest.raises(GalaxyClassifyError, match=r"some rule of the format; .*partial keeps the rows, as JSON"):
            carry(tmp_path / "catalog.csv", output, output_format)
    assert sorted(path.name for path in tmp_path.glob("out*")) == [
        f"{output.name}.partial", f"{output.name}.partial.meta.json",
    ]  # fmt: skip
    output.touch()  # so that the next run is a resumed one
    job = carry(tmp_path / "catalog.csv", output, output_format)
    assert job.counts.kept == 2
