"""The library as one would guess it: folders and patterns as input, tables as output, and what a classifier prints."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from galaxy_classify import GalaxyClassifier, Prediction, UsageError, find_images, to_pandas, to_table
from in_process import run_classify


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Load the default model."""
    return GalaxyClassifier(threads=1)


@pytest.fixture
def folder(tmp_path: Path, drawn_images: Path) -> Path:
    """Make a folder with images, a subfolder, a text and a broken file."""
    images = sorted(drawn_images.glob("*.jpg"))[:2]
    (tmp_path / "set" / "night").mkdir(parents=True)
    (tmp_path / "set" / "a.jpg").write_bytes(images[0].read_bytes())
    (tmp_path / "set" / "night" / "b.jpg").write_bytes(images[1].read_bytes())
    (tmp_path / "set" / "c.jpg").write_bytes(images[0].read_bytes()[:2000])
    (tmp_path / "set" / "notes.txt").write_text("clouds")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(images[0], "inside.jpg")
    return tmp_path


def test_one_path_is_what_it_is_on_the_command_line(classifier: GalaxyClassifier, folder: Path) -> None:
    """A folder, a pattern, an archive and a file give the rows that the command gives."""
    for name in ("set", "set/*.jpg", "set.zip", "set/a.jpg", "none.jpg", "none*.jpg"):
        path = str(folder / name)
        rows = [(row.path, row.status, row.label, row.message) for row in classifier.classify(path)]
        lines = run_classify(path, "-f", "csv", "-q").stdout.splitlines()
        assert len(rows) == len(lines) - 1 > 0
        assert [row[0] for row in rows] == [line.split(",")[0] for line in lines[1:]]
    assert [Path(row.path).name for row in classifier.classify(folder / "set")] == ["a.jpg", "c.jpg", "b.jpg"]


def test_each_item_of_a_list_is_one_row(classifier: GalaxyClassifier, folder: Path) -> None:
    """A pipeline that gives n inputs gets n rows, also if one of them is a folder or looks like a pattern."""
    rows = list(classifier.classify([folder / "set", folder / "set" / "a.jpg", folder / "*.jpg"]))
    assert [row.status for row in rows] == ["error", "ok", "error"]
    (row,) = classifier.classify("-")
    assert (row.path, row.status) == ("-", "error")


def test_images_are_found_as_the_command_finds_them(folder: Path) -> None:
    """In sorted order, with or without subfolders, and what is not there is not left out."""
    found = [str(Path(path).relative_to(folder)) for path in find_images(folder / "set", str(folder / "none.jpg"))]
    assert found == ["set/a.jpg", "set/c.jpg", "set/night/b.jpg", "none.jpg"]
    assert len(list(find_images(folder / "set", recursive=False))) == 2
    with pytest.raises(UsageError, match="int is no path"):
        find_images(3)  # type: ignore[arg-type]


def test_tables_have_the_columns_of_a_result_file(classifier: GalaxyClassifier, folder: Path) -> None:
    """Rows in order, errors without numbers, and numbers that are numbers."""
    header = run_classify(folder / "set", "-f", "csv", "-q").stdout.splitlines()[0].split(",")
    rows = list(classifier.classify(folder / "set"))
    frame, table = to_pandas(iter(rows)), to_table(iter(rows))
    assert list(frame.columns) == table.colnames == header
    assert frame["path"].tolist() == table["path"].tolist() == [row.path for row in rows]
    for name in header:
        if name.startswith("prob_") or name in ("confidence", "familiarity"):
            assert frame[name].dtype == table[name].dtype == np.float64
            assert frame[name].isna().tolist() == np.isnan(table[name]).tolist() == [False, True, False]
    assert table["status"].meta["ucd"] == "meta.code.status"
    assert rows[0].to_dict() == {name: frame[name][0] for name in header}
    assert rows[1].to_dict()["message"] == frame["message"][1]


def test_tables_of_nothing_and_of_errors_alone_can_be_made(classifier: GalaxyClassifier) -> None:
    """A script does not break on an empty folder, or when all files are gone."""
    failed = [Prediction("a.jpg", "error", "tiny@0", message="no such file")]
    for made in (to_pandas, to_table):
        assert len(made([])) == 0
        assert len(made(failed)) == 1
        assert made(failed)["message"][0] == "no such file"


def test_a_classifier_says_what_it_is(classifier: GalaxyClassifier) -> None:
    """Its model with checksum, classes and threads, and what was changed."""
    text = repr(classifier)
    assert classifier.model.identity in text
    assert "smooth_cigar" in text
    assert "threads=1" in text
    assert "crop" not in text
    other = GalaxyClassifier(threads=1, crop=0.5)
    assert "crop=0.5" in repr(other)
    other.close()
    assert repr(other) == "<GalaxyClassifier: closed>"


def test_a_notebook_shows_a_prediction(classifier: GalaxyClassifier, folder: Path) -> None:
    """Thumbnail, class and bars; names and messages stay text, and what is no picture has no thumbnail."""
    good, bad, _ = classifier.classify(folder / "set")
    html = good._repr_html_()
    assert "<img" in html
    assert "data:image/jpeg;base64," in html
    assert html.count("<tr>") == 4
    assert good.model in html
    assert "<tr>" not in bad._repr_html_()
    assert bad.message.split(":")[0] in bad._repr_html_()
    hostile = Prediction("<script>alert(1)</script>.jpg", "error", "tiny@0", message="<b>x</b>")
    assert "<script>" not in hostile._repr_html_()
    assert "<b>x</b>" not in hostile._repr_html_()
    assert "<img" not in hostile._repr_html_()
