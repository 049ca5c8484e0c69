"""A folder that is watched: each file gets one row soon after it is complete, whatever happens to the process."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import pytest

from forked_commands import ForkedCommand, ForkedCommands
from galaxy_classify.inputs.changes import folder_changes
from galaxy_classify.inputs.discovery import real_paths
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.watch import Watch
from in_process import run_classify

COMMAND = [sys.executable, "-m", "galaxy_classify"]
#: Far more than the latency that is promised, one second: tests share their machine.
PATIENCE = 60.0


class Watched:
    """A folder, a watch on it, and its result."""

    def __init__(self, folder: Path, good: Path, forked_commands: ForkedCommands) -> None:
        self.images = folder / "images"
        self.images.mkdir()
        self.output = folder / "out.csv"
        self.good = good
        self.process: subprocess.Popen[bytes] | ForkedCommand | None = None
        self._forked_commands = forked_commands

    def start(self, *options: str, grace: float | None = None, fresh: bool = False) -> None:
        """Start the command, with less patience with bad files than it has, or in a process that is not forked."""
        arguments = (str(self.images), "--watch", "-o", str(self.output), "--threads", "1", *options)
        if fresh:
            self.process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE)
            return
        settings = {} if grace is None else {"galaxy_classify.runs.watch.GRACE": grace}
        self.process = self._forked_commands.start(*arguments, stderr=subprocess.PIPE, settings=settings)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End the command with a signal, and return its exit code and what it said."""
        assert self.process is not None
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE)
        code = self.process.returncode
        assert code is not None
        self.process = None
        return code, errors.decode()

    def rows(self) -> dict[str, str]:
        """Return the status of each file that has a row; no file may have two."""
        if not self.output.exists():
            return {}
        with self.output.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            found = [(os.path.relpath(row["path"], self.images), row["status"]) for row in csv.DictReader(file)]
        assert len(dict(found)) == len(found), found
        return dict(found)

    def wait_for(self, *names: str) -> None:
        """Wait until these files have their rows."""
        deadline = time.monotonic() + PATIENCE
        while not set(names) <= self.rows().keys():
            assert time.monotonic() < deadline, (names, self.rows())
            time.sleep(0.02)

    def add(self, name: str) -> None:
        """Put a good image into the folder."""
        shutil.copy(self.good, self.images / name)


@pytest.fixture
def watched(tmp_path: Path, drawn_images: Path, forked_commands: ForkedCommands) -> Iterator[Watched]:
    """Return an empty folder that can be watched."""
    found = Watched(tmp_path, drawn_images / "smooth_round.jpg", forked_commands)
    yield found
    if found.process is not None:
        found.process.kill()
        found.process.communicate(timeout=PATIENCE)


def test_files_get_their_rows_as_they_come(watched: Watched) -> None:
    """What was there, what is copied, renamed into place, or comes in a new folder; files that are no images do not."""
    watched.add("there.jpg")
    watched.start(fresh=True)
    watched.wait_for("there.jpg")
    watched.add("copied.jpg")
    shutil.copy(watched.good, watched.images / ".upload")
    (watched.images / ".upload").rename(watched.images / "renamed.jpg")
    (watched.images / "notes.txt").write_text("no image")
    (watched.images / "night" / "field").mkdir(parents=True)
    watched.add("night/field/deep.jpg")
    watched.wait_for("copied.jpg", "renamed.jpg", "night/field/deep.jpg")
    code, said = watched.stop()
    assert (code, "4 images: 4 classified" in said, "Traceback" in said) == (0, True, False)
    assert set(watched.rows()) == {"there.jpg", "copied.jpg", "renamed.jpg", "night/field/deep.jpg"}
    sidecar = json.loads(Path(f"{watched.output}.meta.json").read_text())
    assert sidecar["package"] == "galaxy-classify"


def test_a_file_that_is_written_slowly_is_waited_for(watched: Watched) -> None:
    """Its writer pauses for longer than a file takes to settle; the row is that of the whole image."""
    watched.start()
    content = watched.good.read_bytes()
    with (watched.images / "slow.jpg").open("wb", buffering=0) as file:
        for part in (content[:5000], content[5000:9000]):
            file.write(part)
            time.sleep(0.7)
        file.write(content[9000:])
    watched.wait_for("slow.jpg")
    assert watched.rows() == {"slow.jpg": "ok"}


