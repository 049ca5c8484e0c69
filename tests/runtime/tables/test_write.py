"""Result files with typed columns, read back by the tools that astronomers read them with."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.io.votable.ucd import parse_ucd
from astropy.table import Table

from galaxy_classify import GalaxyClassifier
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.result_file import ResultFile
from galaxy_classify.tables.columns import Column
from galaxy_classify.tables.parquet_table import ROW_GROUP
from galaxy_classify.tables.read import open_table
from galaxy_classify.tables.write import write_typed
from galaxy_painter import paint
from in_process import run_classify as run

TYPED = [output_format for output_format in OutputFormat if output_format.is_typed]
CARRIED = (Column("z", "float32", "", "src.redshift"), Column("objid", "int"), Column("good", "bool"), Column("note"))
LAYOUT = RowLayout(("round", "spiral"), 2, CARRIED, "objid")
ROWS = [
    LAYOUT.row(
        Prediction("ü.jpg", "ok", "m@0", "spiral", 0.75, {"round": 0.25, "spiral": 0.75}),
        (0.1, 1237648720693755918, True, "x"),
    ),
    LAYOUT.row(Prediction("b.jpg", "error", "m@0", message="no such file"), (None, None, None, None)),
]
PROVENANCE = {"package_version": "1", "model": {"name": "m", "sha256": "0" * 64}, "options": {"threshold": 0.6}}


def nothing(value: Any) -> Any:
    """Return None for what stands for nothing in some format: no text, or not a number."""
    return None if value == "" or value != value else value


@pytest.mark.parametrize("output_format", TYPED)
def test_our_own_reader_gets_the_rows_back(tmp_path: Path, output_format: OutputFormat) -> None:
    """A complete result can be continued, so no value may change on the way; a missing truth value is text."""
    path = str(tmp_path / f"out.{output_format}")
    write_typed(iter(ROWS), path, output_format, LAYOUT.columns, PROVENANCE)
    table = open_table(path, typed=True)
    names = [column.name for column in table.columns]
    assert names == LAYOUT.names
    found = [{name: nothing(value) for name, value in zip(names, row, strict=True)} for row in table.rows()]
    expected = [{name: nothing(value) for name, value in row.items()} for row in ROWS]
    for row in (*found, *expected):
        row["good"] = None if row["good"] is None else str(row["good"])
    assert found == expected
    assert {column.name: column.ucd for column in table.columns} == {c.name: c.ucd for c in LAYOUT.columns}


@pytest.mark.parametrize("output_format", TYPED)
def test_no_rows_make_a_file_all_the_same(tmp_path: Path, output_format: OutputFormat) -> None:
    """An empty folder gives a table with columns and no rows."""
    path = str(tmp_path / f"out.{output_format}")
    write_typed(iter([]), path, output_format, LAYOUT.columns, PROVENANCE)
    table = open_table(path, typed=True)
    assert (len(table), [column.name for column in table.columns]) == (0, LAYOUT.names)


def test_parquet_is_written_in_groups(tmp_path: Path) -> None:
    """Memory does not grow with the number of rows."""
    path = tmp_path / "out.parquet"
    rows = (ROWS[number % 2] for number in range(2 * ROW_GROUP + 1))
    write_typed(rows, str(path), OutputFormat.PARQUET, LAYOUT.columns, PROVENANCE)
    metadata = pq.read_metadata(path)
    assert (metadata.num_rows, metadata.num_row_groups) == (2 * ROW_GROUP + 1, 3)


def test_ucds_are_words_of_the_vocabulary() -> None:
    """TOPCAT and VO services understand what the columns are."""
    for column in LAYOUT.columns:
        if column.ucd:
            assert parse_ucd(column.ucd, check_controlled_vocabulary=True)


def test_names_that_a_format_cannot_hold_are_escaped(tmp_path: Path) -> None:
    """A file name with stray bytes or control characters does not make an unreadable file."""
    row = LAYOUT.row(Prediction("g\udcff\x01.jpg", "error", "m@0", message="x"), (None, None, None, None))
    for output_format in TYPED:
        path = str(tmp_path / f"out.{output_format}")
        write_typed(iter([row]), path, output_format, LAYOUT.columns, PROVENANCE)
        (values,) = open_table(path, typed=True).rows()
        assert "ff" in values[1]
        assert "\udcff" not in values[1]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the same run's result in every format, made by the command from a catalogue."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "images").mkdir()
    for number, kind in enumerate(("smooth_round", "edge_on_disk")):
        paint(kind, seed=number, size=100).save(folder / "images" / f"{number}.png")
    lines = ["objid,file,ra", "11,images/0.png,1.5", "12,images/1.png,", "13,images/none.png,3.25"]
    (folder / "cat.csv").write_text("\n".join(lines) + "\n")
    for output_format in ("csv", "jsonl", *TYPED):
        result = run("--catalog", "cat.csv", "--id-column", "objid", "-o", f"out.{output_format}", cwd=folder)
        assert (result.returncode, result.stdout) == (1, ""), result.stderr
        assert "3 images: 2 classified" in result.stderr
    return folder


@pytest.fixture
def expected(run_folder: Path) -> list[dict[str, str]]:
    """Return the rows of the CSV file."""
    with (run_folder / "out.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_carries_a_catalogue_through(expected: list[dict[str, str]]) -> None:
    """Identifier first, all other columns last, in the catalogue's order, and an honest row for the missing file."""
    assert list(expected[0])[:2] == ["objid", "path"]
    assert list(expected[0])[-1] == "ra"
    assert [row["objid"] for row in expected] == ["11", "12", "13"]
    assert [row["ra"] for row in expected] == ["1.5", "", "3.25"]
    assert [row["status"] == "error" for row in expected] == [False, False, True]
    assert expected[2]["message"] == "no such file"


