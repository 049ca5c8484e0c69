"""The rows that an interrupted run has left: read them, and see how far they match the inputs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from galaxy_classify.errors import UsageError
from galaxy_classify.prediction import Status, columns
from galaxy_classify.writers import OutputFormat, csv_line


@dataclass(frozen=True, slots=True)
class DoneRow:
    """A row that is in a result file.

    Parameters
    ----------
    path : str
        The input.
    status : {"ok", "uncertain", "error"}
        What became of it.
    label : str or None
        The class; None for an error.
    text : str
        The row as it stands in the file, bytes that are not UTF-8 as surrogate escapes.
    """

    path: str
    status: Status
    label: str | None
    text: str


def done_rows(path: str, output_format: OutputFormat, classes: Sequence[str]) -> Iterator[DoneRow]:
    """Read the whole rows of a result file; a row that was cut off ends the reading.

    Parameters
    ----------
    path : str
        Result file.
    output_format : {CSV, JSONL}
        Its format.
    classes : sequence of str
        Class names in the model's order.

    Yields
    ------
    DoneRow
        In the file's order.

    Raises
    ------
    UsageError
        If it is not a file of this format and these classes.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            if output_format is OutputFormat.JSONL:
                yield from _jsonl_rows(file)
                return
            header = csv_line(columns(classes))
            first = file.readline()
            if first == header:
                yield from _csv_rows(file, len(columns(classes)))
            elif not header.startswith(first):  # a header that was cut off is none of another file
                raise UsageError(f"{path}: its first line is not the header of a result; --force starts anew")
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise UsageError(f"{path}: is damaged ({error!r}); --force starts anew") from None


def _csv_rows(lines: Iterator[str], width: int) -> Iterator[DoneRow]:
    taken: list[str] = []

    def tapped() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    for row in csv.reader(tapped()):
        text = "".join(taken)
        taken.clear()
        # Within a quoted name a row can be cut off right behind a line break: then it has too few columns.
        if len(row) != width or not text.endswith("\n"):
            return
        yield DoneRow(row[0], _status(row[1]), row[2] or None, text)


def _jsonl_rows(lines: Iterator[str]) -> Iterator[DoneRow]:
    for line in lines:
        if not line.endswith("\n"):
            return
        row = json.loads(line)
        yield DoneRow(row["path"], _status(row["status"]), row["label"], line)


def _status(text: str) -> Status:
    if text == "ok":
        return "ok"
    return "uncertain" if text == "uncertain" else "error"


def keep_matching(
    done: Iterator[DoneRow], paths: Iterator[str], keep: Callable[[DoneRow], None]
) -> tuple[Iterator[str], bool]:
    """Walk along the rows that are done and the inputs, as long as they agree.

    Parameters
    ----------
    done : iterator of DoneRow
        Rows of the interrupted run.
    paths : iterator of str
        The inputs of this run, in order.
    keep : callable
        Called with each row that belongs to the input in its place.

    Returns
    -------
    rest : iterator of str
        The inputs that are left.
    matched : bool
        Whether all rows that are done were kept; if not, the inputs have changed since.
    """
    for row in done:
        path = next(paths, None)
        if path is None:
            return paths, False
        if path != row.path:
            return chain([path], paths), False
        keep(row)
    return paths, True
