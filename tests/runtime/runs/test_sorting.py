"""Sorting into class folders: every classified file in its place, and nothing ever overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.runs.sorting import Sorter
from in_process import run_classify as run


def row(label: str | None) -> Prediction:
    """Return a prediction."""
    return Prediction("", "ok" if label else "error", "m@0", label)


def below(folder: Path) -> set[str]:
    """Return the files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def images(drawn_images: Path, tmp_path: Path) -> Path:
    """Folder with a galaxy of each kind in a subfolder, and a file that is no image."""
    folder = tmp_path / "images"
    (folder / "field").mkdir(parents=True)
    for path in drawn_images.glob("*.jpg"):
        os.link(path, folder / "field" / path.name)
    (folder / "bad.jpg").write_text("no image")
    return folder


@pytest.mark.parametrize("link", [False, True])
def test_the_command_sorts_and_keeps_relative_paths(images: Path, tmp_path: Path, link: bool) -> None:
    """What cannot be classified stays where it is, and the originals stay as they are."""
    target = tmp_path / "sorted"
    result = run(images, "--sort-into", target, *(["--link"] if link else []))
    assert result.returncode == 1
    kinds = ("smooth_round", "smooth_cigar", "edge_on_disk", "unbarred_spiral")
    assert below(target) == {f"{kind}/field/{kind}.jpg" for kind in kinds}
    for kind in kinds:
        copy = target / kind / "field" / f"{kind}.jpg"
        assert copy.is_symlink() == link
        assert copy.read_bytes() == (images / "field" / f"{kind}.jpg").read_bytes()
    assert f"sorted: 4 {'linked' if link else 'copied'} to {target}" in result.stderr
    again = run(images, "--sort-into", target)
    assert "sorted: 0 copied" in again.stderr
    assert "4 were there already" in again.stderr


def test_another_file_of_that_name_is_never_overwritten(images: Path, tmp_path: Path) -> None:
    """It is named, and the exit code says that not all was done."""
    target = tmp_path / "sorted"
    precious = target / "smooth_round" / "field" / "smooth_round.jpg"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    (images / "bad.jpg").unlink()
    result = run(images, "--sort-into", target)
    assert result.returncode == 1
    assert precious.read_text() == "precious"
    assert f"1 could not be: {precious}: another file of that name is there" in result.stderr


def test_files_of_one_size_and_time_are_told_apart(images: Path, tmp_path: Path) -> None:
    """Their contents are compared: survey pipelines write files of equal size, and copies keep the time."""
    (images / "bad.jpg").unlink()
    original = images / "field" / "smooth_round.jpg"
    precious = tmp_path / "sorted" / "smooth_round" / "field" / "smooth_round.jpg"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(original.read_bytes()[::-1])
    os.utime(precious, ns=(original.stat().st_atime_ns, original.stat().st_mtime_ns))
    result = run(images, "--sort-into", tmp_path / "sorted")
    assert (result.returncode, "another file of that name is there" in result.stderr) == (1, True)


def test_two_folders_do_not_meet(drawn_images: Path, tmp_path: Path) -> None:
    """Files of the same name from two folders keep the folders' names; paths from a list keep all of their folders."""
    for night in ("night1", "night2"):
        (tmp_path / night).mkdir()
        os.link(drawn_images / "smooth_round.jpg", tmp_path / night / "a.jpg")
    run(tmp_path / "night1", tmp_path / "night2", "--sort-into", tmp_path / "sorted")
    assert below(tmp_path / "sorted") == {"smooth_round/night1/a.jpg", "smooth_round/night2/a.jpg"}
    run("-", "--sort-into", tmp_path / "listed", stdin=f"{tmp_path}/night1/a.jpg\n{tmp_path}/night2/a.jpg\n".encode())
    place = str(tmp_path).lstrip("/")
    assert below(tmp_path / "listed") == {f"smooth_round/{place}/night{number}/a.jpg" for number in (1, 2)}
    run(tmp_path / "night1" / "a.jpg", "--sort-into", tmp_path / "named")
    assert below(tmp_path / "named") == {"smooth_round/a.jpg"}


@pytest.mark.parametrize(
    "label", ["../../out", "/out", "..", ".", "", "a/b", "a\\b", "C:a", "a\0b", "a\n", "nul", "a" * 300]
)
@pytest.mark.parametrize("content", [None, lambda: b"x"])
def test_no_class_leads_out_of_the_folder(tmp_path: Path, label: str, content: Callable[[], bytes] | None) -> None:
    """A model with such a class is not loaded; if one were, it would be a failure of the copy."""
    (tmp_path / "a.jpg").write_text("a")
    sorter = Sorter(str(tmp_path / "in" / "sorted"), link=False)
    sorter.see(Source(str(tmp_path / "a.jpg"), "a.jpg", content=content), replace(row("round"), label=label))
    assert (sorter.done, sorter.failed) == (0, 1)
    assert "the class cannot be a folder: its name" in sorter.summary()
    assert below(tmp_path) == {"a.jpg"}


