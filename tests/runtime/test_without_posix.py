"""What Windows lacks, emulated: the command does without it, or does what docs/windows.md says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import as_on_windows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux which files are open"),
]


@pytest.fixture(scope="module")
def images(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three galaxies and a file that is none."""
    folder = tmp_path_factory.mktemp("images")
    for number in (1, 2, 3):
        shutil.copy(repository / "examples" / "images" / f"smooth_round_{number}.jpg", folder)
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def run_as_on_windows(images: Path, folder: Path, **environment: str) -> dict[str, tuple[int, str]]:
    """Run all commands of `as_on_windows` in a folder; return each one's exit code and standard error."""
    paths = [str(Path(as_on_windows.__file__).parent), *sys.path]
    ended = subprocess.run(
        [sys.executable, as_on_windows.__file__, images],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return {name: (code, text) for name, (code, text) in found.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that `ran` writes to."""
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def ran(images: Path, results: Path) -> dict[str, tuple[int, str]]:
    """Return what all commands said."""
    return run_as_on_windows(images, results)


def test_everything_is_written_without_posix(ran: dict[str, tuple[int, str]], results: Path) -> None:
    """No call is missed, no file is renamed or removed while it is open, and none is left."""
    codes = {name: code for name, (code, _) in ran.items() if name != "locked"}
    assert len(codes) == 10
    assert codes == dict.fromkeys(codes, 1)  # one input is no image
    assert "kept: " in ran["resume"][1]
    assert "sorted: 3 copied" in ran["sorted"][1]
    assert [file.name for file in results.rglob("*") if file.name.endswith((".lock", ".partial"))] == []
    assert (results / "a.csv").read_bytes() == (results / "locked.csv").read_bytes()


def test_a_result_has_one_writer_by_the_lock_of_windows(ran: dict[str, tuple[int, str]]) -> None:
    """The second run is told so, and the next one after the end of the first goes on."""
    assert ran["locked"] == (
        2, "error: locked.csv: another run is writing it; wait for its end, or choose another --output\n",
    )  # fmt: skip
    assert ran["freed"][0] == 1


def test_without_any_lock_a_result_is_written_all_the_same(images: Path, tmp_path: Path) -> None:
    """Some systems and file systems have none; there nothing stops a second run."""
    ran = run_as_on_windows(images, tmp_path, NO_LOCKS="1")
    assert {name: code for name, (code, _) in ran.items()} == dict.fromkeys(ran, 1)
    assert list(tmp_path.glob("*.lock")) == []