def same(found: Any, text: str) -> bool:
    """Compare a value that a tool has read with the text in the CSV file."""
    if found is None or found is np.ma.masked or found != found or found == "":
        return text == ""
    return float(found) == float(text) if isinstance(found, int | float | np.number) else str(found) == text


def test_pandas_reads_parquet(run_folder: Path, expected: list[dict[str, str]]) -> None:
    """Types are right without help, and so is every value."""
    frame = pd.read_parquet(run_folder / "out.parquet")
    assert list(frame.columns) == list(expected[0])
    assert (str(frame["objid"].dtype), str(frame["ra"].dtype)) == ("int64", "float64")
    for row, wanted in zip(frame.to_dict("records"), expected, strict=True):
        assert all(same(row[name], text) for name, text in wanted.items())


def test_pyarrow_reads_parquet_and_its_provenance(run_folder: Path) -> None:
    """The schema itself says what the rows were made with."""
    schema = pq.read_schema(run_folder / "out.parquet")
    provenance = json.loads(schema.metadata[b"galaxy_classify"])
    assert provenance == provenance_beside(run_folder / "out.parquet")
    assert schema.field("confidence").metadata[b"ucd"] == b"stat.probability"


@pytest.mark.parametrize("suffix", ["fits", "ecsv", "vot"])
def test_astropy_reads_its_tables(run_folder: Path, expected: list[dict[str, str]], suffix: str) -> None:
    """Every value of the CSV file is there, and nothing else."""
    table = Table.read(
        run_folder / f"out.{suffix}", format={"vot": "votable", "ecsv": "ascii.ecsv"}.get(suffix, suffix)
    )
    assert table.colnames == list(expected[0])
    for row, wanted in zip(table, expected, strict=True):
        assert all(same(row[name], text) for name, text in wanted.items())


def provenance_beside(result: Path) -> Any:
    """Return what the file beside a result says of the run, without what is written after the rows."""
    content = json.loads(result.with_name(f"{result.name}.meta.json").read_text())
    del content["counts"], content["decoder"], content["class_mix"]
    return content


def test_fits_headers_say_what_the_columns_are_and_who_made_them(run_folder: Path) -> None:
    """As TOPCAT writes and reads it: TUCD and TCOMM for each column; the model's checksum is a keyword."""
    header = fits.getheader(run_folder / "out.fits", "GALAXIES")
    provenance = provenance_beside(run_folder / "out.fits")
    assert header["GCSHA256"] == provenance["model"]["sha256"]
    assert json.loads(header["GCPROV"]) == provenance
    number = next(key[5:] for key, value in header.items() if key.startswith("TTYPE") and value == "label")
    assert (header[f"TUCD{number}"], header[f"TCOMM{number}"]) == ("src.morph.type", "most probable class")