@pytest.mark.slow
def test_any_name_gets_its_row(watched: Watched) -> None:
    """Names that are not UTF-8, at which watchfiles gives up, with line breaks, and as long as a name can be."""
    watched.start()
    odd = ["gal\udcff.jpg", "two\nlines.jpg", "\x1b[31mred.jpg", f"{'x' * 251}.jpg", "night\udce9/plain.jpg"]
    for name in odd:
        (watched.images / name).parent.mkdir(exist_ok=True)
        watched.add(name)
    watched.add("plain.jpg")
    watched.wait_for("plain.jpg", *odd)
    (watched.images / "\udcfenotes.txt").write_text("no image")
    watched.add("last.jpg")
    watched.wait_for("last.jpg")
    code, said = watched.stop()
    assert (code, "Traceback" in said, "panicked" in said) == (0, False, False)
    assert set(watched.rows().values()) == {"ok"}
    assert set(watched.rows()) == {*odd, "plain.jpg", "last.jpg"}


@pytest.mark.slow
def test_a_file_below_links_has_one_row(watched: Watched) -> None:
    """Folders that link to each other would give it as many as there are paths, and events name any of these."""
    names = {f"f{number}" for number in range(10)}
    for name in names:
        (watched.images / name).mkdir()
        for other in names - {name}:
            (watched.images / name / other).symlink_to(watched.images / other)
    watched.add("f2/there.jpg")
    watched.start()
    watched.wait_for("f2/there.jpg")
    watched.add("f2/new.jpg")
    watched.add("f3/new.jpg")
    (watched.images / "f").symlink_to(watched.images / "f1")
    (watched.images / "later").mkdir()
    watched.wait_for("f2/new.jpg", "f3/new.jpg")
    watched.add("later/last.jpg")
    watched.wait_for("later/last.jpg")
    watched.stop()
    assert len(watched.rows()) == 4


@pytest.mark.slow
def test_a_link_that_comes_later_is_followed(watched: Watched) -> None:
    """From then on each folder is watched by itself."""
    watched.start()
    watched.add("a.jpg")
    watched.wait_for("a.jpg")
    (watched.images.parent / "elsewhere").mkdir()
    (watched.images / "link").symlink_to(watched.images.parent / "elsewhere")
    watched.add("link/b.jpg")
    watched.wait_for("link/b.jpg")
    (watched.images / "round").symlink_to(watched.images)
    (watched.images / "new" / "deep").mkdir(parents=True)
    watched.add("new/deep/c.jpg")
    watched.wait_for("new/deep/c.jpg")
    watched.stop()
    assert set(watched.rows()) == {"a.jpg", "link/b.jpg", "new/deep/c.jpg"}


@pytest.mark.slow
def test_a_folder_may_go_and_come_back(watched: Watched) -> None:
    """The watch waits for it."""
    watched.add("a.jpg")
    watched.start()
    watched.wait_for("a.jpg")
    watched.images.rename(watched.images.parent / "away")
    watched.images.mkdir()
    (watched.images.parent / "away" / "x\udcff").touch()  # makes watchfiles start again
    watched.add("b.jpg")
    watched.wait_for("a.jpg", "b.jpg")
    assert watched.stop()[0] == 0


@pytest.mark.slow
def test_bad_files_are_survived(watched: Watched) -> None:
    """They get a row that says why, once they have had time to become whole; the good ones need not wait for them."""
    watched.start(grace=3)
    (watched.images / "bad.jpg").write_text("no image")
    (watched.images / "empty.jpg").touch()
    watched.add("good.jpg")
    watched.wait_for("good.jpg")
    assert set(watched.rows()) == {"good.jpg"}
    watched.wait_for("bad.jpg", "empty.jpg")
    assert watched.rows() == {"good.jpg": "ok", "bad.jpg": "error", "empty.jpg": "error"}
    assert watched.stop(signal.SIGINT)[0] == 0


