"""The rows that an interrupted run has left: read them, and see how far they match the inputs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import chain

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.csv_rows import csv_line, read_csv_rows
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.jsonl_rows import read_jsonl_rows
from galaxy_classify.results.layout import DoneRow, RowLayout


def done_rows(path: str, output_format: OutputFormat, layout: RowLayout) -> Iterator[DoneRow]:
    """Read the whole rows of a result file; a row that was cut off ends the reading.

    Parameters
    ----------
    path : str
        Result file.
    output_format : {CSV, JSONL}
        Its format.
    layout : RowLayout
        Its columns.

    Yields
    ------
    DoneRow
        In the file's order.

    Raises
    ------
    UsageError
        If it is not a file of this format and these columns.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            if output_format is OutputFormat.JSONL:
                yield from read_jsonl_rows(file, layout)
                return
            header = csv_line(layout.names)
            first = file.readline()
            if first == header:
                yield from read_csv_rows(file, layout)
            elif not header.startswith(first):  # a header that was cut off is none of another file
                raise UsageError(f"{path}: its first line is not the header of a result; --force starts anew")
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise UsageError(f"{path}: is damaged ({error!r}); --force starts anew") from None


def keep_matching(
    done: Iterator[DoneRow], sources: Iterator[Source], keep: Callable[[DoneRow, Source], None]
) -> tuple[Iterator[Source], bool]:
    """Walk along the rows that are done and the inputs, as long as they agree.

    Parameters
    ----------
    done : iterator of DoneRow
        Rows of the interrupted run.
    sources : iterator of Source
        The inputs of this run, in order.
    keep : callable
        Called with each row that belongs to the input in its place, and with that input.

    Returns
    -------
    rest : iterator of Source
        The inputs that are left.
    matched : bool
        Whether all rows that are done were kept; if not, the inputs have changed since.
    """
    for row in done:
        source = next(sources, None)
        if source is None:
            return sources, False
        if source.path != row.prediction.path:
            return chain([source], sources), False
        keep(row, source)
    return sources, True
