"""From inputs to image paths."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table

from galaxy_classify.inputs.discovery import Discovery
from in_process import run_classify


def found(*inputs: str | Path, stdin: tuple[bytes, ...] = ()) -> list[str]:
    """Return the paths that some inputs stand for."""
    return list(Discovery().paths([str(name) for name in inputs], stdin))


def touch(folder: Path, *names: str) -> None:
    """Make empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folders_are_searched_in_sorted_order(tmp_path: Path) -> None:
    """The order is that of sorted paths, on every file system."""
    touch(tmp_path, "b.jpg", "a/z.PNG", "a/b/c.tiff", "a.webp", "c/a.jpeg")
    assert found(tmp_path) == [str(path) for path in sorted(tmp_path.rglob("*.*"))]


def test_other_files_are_skipped_and_counted(tmp_path: Path) -> None:
    """A folder's catalogue and thumbnails database are not galaxies, but they are not lost either."""
    touch(tmp_path, "a.jpg", "labels.csv", "sub/Thumbs.db", "sub/b.png", "jpg")
    discovery = Discovery()
    assert len(list(discovery.paths([str(tmp_path)], ()))) == 2
    assert discovery.skipped == 3


def test_a_file_named_outright_is_always_an_input(tmp_path: Path) -> None:
    """Whoever names a file means it, whatever its suffix."""
    touch(tmp_path, "galaxy.dat")
    assert found(tmp_path / "galaxy.dat") == [str(tmp_path / "galaxy.dat")]


def test_what_does_not_exist_is_passed_on() -> None:
    """It gets its row from the classifier."""
    assert found("no/such/file.jpg") == ["no/such/file.jpg"]


def test_inputs_keep_their_order_and_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path in the output is the path that was given, so that tables can be joined."""
    touch(tmp_path, "b/x.jpg", "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert found("./b", "a.jpg", "b/") == ["./b/x.jpg", "a.jpg", "b/x.jpg"]


def test_standard_input_gives_a_path_a_line() -> None:
    """Lists from Unix and Windows both work, blank lines do not count, spaces belong to names."""
    lines = (b"a.jpg\n", b"\n", b" b c.jpg \r\n", b"last.png")
    assert found("first.jpg", "-", stdin=lines) == ["first.jpg", "a.jpg", " b c.jpg ", "last.png"]


def test_standard_input_is_read_as_it_is_used() -> None:
    """A million lines are not collected before the first image is classified."""
    consumed = []

    def endless() -> Iterator[bytes]:
        for number in range(10**9):
            consumed.append(number)
            yield b"%d.jpg\n" % number

    paths = Discovery().paths(["-"], endless())
    assert [next(paths), next(paths)] == ["0.jpg", "1.jpg"]
    assert len(consumed) == 2


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    """Bytes in, the same bytes out."""
    name = os.fsencode(tmp_path) + b"/gal\xff.jpg"
    with open(name, "wb"):
        pass
    assert [os.fsencode(path) for path in found(tmp_path)] == [name]
    assert [os.fsencode(path) for path in found("-", stdin=(name + b"\n",))] == [name]


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    """A linked file or folder is an input; a link back to a parent is not searched again."""
    touch(tmp_path, "real/a.jpg", "images/own.jpg")
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "images" / "link.jpg").symlink_to(tmp_path / "real" / "a.jpg")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "images")
    images = tmp_path / "images"
    assert found(images) == [str(images / "link.jpg"), str(images / "linked" / "a.jpg"), str(images / "own.jpg")]


def test_a_link_that_leads_nowhere_is_an_input(tmp_path: Path) -> None:
    """It was meant to be an image, so it gets a row that says that there is none."""
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    assert found(tmp_path) == [str(tmp_path / "gone.jpg")]


def test_an_unreadable_folder_gets_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be searched must not vanish without a word (made up here: root may search all)."""
    touch(tmp_path, "closed/a.jpg", "open/b.jpg")
    scandir = os.scandir

    def guarded(folder: str) -> Any:
        if folder.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    assert found(tmp_path) == [str(tmp_path / "closed"), str(tmp_path / "open" / "b.jpg")]


def test_the_number_of_images_is_known_once_all_folders_are_listed(tmp_path: Path) -> None:
    """The progress bar needs no second listing, which takes long on a network disk."""
    for name in ("a/1.jpg", "a/2.jpg", "a/notes.txt", "b/3.jpg", "0.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    discovery = Discovery()
    found = [(Path(source.path).name, discovery.total) for source in discovery.sources([str(tmp_path)], ())]
    assert found == [("0.jpg", None), ("1.jpg", None), ("2.jpg", None), ("3.jpg", 4)]
    discovery = Discovery()
    files = [str(tmp_path / "0.jpg"), str(tmp_path / "none.jpg"), str(tmp_path / "b")]
    assert [discovery.total for _ in discovery.sources(files, ())] == [None, None, 3]
    discovery = Discovery()
    assert [discovery.total for _ in discovery.sources([files[0], "-"], [b"x.jpg"])] == [None, None]


def test_an_unreadable_folder_counts_as_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the progress bar would not end at its total."""

    def refuse(path: str) -> object:
        raise PermissionError(path)

    monkeypatch.setattr(os, "scandir", refuse)
    discovery = Discovery()
    assert [discovery.total for _ in discovery.sources([str(tmp_path)], ())] == [1]


@pytest.mark.parametrize("spelled", [".", "images", "images/", "link"])
def test_a_result_among_the_images_is_no_image(spelled: str, tmp_path: Path, drawn_images: Path) -> None:
    """A FITS table has the suffix of an image, but a run does not classify what it writes itself, first or later."""
    images = tmp_path / "images"
    images.mkdir()
    (tmp_path / "link").symlink_to(images)
    shutil.copy(drawn_images / "smooth_round.jpg", images / "a.jpg")
    output, report = images / "rows.fits", images / "page.tif"
    for options in ([], ["--force"], ["--resume"]):
        result = run_classify(spelled, "-o", output, "--report", report, *options, cwd=tmp_path)
        assert (result.returncode, "1 image: 1 classified" in result.stderr) == (0, True), result.stderr
        assert len(Table.read(output)) == 1
    assert len(found(images)) == 3  # for another run these are files like any other