@pytest.mark.slow
def test_killed_and_restarted_it_misses_and_repeats_nothing(watched: Watched) -> None:
    """Files come all the time while the process is killed and started again; each has one row in the end."""
    chance = random.Random(5)
    for number in range(40):
        if number % 8 == 0:
            if watched.process is not None:
                time.sleep(chance.uniform(0, 0.8))
                watched.stop(signal.SIGKILL)
            watched.add(f"down{number}.jpg")
            watched.start("--resume")
        watched.add(f"{number}.jpg")
        time.sleep(chance.uniform(0, 0.1))
    expected = {f"{number}.jpg" for number in range(40)} | {f"down{number}.jpg" for number in range(0, 40, 8)}
    watched.wait_for(*expected)
    watched.stop()
    assert set(watched.rows()) == expected


@pytest.mark.parametrize("names", [("a.jpg",), ("a.jpg", "b.jpg")])
def test_a_torn_row_is_cut_off_and_made_again(watched: Watched, names: tuple[str, ...]) -> None:
    """Whatever a full disk or a crash has left, behind whole rows or alone."""
    for name in names:
        watched.add(name)
    watched.start()
    watched.wait_for(*names)
    watched.stop()
    whole = watched.output.read_bytes()
    watched.output.write_bytes(whole[:-20])
    watched.start("--resume")
    deadline = time.monotonic() + PATIENCE
    while watched.output.read_bytes() != whole and time.monotonic() < deadline:
        time.sleep(0.02)
    watched.stop()
    assert watched.output.read_bytes() == whole


def test_an_interrupted_plain_run_is_continued(watched: Watched) -> None:
    """Its rows move under the final name, and the watch goes on behind them."""
    for number in range(3):
        watched.add(f"{number}.jpg")
    assert run_classify(watched.images, "-o", watched.output, "-q").returncode == 0
    for suffix in ("", ".meta.json"):
        os.rename(f"{watched.output}{suffix}", f"{watched.output}.partial{suffix}")
    watched.add("later.jpg")
    watched.start("--resume")
    watched.wait_for("later.jpg")
    code, said = watched.stop()
    assert (code, "kept: 3 rows" in said) == (0, True)
    assert list(watched.rows()) == ["0.jpg", "1.jpg", "2.jpg", "later.jpg"]
    assert sorted(path.name for path in watched.output.parent.glob("out.csv*")) == ["out.csv", "out.csv.meta.json"]


def test_rows_can_go_down_a_pipe(watched: Watched) -> None:
    """A consumer gets each row when it is there, not when a buffer is full."""
    command = [*COMMAND, str(watched.images), "--watch", "-f", "jsonl", "-q"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        watched.add("a.jpg")
        assert json.loads(process.stdout.readline())["path"].endswith("a.jpg")
        watched.add("b.jpg")
        assert json.loads(process.stdout.readline())["path"].endswith("b.jpg")
    finally:
        process.terminate()
        assert process.communicate(timeout=PATIENCE)[0] == ""
    assert process.returncode == 0


class Reader:
    """Stands for a job: a file that is there is ok, one that is not is an error."""

    def predictions(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Prediction]]:
        """Yield each input with its prediction."""
        for source in sources:
            yield source, Prediction(source.path, "ok" if os.path.isfile(source.path) else "error", "m@0")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """Watch of a folder in this process, whose steps are taken one by one."""
    return Watch(cast(Job, Reader()), [str(tmp_path)], recursive=True, stop=threading.Event())


def statuses(rows: Iterable[tuple[Source, Prediction]]) -> dict[str, str]:
    """Return the status of each row by the file's name."""
    return {os.path.basename(source.path): prediction.status for source, prediction in rows}


def test_a_file_that_goes_before_it_is_read_has_no_row(watch: Watch, tmp_path: Path) -> None:
    """It may come back, and has its row then; whatever was seen of it before."""
    path = tmp_path / "a.jpg"
    path.touch()
    assert watch._notice(str(path))
    (noticed,) = watch.pending.values()
    noticed.changed = -1e9  # its time to become whole is over
    path.unlink()
    assert statuses(watch._classify([noticed.source])) == {}
    assert not watch.pending
    for gone in (True, False):
        path.touch()
        os.utime(path, (1, 1))
        found = list(watch._search())
        if gone:
            path.unlink()
        assert statuses(watch._classify(found)) == ({} if gone else {"a.jpg": "ok"})


