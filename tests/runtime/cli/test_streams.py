"""Rows on standard output, whatever standard output and standard error are connected to."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from forked_commands import ForkedCommand, ForkedCommands
from galaxy_classify.cli.progress import terminal_bar
from terminal import read_terminal

COMMAND = [sys.executable, "-m", "galaxy_classify"]
KINDS = ("terminal", "pipe", "file")
FORMATS = ("csv", "jsonl", "table")


class Stream:
    """One end for a command to write to, and what it wrote: a terminal, a pipe or a file."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._file = folder / f"stream{len(list(folder.iterdir()))}"
        self._read: list[str] = []
        if kind == "file":
            self.end = os.open(self._file, os.O_CREAT | os.O_WRONLY)
            self._reader = None
            return
        ours, self.end = pty.openpty() if kind == "terminal" else os.pipe()
        self._reader = threading.Thread(target=lambda: self._read.append(read_terminal(ours)), daemon=True)
        self._reader.start()

    def content(self) -> str:
        """Return what was written, once the command has ended."""
        os.close(self.end)
        if self._reader is None:
            return self._file.read_text()
        self._reader.join(timeout=60)
        assert self._read, "the other end is still open"
        return self._read[0].replace("\r\n", "\n")


def rows_of(text: str, output_format: str) -> list[tuple[str, str]]:
    """Return file name and class of each row."""
    if output_format == "jsonl":
        return [(Path(row["path"]).name, row["label"]) for row in map(json.loads, text.splitlines())]
    if output_format == "csv":
        return [(Path(row["path"]).name, row["label"]) for row in csv.DictReader(io.StringIO(text))]
    lines = [line.split() for line in text.splitlines() if ".jpg" in line]
    return [(Path(line[0]).name, line[1]) for line in lines]


@pytest.mark.parametrize(
    ("stdout", "stderr", "output_format", "fresh"),
    [
        # A quick run of the tests tries each two of the three with each other, in processes that start from nothing, a
        # full one all three.
        pytest.param(KINDS[out], KINDS[err], FORMATS[form], fresh, marks=[] if fresh else [pytest.mark.slow])
        for out, err, form in itertools.product(range(3), repeat=3)
        for fresh in [(out + err + form) % 3 == 0]
    ],
)
def test_all_rows_reach_standard_output(
    drawn_images: Path,
    tmp_path: Path,
    forked_commands: ForkedCommands,
    stdout: str,
    stderr: str,
    output_format: str,
    fresh: bool,
) -> None:
    """No combination of terminal, pipe and file loses a row, least of all to the progress bar's terminal."""
    out, err = Stream(stdout, tmp_path), Stream(stderr, tmp_path)
    arguments = (str(drawn_images), "-f", output_format)
    environment = os.environ | {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "200"}
    process: subprocess.Popen[bytes] | ForkedCommand
    if fresh:
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=out.end, stderr=err.end, stdin=subprocess.DEVNULL, env=environment
        )
    else:
        process = forked_commands.start(
            *arguments, stdout=out.end, stderr=err.end, stdin=subprocess.DEVNULL, environment=environment
        )
    try:
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
    rows, said = rows_of(out.content(), output_format), err.content()
    assert rows == [(f"{name}.jpg", name) for name in sorted(path.stem for path in drawn_images.iterdir())]
    assert ".jpg" not in said


def test_a_bar_leaves_standard_output_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What any of the commands prints while its bar is shown goes to standard output, not to the bar's terminal."""
    terminal = Stream("terminal", tmp_path)
    with os.fdopen(os.dup(terminal.end), "w") as stream, terminal_bar("bar", stream=stream) as bar:
        bar.add_task("", total=1)
        sys.stdout.write("a row\n")
    assert capsys.readouterr().out == "a row\n"
    assert "a row" not in terminal.content()
