"""Tables and files of reports: aligned for a terminal, Markdown for a CI summary, JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from galaxy_classify.errors import GalaxyClassifyError, UsageError

SUFFIXES: Final = (".json", ".md")


def check_report_paths(paths: Sequence[Path]) -> None:
    """Check that every report file has a known suffix and an existing folder.

    Raises
    ------
    UsageError
        If one has not.
    """
    for path in paths:
        if path.suffix not in SUFFIXES:
            raise UsageError(f"{path}: a report is {' or '.join(SUFFIXES)}, by its suffix")
        check_folder(path)


def check_worst_path(path: Path) -> None:
    """Check that the worst sample can be saved under a name; raise `UsageError` if not."""
    if path.suffix.lower() != ".npz":
        raise UsageError(f"{path}: the worst sample is saved as .npz")
    check_folder(path)


def check_folder(path: Path) -> None:
    """Check that the folder of a file that is to be written exists; raise `UsageError` if not."""
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: cannot be written: there is no folder {path.parent}")


def write_report(path: Path, *, as_json: str, as_markdown: str) -> None:
    """Write a report in the format that its suffix asks for; raise `GalaxyClassifyError` if it cannot be written."""
    with naming(path):
        path.write_text(as_json if path.suffix == ".json" else as_markdown, encoding="utf-8")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into one that names the file that is written."""
    try:
        yield
    except OSError as error:
        raise GalaxyClassifyError(f"{path}: cannot be written: {error.strerror}") from None


def to_json(content: Any) -> str:
    """Return JSON that every parser reads: null stands for numbers that are not finite."""
    return json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table for a terminal, its cells to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, its cells to the right, and an empty one."""
    return [_markdown_row(header), "|" + " ---: |" * len(header), *map(_markdown_row, rows), ""]


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
