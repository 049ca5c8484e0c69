"""Folders within folders, links between them, and patterns: everything is found, and found once."""

from __future__ import annotations

import glob
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from unittest import mock

import pytest

from galaxy_classify.dask.parquet_folder import read_parquet
from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.discovery import Discovery, real_paths
from galaxy_classify.inputs.folders import expand, holds_links, walk
from galaxy_painter import paint
from in_process import run_classify

#: Folders within each other: more than Python allows calls within each other.
DEPTH = 1050


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder with as many folders within each other, and an image in the innermost."""
    folder = tmp_path_factory.mktemp("deep")
    innermost = os.path.join(folder, *["d"] * DEPTH)
    # Python's own functions take as many calls within each other, and so does pytest's clean-up.
    subprocess.run(["mkdir", "-p", innermost], check=True)  # noqa: S607
    Path(innermost, "a.jpg").touch()
    (folder / "z.jpg").touch()
    yield folder
    subprocess.run(["rm", "-r", folder / "d"], check=True)  # noqa: S607


def test_a_member_that_lies_too_deep_is_not_sorted(tmp_path: Path) -> None:
    """The name in an archive is its author's: it ends neither the run nor the copies of the others."""
    image = io.BytesIO()
    paint("edge_on_disk", seed=1, size=80).save(image, "PNG")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in ("d/" * DEPTH + "a.png", f"{'x' * 300}.png", "b.png"):
            info = tarfile.TarInfo(name)
            info.size = len(image.getvalue())
            tar.addfile(info, io.BytesIO(image.getvalue()))
    result = run_classify("a.tar", "-f", "csv", "--sort-into", "sorted", cwd=tmp_path)
    assert (result.returncode, result.stdout.count("::"), "Traceback" in result.stderr) == (1, 3, False)
    assert "lies in too many folders within each other" in result.stderr
    assert [path.name for path in (tmp_path / "sorted").rglob("*.png")] == ["b.png"]


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Ten folders, each with links to the nine others, and one image."""
    top = tmp_path / "linked"
    names = [f"f{number}" for number in range(10)]
    for name in names:
        (top / name).mkdir(parents=True)
    for name, other in permutations(names, 2):
        (top / name / other).symlink_to(top / other)
    (top / "f5" / "a.jpg").touch()
    return top


def found(*inputs: object) -> list[str]:
    """Return the paths that some inputs stand for."""
    return list(Discovery().paths(map(str, inputs), ()))


@pytest.mark.slow
def test_folders_may_lie_deep_in_each_other(deep: Path) -> None:
    """Folder, pattern and ``file://`` alike; no row is lost to a limit of the interpreter."""
    innermost = os.path.join(deep, *["d"] * DEPTH, "a.jpg")
    assert found(deep) == [innermost, str(deep / "z.jpg")]
    assert found(f"{deep}/**/*.jpg") == [innermost, str(deep / "z.jpg")]
    assert found(f"file://{deep}") == [f"file://{innermost}", f"file://{deep}/z.jpg"]
    with pytest.raises(UsageError, match="no Parquet files"):
        read_parquet(deep)


def test_the_files_that_a_run_writes_cost_no_time_in_each_folder(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path without links takes as many steps as a folder is deep: 70 seconds for 1,500 within each other."""
    own = real_paths(str(deep / "rows.csv"), str(deep / "z.jpg"))
    asked = mock.Mock(side_effect=os.path.realpath)
    monkeypatch.setattr(os.path, "realpath", asked)
    innermost = os.path.join(deep, *["d"] * DEPTH, "a.jpg")
    assert list(Discovery(own=own).paths([str(deep)], [])) == [innermost]
    assert asked.call_count < 10


def test_the_command_classifies_them(deep: Path) -> None:
    """Each has its row, and the result is whole."""
    result = run_classify(deep, "-f", "jsonl", "-q")
    assert (result.returncode, result.stdout.count("\n")) == (1, 2)
    assert "Traceback" not in result.stderr


def test_a_folder_is_visited_once(linked: Path) -> None:
    """Links from folder to folder would give one file a million rows."""
    assert found(linked) == [f"{linked}/f5/a.jpg"]
    assert found(f"file://{linked}") == [f"file://{linked}/f5/a.jpg"]
    assert found(f"{linked}/**/*.jpg") == [f"{linked}/f0/f1/f2/f3/f4/f5/a.jpg"]
    assert found(linked / "f2") == [f"{linked}/f2/f0/f1/f3/f4/f5/a.jpg"]
    assert [len(list(walk(str(linked), prune=prune))) for prune in (False, True)] == [11, 11]
    assert holds_links(str(linked))
    assert not holds_links(str(linked.parent / "none"))
    with pytest.raises(UsageError, match="no Parquet files"):
        read_parquet(linked)


def test_a_link_to_a_hidden_folder_is_followed(tmp_path: Path) -> None:
    """A pattern passes over the folder itself, but not over the link."""
    (tmp_path / ".v2").mkdir()
    (tmp_path / ".v2" / "a.jpg").touch()
    (tmp_path / "data").symlink_to(".v2")
    assert found(f"{tmp_path}/**/*.jpg") == [f"{tmp_path}/data/a.jpg"]
    assert found(tmp_path) == [f"{tmp_path}/.v2/a.jpg"]


def test_a_folder_named_twice_is_searched_twice(linked: Path) -> None:
    """Whoever names it twice means it: only what is found is found once."""
    assert found(linked / "f5", linked / "f5") == [f"{linked}/f5/a.jpg"] * 2


def test_a_file_system_without_numbers_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network disks give every folder the number 0: these are not all the same folder."""
    for name in ("a/1.jpg", "b/2.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    stat = os.stat

    def unnumbered(path: str, **options: object) -> os.stat_result:
        status = list(stat(path))
        status[1] = 0
        return os.stat_result(status)

    monkeypatch.setattr("galaxy_classify.inputs.folders.os.stat", unnumbered)
    assert found(tmp_path) == [f"{tmp_path}/a/1.jpg", f"{tmp_path}/b/2.jpg"]


@pytest.mark.parametrize(
    "pattern",
    ["**", "**/*.jpg", "a/**", "a/**/*.jpg", "a/**/", "**/b/**", "**/**/*.jpg", "./**/*.jpg", "{here}/**/*.jpg", "**/",
     "*/**", "**/.h/*.jpg", "a**/*.jpg", "a//**//*.jpg", "**/w[[]1]/*", "**/[e-k].jpg", "*.jpg", "a/*/c.jpg"],
)  # fmt: skip
def test_patterns_mean_what_they_do_elsewhere(pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a tree without links, the answer is that of Python's `glob`."""
    for name in ("a/b/c.jpg", "a/d.jpg", ".h/x.jpg", "a/.h/y.jpg", "e.jpg", "w[1]/k.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    pattern = pattern.format(here=tmp_path)
    assert expand(pattern) == sorted(set(glob.glob(pattern, recursive=True))) != []
