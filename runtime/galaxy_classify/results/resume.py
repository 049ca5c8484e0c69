"""Decide what a run keeps of the result that an earlier run has left.

Whoever continues a result asks here: files of rows, files that grow under ``--watch``, Dask's folders of parts.

==============================================  =================================
Is there something to continue?                 `find_rows`
Was it made with the same model and options?    `check_same_run`
How many rows are kept?                         `keep_matching`, `keep_all`
Which of them are classified again?             `is_tried_again`
==============================================  =================================
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import chain, takewhile
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.probabilities.prior import CLASS_MIX
from galaxy_classify.results.csv_rows import csv_line, read_csv_rows
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.jsonl_rows import read_jsonl_rows
from galaxy_classify.results.layout import DoneRow, RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.provenance import COUNTS, DECODER, EVALUATION, differences, read_sidecar

#: Entries of a sidecar that are written at the end of a run only, and do not tell two runs apart.
KNOWN_AT_THE_END: Final = ("partitions", "inputs", COUNTS, DECODER, EVALUATION, CLASS_MIX)


class Existing(Enum):
    """What becomes of a result that is there already."""

    REFUSE = auto()
    RESUME = auto()
    REPLACE = auto()


def find_rows(output: OutputFile, provenance: dict[str, Any]) -> str | None:
    """Find the rows of an earlier run: the name of the unfinished file or of the complete one, None if it has none.

    Raises
    ------
    UsageError
        If they were made with another model or other options, or it is not known with what.
    """
    existing = next((path for path in (output.partial, output.path) if os.path.isfile(path)), None)
    if existing is None or not os.path.getsize(existing):
        return None
    # A crash while a run was being completed leaves its sidecar under the unfinished name.
    before = read_sidecar(output.sidecar(existing)) or read_sidecar(output.sidecar(output.partial))
    check_same_run(before, provenance, result=existing, sidecar=output.sidecar(existing))
    return existing


def check_same_run(
    before: dict[str, Any] | None, now: dict[str, Any], *, result: str, sidecar: str, rows: str = "rows"
) -> None:
    """Check that an earlier run had the same model and options: rows of two models are never mixed in one result.

    Parameters
    ----------
    before : dict or None
        Content of the earlier run's sidecar; None if that is missing or damaged.
    now : dict
        Provenance of this run.
    result, sidecar, rows : str
        Names of the files and of what they hold, for messages.

    Raises
    ------
    UsageError
        If it had not, or that is not known.
    """
    if before is None:
        raise UsageError(
            f"{sidecar}: missing or damaged, so it is not known what the {rows} were made with; --force starts anew"
        )
    made_with = {name: value for name, value in before.items() if name not in KNOWN_AT_THE_END}
    if found := list(differences(made_with, now)):
        remedies = ["--force starts anew"]
        if len(found) == 1 and found[0].startswith("options exact "):
            # What decodes the JPEGs decides, too: nobody need have given --exact.
            way = "with --exact" if made_with["options"]["exact"] else "with --decoder pillow and without --exact"
            remedies.insert(0, f"continue {way}")
        raise UsageError(f"{result}: cannot be continued: {'; '.join(found + remedies)}")


def is_tried_again(prediction: Prediction) -> bool:
    """Tell whether a kept row's input is classified again: errors are, for their cause may be gone."""
    return prediction.status == "error"


@dataclass(slots=True)
class KeptRows:
    """The rows at the start of an earlier run's file that stay.

    Parameters
    ----------
    count : int
        How many.
    size : int
        Their bytes in the file.
    errors : list of Source
        Inputs of those that are errors and tried again, in order.
    changed : bool
        Whether later rows are dropped, because the inputs have changed since.
    """

    count: int = 0
    size: int = 0
    errors: list[Source] = field(default_factory=list)
    changed: bool = False

    def add(self, row: DoneRow) -> None:
        """Keep the next row."""
        self.count += 1
        self.size += len(row.text.encode("utf-8", "surrogateescape"))


def keep_matching(
    rows: Iterator[DoneRow],
    sources: Iterator[Source],
    belongs: Callable[[DoneRow, Source], bool],
    keep: Callable[[DoneRow, Source], None],
) -> tuple[KeptRows, Iterator[Source]]:
    """Keep rows as long as each belongs to the input in its place.

    Parameters
    ----------
    rows : iterator of DoneRow
        Rows of the earlier run.
    sources : iterator of Source
        The inputs of this run, in order.
    belongs : callable
        Tells whether a row is that of an input and of its catalogue values: `is_row_of`, `is_stored_row_of`.
    keep : callable
        Called with each kept row and its input.

    Returns
    -------
    kept : KeptRows
        The rows that stay.
    rest : iterator of Source
        The inputs behind them.
    """
    kept = KeptRows()
    for row in rows:
        source = next(sources, None)
        if source is None or not belongs(row, source):
            kept.changed = True
            return kept, sources if source is None else chain([source], sources)
        kept.add(row)
        if is_tried_again(row.prediction):
            kept.errors.append(source)
        keep(row, source)
    return kept, sources


def is_row_of(row: DoneRow, source: Source, *, text: bool) -> bool:
    """Tell whether a row has the path and the catalogue values of an input; in CSV, these are read back as `text`."""
    values = ["" if value is None else str(value) for value in source.carried] if text else list(source.carried)
    kinds = list(map(type, row.carried)) == list(map(type, values))
    return kinds and row.prediction.path == source.path and list(row.carried) == values


def is_stored_row_of(row: DoneRow, source: Source, stored: Callable[[str], str]) -> bool:
    """Tell whether a row read from a file of typed columns is that of an input, which these may hold as other text.

    `stored` gives the text that the format holds for a text. A missing text may be an empty one there, and a truth
    value its name.
    """
    return stored(source.path) == stored(row.prediction.path) and all(
        stored("" if old is None else str(old)) == stored("" if new is None else str(new))
        for old, new in zip(row.carried, source.carried, strict=True)
    )


def keep_all(rows: Iterator[DoneRow], count: Callable[[Prediction], None]) -> KeptRows:
    """Keep every row, errors too: with ``--watch`` inputs come in no order, and a file gets one row."""
    kept = KeptRows()
    for row in rows:
        kept.add(row)
        count(row.prediction)
    return kept


def other_inputs(result: str, reason: str) -> UsageError:
    """Return the error for a result of other inputs, of which nothing could be kept."""
    return UsageError(f"{result}: {reason}; choose another --output, or replace it with --force")


def done_rows(path: str, output_format: OutputFormat, layout: RowLayout) -> Iterator[DoneRow]:
    """Read the whole rows of a CSV or JSON Lines result; a row that was cut off, or holds NULs, ends the reading.

    Raises
    ------
    UsageError
        If it is not a file of this format and these columns.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            if output_format is OutputFormat.JSONL:
                yield from read_jsonl_rows(takewhile(lambda line: "\0" not in line, file), layout)
                return
            header = csv_line(layout.names)
            first = file.read(len(header))  # its names may hold line breaks
            if first == header:
                yield from read_csv_rows(file, layout)
            elif not header.startswith(first.partition("\0")[0]):  # a header that was cut off is no other file's
                raise UsageError(f"{path}: its first line is not the header of a result; --force starts anew")
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise UsageError(f"{path}: is damaged ({error!r}); --force starts anew") from None
