"""What is said of inputs that are meant in another way: tables, lists, patterns without a match, headings."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from galaxy_classify.inputs.discovery import Discovery
from galaxy_painter import paint
from in_process import run_classify

CATALOG = "--catalog reads the images that a table lists"


def rows_of(folder: Path, *arguments: object, **options: Any) -> list[tuple[str, str]]:
    """Return path and message of each row of a run in a folder."""
    result = run_classify(*arguments, "-f", "csv", "-q", cwd=folder, **options)
    assert "Traceback" not in result.stderr
    return [(row["path"], row["message"]) for row in csv.DictReader(result.stdout.splitlines())]


def test_a_pattern_without_a_match_says_so(tmp_path: Path) -> None:
    """It is no missing file; a file of that very name is one input, whatever its brackets."""
    assert rows_of(tmp_path, "*.jpg", "a?.png", "none.jpg") == [
        ("*.jpg", "no file matches *.jpg"),
        ("a?.png", "no file matches a?.png"),
        ("none.jpg", "no such file"),
    ]
    for name in ("w[1].png", "a1.png"):
        paint("edge_on_disk", seed=1, size=80).save(tmp_path / name)
    assert rows_of(tmp_path, "w[1].png", "a?.png") == [("w[1].png", ""), ("a1.png", "")]


def test_a_table_is_answered_with_the_option_that_reads_it(tmp_path: Path) -> None:
    """By every suffix that a catalogue may have, as an argument and in a list; an image of that name is an image."""
    table = Table({"file": ["a.jpg"], "ra": [1.5]})
    for name, form in (("t.csv", "ascii.csv"), ("t.ecsv", "ascii.ecsv"), ("t.vot", "votable"), ("t.fits", "fits")):
        table.write(tmp_path / name, format=form)
    (tmp_path / "list.txt").write_text("a.jpg\n")
    (tmp_path / "empty.csv").touch()
    paint("edge_on_disk", seed=1, size=80).save(tmp_path / "image.csv", format="PNG")
    is_table = f"is a table, not an image: {CATALOG}"
    expected = [
        *((f"t.{suffix}", is_table) for suffix in ("csv", "ecsv", "vot")),
        ("t.fits", f"no image in any HDU of the FITS file, but a table: {CATALOG}"),
        ("list.txt", "is text, not an image: --from-file reads a list of paths"),
        ("empty.csv", "empty file"),
        ("none.csv", "no such file"),
        ("image.csv", ""),
    ]
    names = [name for name, _ in expected]
    assert rows_of(tmp_path, *names) == expected
    assert rows_of(tmp_path, "-", stdin="\n".join(names).encode()) == expected
    pq.write_table(pa.table({"ra": [1.5]}), tmp_path / "t.parquet")
    result = run_classify("t.parquet", cwd=tmp_path)
    assert (result.returncode, CATALOG in result.stderr) == (2, True)


def test_a_fits_file_with_an_image_beside_its_table_is_an_image(tmp_path: Path) -> None:
    """Only a file without any image is taken for a table."""
    image = fits.ImageHDU(np.asarray(paint("edge_on_disk", seed=1, size=80).convert("L"), np.float32))
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(Table({"a": [1]})), image]).writeto(tmp_path / "a.fits")
    ((_, message),) = rows_of(tmp_path, "a.fits")
    assert "--catalog" not in message


@pytest.mark.parametrize(
    "heading", [b"path", b"file", b"Filename", b'"path","label"', b"# path", b"objid,ra,dec", b"\xef\xbb\xbffile;x"]
)
def test_the_heading_of_a_list_is_noticed(heading: bytes, tmp_path: Path) -> None:
    """It is the first line of many lists, and no file is called so; the line keeps its row."""
    paint("edge_on_disk", seed=1, size=80).save(tmp_path / "a.png")
    (_, message), second = rows_of(tmp_path, "-", stdin=heading + b"\na.png\n")
    assert message.startswith("no file of that name: looks like the heading of a table")
    assert second == ("a.png", "")
    (_, later) = rows_of(tmp_path, "-", stdin=b"a.png\n" + heading + b"\n")
    assert later[1] == "no such file"
    (tmp_path / "list").write_bytes(heading + b"\na.png\n")
    assert [message[:7] for _, message in rows_of(tmp_path, "--from-file", "list")] == ["no file", ""]


def test_a_file_may_be_called_like_a_heading(tmp_path: Path) -> None:
    """What is there is an input."""
    paint("edge_on_disk", seed=1, size=80).save(tmp_path / "file", format="PNG")
    assert rows_of(tmp_path, "-", stdin=b"file\n") == [("file", "")]


def test_a_byte_order_mark_belongs_to_no_name(tmp_path: Path) -> None:
    """Editors of Windows begin a file with it; a list in UTF-16 cannot be read, and its first row says why."""
    for name in ("a.png", "\ufeffb.png"):
        paint("edge_on_disk", seed=1, size=80).save(tmp_path / name)
    assert rows_of(tmp_path, "-", stdin="\ufeffa.png\r\na.png\r\n".encode()) == [("a.png", ""), ("a.png", "")]
    assert rows_of(tmp_path, "-", stdin="\ufeffb.png\n".encode()) == [("\ufeffb.png", "")]
    (source, *_) = Discovery().listed("a.png\nb.png\n".encode("utf-16").splitlines(keepends=True))
    assert str(source.content) == "Unreadable(reason='the list is in UTF-16: save it as UTF-8')"