def test_votables_and_ecsv_carry_the_provenance(run_folder: Path) -> None:
    """In the place that each format has for it."""
    provenance = provenance_beside(run_folder / "out.vot")
    (info,) = (info for info in parse(run_folder / "out.vot").resources[0].infos if info.name == "galaxy_classify")
    assert json.loads(info.value) == provenance
    assert Table.read(run_folder / "out.ecsv", format="ascii.ecsv").meta["galaxy_classify"] == provenance


@pytest.mark.parametrize("output_format", TYPED)
def test_a_complete_result_is_continued(run_folder: Path, output_format: OutputFormat) -> None:
    """--resume tries the errors of any format again: a file that has come meanwhile gets its class."""
    output = f"again.{output_format}"
    command = ("--catalog", "cat.csv", "-o", output)
    assert run(*command, cwd=run_folder).returncode == 1
    paint("smooth_cigar", seed=3, size=100).save(run_folder / "images" / "none.png")
    try:
        result = run(*command, "--resume", cwd=run_folder)
    finally:
        (run_folder / "images" / "none.png").unlink()
    assert (result.returncode, result.stderr.count("kept: 3 rows")) == (0, 1), result.stderr
    table = open_table(str(run_folder / output), typed=True)
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, values, strict=True)) for values in table.rows()]
    assert [row["status"] == "error" for row in rows] == [False] * 3
    assert [row["ra"] for row in rows] == [1.5, None, 3.25]
    assert sorted(path.name for path in run_folder.glob(f"{output}*")) == [output, f"{output}.meta.json"]


def test_without_the_extra_the_remedy_is_named_before_anything_is_done(tmp_path: Path) -> None:
    """One line and exit code 2, and no file."""
    code = "import sys; sys.modules['pyarrow'] = None; from galaxy_classify.cli.main import main; main()"
    command = [sys.executable, "-c", code.replace("main()", "sys.argv[0] = 'x'; main()"), "a.jpg", "-o", "out.parquet"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "pip install 'galaxy-classify[parquet]'" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output_format", TYPED)
def test_an_unfinished_result_is_continued(run_folder: Path, tmp_path: Path, output_format: OutputFormat) -> None:
    """Until a typed file is made its rows lie in a file of text, and a torn one is made again."""
    classifier = GalaxyClassifier(threads=1)
    layout = RowLayout(tuple(classifier.classes_.tolist()), carried=[Column("n", "int")])
    images = [str(run_folder / "images" / f"{number % 2}.png") for number in range(6)] + ["none.png"]
    sources = [Source(path, "", (number,)) for number, path in enumerate(images)]
    output = OutputFile(str(tmp_path / f"out.{output_format}"))

    def write(batch_size: int, inputs: Iterator[Source], existing: Existing = Existing.REPLACE) -> None:
        ResultFile(output, output_format, existing).write(Job(classifier, layout, 0.5, batch_size), inputs)

    def rows() -> list[Any]:
        table = open_table(output.path, typed=True)
        return [tuple(map(nothing, row)) for row in table.rows()]

    def interrupted() -> Iterator[Source]:
        yield from sources
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(1, interrupted())
    whole, sidecar = Path(output.partial).read_bytes(), Path(f"{output.partial}.meta.json").read_bytes()
    assert whole.count(b"\n") == 7
    write(4, iter(sources))
    expected = rows()
    assert [row[-1] for row in expected] == list(range(7))
    for cut in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1, len(whole)):
        for path in tmp_path.iterdir():
            path.unlink()
        Path(output.partial).write_bytes(whole[:cut])
        Path(f"{output.partial}.meta.json").write_bytes(sidecar)
        write(4, iter(sources), Existing.RESUME)
        assert rows() == expected, cut
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            f"out.{output_format}", f"out.{output_format}.meta.json",
        ]  # fmt: skip
