"""Write rows as CSV, and read them back to resume."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from galaxy_classify.prediction import Prediction
from galaxy_classify.results.formats import RecordStream
from galaxy_classify.results.layout import DoneRow, RowLayout, is_cut_off
from galaxy_classify.tables.csv_table import read_csv


def read_csv_rows(lines: Iterator[str], layout: RowLayout) -> Iterator[DoneRow]:
    """Read the rows of a CSV file behind its header, up to a row that was cut off.

    Raises
    ------
    ValueError, csv.Error
        If a row is damaged otherwise.
    """
    taken: list[str] = []

    def tapped() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    names = layout.names
    # A row may be cut off at a line break within a quoted field. Only the strict reader does not take it for whole.
    rows = read_csv(tapped(), strict=True)
    while True:
        try:
            row = next(rows, None)
        except csv.Error:
            if is_cut_off("".join(taken), lines):
                return
            raise
        if row is None:
            return
        text = "".join(taken)
        taken.clear()
        if len(row) != len(names) or not text.endswith("\n") or "\0" in text:
            if is_cut_off(text, lines):
                return
            raise ValueError(f"a row has {len(row)} cells, the header has {len(names)}")
        yield DoneRow(*layout.parse(dict(zip(names, row, strict=True))), text)


class CsvWriter:
    """Write comma-separated values with a header; a field without a value is empty."""

    def __init__(self, stream: RecordStream, layout: RowLayout) -> None:
        self._stream = stream
        self._layout = layout
        forms = ["%s"] * len(layout.names)
        for place in layout.rounded_places:
            forms[place] = "%.6f"
        self._form = ",".join(forms) + "\n"
        self._commas = len(forms) - 1

    def start(self) -> None:
        """Write the header."""
        self._stream.write(csv_line(self._layout.names))

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one row: probabilities with six decimals, the catalogue's numbers unrounded."""
        values = self._layout.values(prediction, carried)
        if None in values:
            line = self._checked_line(values)
        else:
            line = self._form % tuple(values)
            # The module csv looks at every character, which takes longer than all else: leave it the rows that need it.
            if '"' in line or "\r" in line or line.count(",") != self._commas or line.count("\n") != 1:
                line = self._checked_line(values)
        self._stream.write(line)

    def finish(self) -> None:
        """Do nothing: a CSV file ends with its last row."""

    def _checked_line(self, values: list[Any]) -> str:
        """Return the line of a row that lacks values, or has text to be quoted."""
        for place in self._layout.rounded_places:
            if values[place] is not None:
                values[place] = f"{values[place]:.6f}"
        return csv_line(values)


def csv_line(values: Sequence[object]) -> str:
    r"""Return one line of CSV.

    The module csv quotes a field with a carriage return only if the line ends in one too; unquoted, readers would
    break the row there. So the line is written with ``\r\n``, which is then replaced.

    Examples
    --------
    >>> csv_line(["a\rb", 1, None])
    '"a\rb",1,\n'
    """
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue().removesuffix("\r\n") + "\n"
