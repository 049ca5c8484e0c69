"""Names of the files that a run writes: different and possible ones, none that it reads, checked before the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fits_galaxies import nanomaggies, write_fits
from galaxy_painter import paint
from in_process import run_classify as run


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Folder with an image, a list, a catalogue, labels and a link to each."""
    paint("smooth_round", seed=1, size=64).save(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("a.png\n")
    (tmp_path / "catalog.csv").write_text("file\na.png\n")
    (tmp_path / "labels.csv").write_text("file,label\na.png,smooth_round\n")
    write_fits(tmp_path / "cube.fits", nanomaggies("smooth_round", 1), BANDS="grz")
    (tmp_path / "catalog.csv.partial").write_text("file\na.png\n")
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "list.csv", "catalog.csv", "labels.csv"):
        (tmp_path / f"link_{name}").symlink_to(name)
        os.link(tmp_path / name, tmp_path / f"hard_{name}")
    yield tmp_path
    (tmp_path / "sub").chmod(0o700)


def content(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("a.png -o new.csv --report new.csv", "new.csv: would be written by --report and, as new.csv, by --output"),
        ("a.png -o new.csv --report sub/../new.csv", "by --output; choose another name"),
        ("a.png -o new.csv --report new.csv.partial", "as new.csv.partial, by --output"),
        ("a.png -o new.csv --report new.csv.meta.json", "as new.csv.meta.json, by --output"),
        ("a.png -o new.html.partial -f csv --report new.html", "as new.html.partial, by --output"),
        ("a.png -o link_list.csv --report list.csv --force", "by --output; choose another name"),
        ("a.png -o hard_list.csv --report list.csv --force", "by --output; choose another name"),
        ("a.png -o a.png -f csv --force", "a.png: is read by this run, as a.png, and would be written for --output"),
        ("a.png -o sub/../a.png -f csv --force", "as a.png, and would be written for --output"),
        ("link_a.png -o a.png -f csv --force", "a.png: is read by this run, as link_a.png"),
        ("hard_a.png -o a.png -f csv --resume", "a.png: is read by this run, as hard_a.png"),
        ("a.png --report a.png --force", "a.png: is read by this run, as a.png, and would be written for --report"),
        ("--from-file list.csv -o link_list.csv --force", "link_list.csv: is read by this run, as list.csv"),
        ("--catalog link_catalog.csv -o catalog.csv --force", "catalog.csv: is read by this run, as link_catalog.csv"),
        ("--catalog catalog.csv.partial -o catalog.csv --force", "catalog.csv.partial: "),
        ("a.png --labels labels.csv -o labels.csv --force", "labels.csv: is read by this run, as labels.csv"),
        ("a.png -m a.png -o hard_a.png -f csv --force", "hard_a.png: is read by this run, as a.png"),
        (". -o a.png -f csv --force", "a.png: has the name of an image or an archive, which --force does not replace"),
        ("--from-file list.csv -o a.png -f csv --force", "a.png: has the name of an image"),
        (". --report link_a.png --force", "link_a.png: has the name of an image"),
        (". -o cube.fits --force", "cube.fits: has the name of an image"),
        ("a.png -f csv --report -", "--report writes a file, and standard output is for the rows"),
        ("a.png -f csv --labels=", "--labels: its value is empty"),
        ("a.png -f csv --sort-into=", "--sort-into: its value is empty"),
        ("a.png -o none/new.csv", "none/new.csv: cannot be written: its folder none is not there"),
        ("a.png -o a.png/new.csv", "a.png/new.csv: cannot be written: its folder a.png is not there"),
        ("a.png -o sub -f csv", "sub: cannot be written: it is a folder"),
        (f"a.png -o {'x' * 240}.csv", "the name is too long: that of a file beside it would have 270 bytes, 255 are"),
        (f"a.png -o {'x' * 300}.csv", "the name is too long"),
        (f"a.png --report {'ü' * 126}.html", "the name is too long"),
        ("a.png --shard 1-2/2 -o a.png/", "a.png/: is a file; a folder is to be written"),
        ("a.png --shard 1-2/2 -o a.png/new/", "a.png/new/: cannot be made: "),
        ("none.onnx --shard 1-2/2 -o new/ -m none.onnx", "none.onnx"),
    ],
)
def test_names_that_cannot_be_are_refused_before_anything_is_written(folder: Path, options: str, said: str) -> None:
    """One line says which file it is, and no file has changed or come, not even a lock."""
    before = content(folder)
    result = run(*options.split(), cwd=folder)
    assert said in result.stderr
    assert (result.returncode, result.stderr.count("\n")) == (3 if "none.onnx" in options else 2, 1)
    assert content(folder) == before
    assert not (folder / "new").exists()


def test_a_name_that_is_just_short_enough_works(folder: Path) -> None:
    """All files beside the result have names too."""
    name = f"{'x' * 225}.csv"
    assert run("a.png", "-o", name, cwd=folder).returncode == 0
    assert run("a.png", "-o", name, "--resume", cwd=folder).returncode == 0


def test_a_result_in_fits_is_replaced(folder: Path) -> None:
    """It has the suffix of an image, and is none."""
    for _ in range(2):
        assert run("a.png", "-o", "rows.fits", "--force", cwd=folder).returncode == 0


def test_a_device_may_be_named_twice(folder: Path) -> None:
    """Nothing on it can be lost."""
    assert run("a.png", "-o", os.devnull, "-f", "csv", "--report", os.devnull, cwd=folder).returncode == 0
