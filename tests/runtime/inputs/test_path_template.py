"""``--path-template``: paths made of a catalogue's columns, and what is refused before a long run."""

from __future__ import annotations

import csv
import gzip
import re
import shutil
from pathlib import Path

import pytest
from astropy.table import MaskedColumn, Table

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.path_template import PathTemplate
from galaxy_classify.inputs.source import Unreadable
from in_process import run_classify

COLUMNS = ("objid", "plate", "name", "z")


def filled(template: str, *row: object) -> str | Unreadable:
    """Fill a template with one row."""
    return PathTemplate.parse(template, COLUMNS).fill(row)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("cutouts/{objid}.jpg", "cutouts/1237648720693755918.jpg"),
        ("{plate:04d}/{name}-{z:.2f}.png", "0266/M 51-0.13.png"),
        ("../{name}.jpg", "../M 51.jpg"),
        ("s3://survey/{objid}.fits", "s3://survey/1237648720693755918.fits"),
        ("{objid}-{{band}}.fits", "1237648720693755918-{band}.fits"),
        ("/data/{name}", "/data/M 51"),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_columns_and_formats_make_a_path(template: str, path: str, as_text: bool) -> None:
    """Numbers are formatted whether the table has types or, as CSV that goes to CSV, text."""
    row: list[object] = [1237648720693755918, 266, "M 51", 0.126]
    assert filled(template, *(map(str, row) if as_text else row)) == path


def test_a_missing_value_or_one_that_does_not_fit_is_an_error_row() -> None:
    """Its row says why, and the others are not lost."""
    assert filled("{name}.jpg", 1, 2, None, 0.0) == Unreadable(
        "the catalogue has no name here, which --path-template needs"
    )
    assert isinstance(filled("{name}.jpg", 1, 2, "", 0.0), Unreadable)
    unfit = filled("{plate:04d}.jpg", 1, "007", "", 0.0)
    assert unfit == Unreadable("plate is '007', which does not fit {plate:04d}")


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("cutouts/{name}.jpg", "../../etc/passwd"),
        ("cutouts/{name}.jpg", "a/../../b"),
        ("cutouts/{name}.jpg", "..\\b"),
        ("{name}.jpg", "/etc/passwd"),
        ("{name}.jpg", "s3://other/bucket"),
        ("cutouts/{name}.jpg", "a\0b"),
        ("cutouts/.{name}.jpg", "./b"),
        ("cutouts/{name}{name}/b.jpg", "."),
        ("../cutouts/.{name}.jpg", ".\\b"),
    ],
)
def test_a_name_that_leads_out_of_the_folder_is_refused(template: str, name: str) -> None:
    """A catalogue from someone else must not choose which files of this machine are read."""
    with pytest.raises(UsageError, match=r"leads out of the folder|is an address"):
        filled(template, 1, 2, name, 0.0)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{objd}.jpg", "no column 'objd'; did you mean 'objid'"),
        ("{}.jpg", "no column ''"),
        ("{0}.jpg", "no column '0'"),
        ("{name.upper}.jpg", r"no column 'name\.upper'"),
        ("{name!r}.jpg", r"takes a format as in \{name:05d\}"),
        ("{plate:{objid}}.jpg", "takes a format"),
        ("{plate:99999d}.jpg", "takes a format"),
        ("{name.jpg", "braces that are no column are doubled"),
        ("name}.jpg", "braces that are no column are doubled"),
        ("cutout.jpg", "names no column"),
    ],
)
def test_a_template_is_checked_before_anything_is_read(template: str, message: str) -> None:
    """What is wrong with it is said with the columns that there are."""
    with pytest.raises(UsageError, match=message):
        PathTemplate.parse(template, COLUMNS)