@pytest.mark.parametrize("place", ["../a.jpg", "/a.jpg", "x/../../../a.jpg", "a\0.jpg", "x/", ""])
@pytest.mark.parametrize("content", [None, lambda: b"x"])
def test_no_place_leads_out_of_the_folder(tmp_path: Path, place: str, content: Callable[[], bytes] | None) -> None:
    """Whatever a container or a list calls its images."""
    path = tmp_path / "a\0.jpg" if "\0" in place else tmp_path
    sorter = Sorter(str(tmp_path / "in" / "sorted"), link=False)
    sorter.see(Source(f"{path}/", place, content=content), row("round"))
    assert (sorter.done, sorter.failed) == (0, 1)
    assert "this name cannot be used below a folder" in sorter.summary()
    assert below(tmp_path) == set()


def test_a_name_that_file_names_cannot_hold_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the locale is Latin-1, an archive may still hold any name."""
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("latin-1"))
    sorter = Sorter(str(tmp_path), link=False)
    sorter.see(Source("x", "星.jpg", content=lambda: b"x"), row("round"))
    assert (sorter.done, sorter.failed) == (0, 1)
    assert "cannot be written in latin-1" in sorter.summary()


def test_a_partial_file_of_the_user_stays(images: Path, tmp_path: Path) -> None:
    """Files are written under another name first, which nobody else uses."""
    precious = tmp_path / "sorted" / "smooth_round" / "field" / "smooth_round.jpg.partial"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    run(images, "--sort-into", tmp_path / "sorted")
    assert precious.read_text() == "precious"
    assert {path.name for path in precious.parent.iterdir()} == {"smooth_round.jpg", "smooth_round.jpg.partial"}


def test_a_left_over_of_a_killed_run_is_in_nobodys_way(tmp_path: Path) -> None:
    """Its name may come again; it is not touched."""
    (tmp_path / "round").mkdir()
    (tmp_path / "round" / f".galaxy-classify-{os.getpid()}-0.partial").write_text("left over")
    sorter = Sorter(str(tmp_path), link=False)
    sorter.see(Source("x", "a.jpg", content=lambda: b"x"), row("round"))
    assert sorter.done == 1
    assert sorted(path.read_text() for path in (tmp_path / "round").iterdir()) == ["left over", "x"]


def test_names_of_250_characters_can_be_sorted(tmp_path: Path) -> None:
    """The other name that a file is written under first is not longer."""
    name = "a" * 246 + ".jpg"
    sorter = Sorter(str(tmp_path / "sorted"), link=False)
    sorter.see(Source("x", name, content=lambda: b"x"), row("round"))
    assert below(tmp_path) == {f"sorted/round/{name}"}


def test_reasons_do_not_colour_the_terminal(tmp_path: Path) -> None:
    """Names of files may hold escape codes."""
    sorter = Sorter(str(tmp_path / "sorted"), link=False)
    sorter.see(Source(str(tmp_path / "\x1b[31mred.jpg"), "\x1b[31mred.jpg"), row("round"))
    assert sorter.failed == 1
    assert "\x1b" not in sorter.summary()


def test_the_folder_must_not_lie_in_the_input(images: Path) -> None:
    """Copies would be classified again."""
    result = run(images, "--sort-into", images / "sorted")
    assert (result.returncode, "whose images it is to sort" in result.stderr) == (2, True)
    assert not (images / "sorted").exists()


def test_a_file_that_vanished_is_a_failure(tmp_path: Path) -> None:
    """The others are sorted, and no half file is left."""
    (tmp_path / "b.jpg").write_text("b")
    sorter = Sorter(str(tmp_path / "sorted"), link=False)
    sorter.see(Source(str(tmp_path / "a.jpg"), "a.jpg"), row("round"))
    sorter.see(Source(str(tmp_path / "b.jpg"), "b.jpg"), row("round"))
    sorter.see(Source(str(tmp_path / "c.jpg"), "c.jpg"), row(None))
    assert (sorter.done, sorter.failed) == (1, 1)
    assert below(tmp_path / "sorted") == {"round/b.jpg"}
    assert "No such file" in sorter.summary()


def test_a_folder_that_cannot_be_made_is_said_at_once(tmp_path: Path) -> None:
    """Before anything is classified."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be made"):
        Sorter(str(tmp_path / "file" / "sorted"), link=False)


def test_link_without_sorting_is_a_usage_error(images: Path) -> None:
    """An option that does nothing is a mistake."""
    assert run(images, "--link").returncode == 2
