"""Note when rows of a run come and what they cost, so that its steady state can be told from its start and its end.

A run is watched from inside its own process: by the lines that it writes, or by `Marks.note` after each batch.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

#: The marks lie on multiples of this number of rows: the end of a batch, for batches of 16, 32 or 64.
ROUND = 64
#: With fewer, hardly anything lies between the first and the last tenth.
LEAST_FILES = 320


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a run: rows so far, elapsed seconds, and seconds of CPU time of the whole process."""

    rows: int
    seconds: float
    cpu: float


@dataclass(slots=True)
class Marks:
    """Two moments of a run: when a tenth of its rows has come, and when nine tenths have.

    Parameters
    ----------
    files : int
        Number of rows in all.
    """

    files: int
    found: list[Mark] = field(default_factory=list)

    @property
    def limits(self) -> tuple[int, int]:
        """Numbers of rows at the two moments."""
        return -(-self.files // 10 // ROUND) * ROUND, self.files * 9 // 10 // ROUND * ROUND

    def note(self, rows: int) -> None:
        """Note that so many rows have come."""
        if len(self.found) < 2 and rows >= self.limits[len(self.found)]:
            self.found.append(Mark(rows, time.perf_counter(), time.process_time()))

    def write(self, path: Path) -> None:
        """Write the marks to a file, for the process that started this one."""
        path.write_text(json.dumps([asdict(mark) for mark in self.found]))


@dataclass(frozen=True, slots=True)
class Steady:
    """Speed of a run between its two marks: images a second, and milliseconds of CPU time an image."""

    images_per_second: float
    cpu_ms: float


def read_steady(path: Path) -> Steady:
    """Return the speed between the marks in a file."""
    marks = [Mark(**mark) for mark in json.loads(path.read_text())]
    if len(marks) < 2 or marks[0].rows == marks[1].rows:
        sys.exit(f"a run has too few rows for a steady state: use {LEAST_FILES} files at least")
    first, last = marks
    rows = last.rows - first.rows
    return Steady(rows / (last.seconds - first.seconds), (last.cpu - first.cpu) / rows * 1000)


class _CountedLines(io.TextIOWrapper):
    """Standard output to nowhere, which tells how many rows have been written."""

    def __init__(self, note: Callable[[int], None]) -> None:
        super().__init__(io.BufferedWriter(io.FileIO(os.devnull, "wb")), encoding="utf-8")
        self._note = note
        self._rows = -1  # the first line is the header

    def write(self, text: str, /) -> int:
        written = super().write(text)
        self._rows += text.count("\n")
        self._note(self._rows)
        return written


def run_command(arguments: list[str], note: Callable[[int], None]) -> None:
    """Run ``galaxy-classify`` in this process, and call `note` with the number of rows so far; it must write CSV."""
    from galaxy_classify.__main__ import main

    sys.argv = ["galaxy-classify", *arguments]
    sys.stdout = _CountedLines(note)
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        sys.stdout = sys.__stdout__


def main() -> None:
    """Run ``galaxy-classify`` with the arguments behind the number of files and the file for the marks."""
    files, path, *arguments = sys.argv[1:]
    marks = Marks(int(files))
    run_command(arguments, marks.note)
    marks.write(Path(path))


if __name__ == "__main__":
    main()