@pytest.fixture
def folder(tmp_path: Path, drawn_images: Path) -> Path:
    """Make a folder of cutouts named after ids, and their catalogue with an id twice and one without a file."""
    (tmp_path / "cutouts").mkdir()
    for number, kind in enumerate(("smooth_round", "unbarred_spiral"), start=7):
        shutil.copy(drawn_images / f"{kind}.jpg", tmp_path / "cutouts" / f"{number:05d}.jpg")
    table = Table({"objid": MaskedColumn([8, 7, 8, 9, 1], mask=[0, 0, 0, 0, 1]), "ra": [1.5, 2.5, 1.5, 3.5, 4.5]})
    table.write(tmp_path / "c.csv")
    table.write(tmp_path / "c.vot", format="votable")
    table.write(tmp_path / "c.fits")
    for source, copy in (("c.csv", "c.csv.gz"), ("c.vot", "c.VOT.gz"), ("c.fits", "c.fits.gz")):
        (tmp_path / copy).write_bytes(gzip.compress((tmp_path / source).read_bytes()))
    shutil.copy(tmp_path / "c.vot", tmp_path / "c.xml")
    shutil.copy(tmp_path / "c.fits", tmp_path / "c.fit")
    return tmp_path


@pytest.mark.parametrize("name", ["c.csv", "c.csv.gz", "c.vot", "c.VOT.gz", "c.xml", "c.fits", "c.fits.gz", "c.fit"])
def test_each_id_gets_its_rows_in_order(folder: Path, name: str) -> None:
    """From every format of a catalogue, gzipped or not; duplicates stay, a missing file or id is an error row."""
    run = run_classify(
        "--catalog", folder / name, "--path-template", "cutouts/{objid:05d}.jpg", "--id-column", "objid", "-f", "csv"
    )
    assert run.returncode == 1
    rows = list(csv.DictReader(run.stdout.splitlines()))
    assert [row["objid"] for row in rows] == ["8", "7", "8", "9", ""]
    assert [row["ra"] for row in rows] == ["1.5", "2.5", "1.5", "3.5", "4.5"]
    assert [Path(row["path"]).name for row in rows] == ["00008.jpg", "00007.jpg", "00008.jpg", "00009.jpg", ""]
    assert [row["message"] for row in rows[3:]] == [
        "no such file",
        "the catalogue has no objid here, which --path-template needs",
    ]
    assert rows[0]["label"] == rows[2]["label"] != ""


def test_a_run_that_would_find_nothing_does_not_start(folder: Path) -> None:
    """One line names the first path that was tried, or the row that leads out of the folder; nothing is written."""
    for template, message in (
        ("cutout/{objid:05d}.jpg", f"not one of the files of its 5 rows is there .* is {folder}/cutout/00008.jpg"),
        ("cutouts/{objid}.jpg", "the first is .*/cutouts/8.jpg"),
    ):
        run = run_classify("--catalog", folder / "c.csv", "--path-template", template, "-o", folder / "out.csv")
        assert (run.returncode, len(run.stderr.splitlines())) == (2, 1)
        assert re.search(message, run.stderr), run.stderr
    (folder / "bad.csv").write_text("name\n00008\n../c\n")
    run = run_classify(
        "--catalog", folder / "bad.csv", "--path-template", "cutouts/{name}.jpg", "-o", folder / "out.csv"
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert "row 2: name is '../c', which leads out of the folder" in run.stderr
    assert not list(folder.glob("out*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name one"),
        (["--catalog", "c.csv", "--path-column", "x"], "leave one of them out"),
        (["--catalog", "c.parquet", "--image-column", "x"], "leave one of them out"),
    ],
)
def test_it_goes_with_a_catalogue_and_no_other_source_of_paths(arguments: list[str], message: str) -> None:
    """Two answers to the question where the images are would be one too many."""
    inputs = [] if arguments else ["images"]
    run = run_classify(*inputs, "--path-template", "{x}.jpg", *arguments)
    assert (run.returncode, len(run.stderr.splitlines())) == (2, 1)
    assert "--path-template" in run.stderr
    assert message in run.stderr


def test_a_template_may_lead_up_itself() -> None:
    """It is the user's own; only what the catalogue adds is not trusted."""
    assert filled("../cutouts/{name}..jpg", 1, 2, "a..b", 0.0) == "../cutouts/a..b..jpg"


def test_a_long_path_is_shown_in_part(tmp_path: Path) -> None:
    """A message stays a line that can be read; one row is a row."""
    (tmp_path / "c.csv").write_text("name\n" + 3000 * "x" + "\n")
    run = run_classify("--catalog", tmp_path / "c.csv", "--path-template", "{name}.jpg", "-f", "csv")
    assert run.returncode == 2
    assert "of its 1 row is there" in run.stderr
    assert "xxx…" in run.stderr
    assert len(run.stderr) < 1000
