"""Writing a result file safely: one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import pytest

from galaxy_classify.results.safe_writing import only_writer, written_aside
from galaxy_painter import paint

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")

#: A process that says how far it is, and waits for a line before it opens the lock file, locks it, and gives it back.
WRITER = """
import fcntl, sys
from galaxy_classify.errors import UsageError
from galaxy_classify.results.safe_writing import only_writer

lock = fcntl.flock

def wait_and_lock(file, operation):
    fcntl.flock = lock
    print("opened", flush=True)
    sys.stdin.readline()
    lock(file, operation)

fcntl.flock = wait_and_lock
print("ready", flush=True)
sys.stdin.readline()
try:
    with only_writer(sys.argv[1]):
        print("holds", flush=True)
        sys.stdin.readline()
except UsageError as error:
    print(error, flush=True)
"""


class Writer:
    """A process that wants to write a file, step by step."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self) -> str:
        """Return the next thing that it says; nothing when it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> str:
        """Let it take the next step, and return what it says then."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.says()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A result file to be written."""
    return tmp_path / "out.csv"


@contextmanager
def writers(path: Path, count: int = 3) -> Iterator[list[Writer]]:
    """Start processes that want to write a file, and end them all."""
    started = [Writer(path) for _ in range(count)]
    try:
        yield started
    finally:
        for writer in started:
            writer.process.kill()
            writer.process.communicate()


@pytest.mark.parametrize("late_one_first", [False, True])
def test_of_three_processes_one_writes(output: Path, *, late_one_first: bool) -> None:
    """A lock file that was opened before its owner removed it locks nobody out, so it must not count."""
    with writers(output) as (first, late, third):
        assert [writer.says() for writer in (first, late, third)] == ["ready"] * 3
        assert [first.go_on(), first.go_on(), late.go_on()] == ["opened", "holds", "opened"]
        assert first.go_on() == ""
        assert first.process.wait(timeout=60) == 0
        assert third.go_on() == "opened"
        one, other = (late, third) if late_one_first else (third, late)
        assert [one.go_on(), other.go_on()] == [
            "holds", f"{output}: another run is writing it; wait for its end, or choose another --output",
        ]  # fmt: skip
        assert one.go_on() == ""
        assert one.process.wait(timeout=60) == 0
    assert list(output.parent.iterdir()) == []


def test_a_lock_file_is_not_emptied(output: Path) -> None:
    """It may be the file of the process that is writing."""
    lock = Path(f"{output}.lock")
    lock.write_text("12345")
    with writers(output, 1) as (first,):
        assert [first.says(), first.go_on(), first.go_on()] == ["ready", "opened", "holds"]
        assert lock.read_text() == "12345"


@pytest.mark.parametrize("content", [b"a table of the user's", b""])
def test_a_lock_file_of_someone_else_is_left(output: Path, content: bytes) -> None:
    """A file that has content is not ours; an empty one is what a killed run leaves."""
    lock = Path(f"{output}.lock")
    lock.write_bytes(content)
    with only_writer(str(output)):
        assert lock.read_bytes() == content
    assert lock.exists() == bool(content)
    if content:
        assert lock.read_bytes() == content


def test_a_pipe_in_place_of_the_lock_does_not_block(output: Path) -> None:
    """Opening it would wait for someone who reads it."""
    os.mkfifo(f"{output}.lock")
    with only_writer(str(output)):
        pass
    assert Path(f"{output}.lock").is_fifo()


def test_content_reaches_the_disk_before_its_name(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power loss a file system may otherwise have the new name, and nothing under it."""
    disk = mock.Mock()
    monkeypatch.setattr(os, "fsync", disk.content)
    monkeypatch.setattr(os, "replace", disk.name)
    with written_aside(str(output)) as aside:
        Path(aside).write_text("whole")
    assert [call[0] for call in disk.mock_calls] == ["content", "name"]


def test_a_file_whose_writing_fails_is_left_as_it_was(output: Path) -> None:
    """And nothing is left beside it."""
    output.write_text("whole")
    with suppress(KeyboardInterrupt), written_aside(str(output)) as aside:
        Path(aside).write_text("ha")
        raise KeyboardInterrupt
    assert [path.read_text() for path in output.parent.iterdir()] == ["whole"]


@pytest.mark.slow
@pytest.mark.parametrize("options", [["-o", "out.csv"], ["-o", "out.parquet"], ["--shard", "1-2/2", "-o", "shards/"]])
@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_of_two_runs_started_together_one_is_refused(tmp_path: Path, options: list[str], seconds: float) -> None:
    """Whichever comes first; the result is whole, is that run's, and nothing is left beside it."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for number in range(8):
            paint("smooth_round", seed=number, size=64).save(tmp_path / name / f"{number}.png")
    runs = []
    for name in ("first", "second"):
        command = [sys.executable, "-m", "galaxy_classify", name, "-q", *options]
        runs.append(subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True))
        time.sleep(seconds)
    said = {run.communicate(timeout=120)[1]: run.returncode for run in runs}
    assert sorted(said.values()) == [0, 2]
    refused = next(text for text, code in said.items() if code)
    assert "another run is writing it" in refused or "exists already" in refused
    written = [path.name for path in tmp_path.rglob("*") if path.suffix not in (".png", "")]
    assert not [name for name in written if name.endswith((".lock", ".partial"))]
    if options[-1] == "out.csv":
        paths = {line.partition("/")[0] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]}
        assert len(paths) == 1