def test_what_cannot_be_looked_at_has_a_row(watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without permission (made up here: root may look at all) or a path that is too long is not left out."""
    for name in ("closed.jpg", "open.jpg"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    stat, scandir = os.stat, os.scandir

    def guarded(path: str, **options: bool) -> os.stat_result:
        if str(path).endswith("closed.jpg"):
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", guarded)
    monkeypatch.setattr("os.path.isfile", lambda path: path.endswith("open.jpg"))
    assert statuses(watch._classify(watch._search())) == {"closed.jpg": "error", "open.jpg": "ok"}
    (tmp_path / "shut").mkdir()
    monkeypatch.setattr(os, "scandir", lambda path: scandir(path) if "shut" not in path else guarded("closed.jpg"))
    assert watch._notice(str(tmp_path / "shut"))  # does not call itself for ever


def test_what_the_run_writes_is_no_input(tmp_path: Path) -> None:
    """Neither by an event nor by a search, whatever it is called."""
    own = real_paths(str(tmp_path / "rows.png"))
    watch = Watch(cast(Job, Reader()), [str(tmp_path)], recursive=True, stop=threading.Event(), own=own)
    for name in ("rows.png", "a.png"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    assert statuses(watch._classify(watch._search())) == {"a.png": "ok"}
    assert watch._notice(str(tmp_path / "rows.png"))
    assert not watch.pending


@pytest.mark.parametrize("error", [RuntimeError("cannot decode"), FileNotFoundError("gone"), OSError("too many")])
def test_watching_is_begun_again(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each failure the folders are searched, as nobody knows what was missed."""
    stop = threading.Event()
    begun: list[tuple[str, ...]] = []

    def flaky(*folders: str, **options: object) -> Iterator[set[tuple[int, str]]]:
        begun.append(folders)
        if len(begun) == 2:
            raise error
        yield {(1, "a")}
        yield {(1, "b")}
        if len(begun) == 3:
            stop.set()
            return
        raise error

    monkeypatch.setattr("watchfiles.watch", flaky)
    monkeypatch.setattr("galaxy_classify.inputs.changes.RETRY", 0.01)
    assert list(folder_changes(["x", "y"], True, stop)) == [
        (False, {"a"}), (True, {"b"}), (False, set()), (False, {"a"}), (True, {"b"}),
    ]  # fmt: skip
    assert begun == [("x", "y")] * 3


def test_folders_that_watchfiles_cannot_name_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended the watch with a UnicodeEncodeError, where links made it name each folder, or for the folder itself."""
    stop = threading.Event()
    begun: list[tuple[str, ...]] = []

    def watch(*folders: str, **options: object) -> Iterator[set[tuple[int, str]]]:
        assert all(folder.encode() for folder in folders)
        begun.append(folders)
        stop.set()
        yield set()

    monkeypatch.setattr("watchfiles.watch", watch)
    linked, odd = tmp_path / "linked", tmp_path / "odd\udcff"
    (linked / "night\udce9").mkdir(parents=True)
    (linked / "round").symlink_to(linked)
    odd.mkdir()
    assert list(folder_changes([str(linked), str(odd)], True, stop)) == [(False, set())]
    assert begun == [(str(linked),)]
    stop.clear()
    changes = folder_changes([str(odd)], True, stop)
    assert (next(changes), next(changes), len(begun)) == ((False, set()), (False, set()), 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.jpg"],
        ["-"],
        [".", "-o", "out.parquet"],
        [".", "--from-file", __file__],
        [".", "-o", "out.txt", "-f", "table"],
    ],
)
def test_what_cannot_be_watched_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    """Folders only, into files that grow row by row."""
    result = run_classify(*arguments, "--watch", cwd=tmp_path)
    assert (result.returncode, "Traceback" in result.stderr) == (2, False)
