"""JSON Lines rows: write them, and read them back to resume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from galaxy_classify.prediction import Prediction
from galaxy_classify.results.formats import RecordStream
from galaxy_classify.results.layout import DoneRow, RowLayout


def read_jsonl_rows(lines: Iterator[str], layout: RowLayout) -> Iterator[DoneRow]:
    """Yield the whole rows of a JSON Lines file; one that was cut off ends them."""
    for line in lines:
        if not line.endswith("\n"):
            return
        yield DoneRow(*layout.parse(json.loads(line)), line)


class JsonlWriter:
    """JSON Lines: an object a row, with the CSV's columns and perhaps the provenance; what an error lacks is null.

    Parameters
    ----------
    stream : text file
        Where the rows go.
    layout : RowLayout
        The columns.
    provenance : dict or None
        What the rows were made with; None where that stands elsewhere.
    """

    def __init__(self, stream: RecordStream, layout: RowLayout, provenance: dict[str, Any] | None) -> None:
        self._stream = stream
        self._layout = layout
        self._own = frozenset(column.name for column in layout.own_columns)
        self._extra = {} if provenance is None else {"provenance": provenance}

    def start(self) -> None:
        """Do nothing: JSON Lines have no header."""

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one row, probabilities rounded to six decimals."""
        row = self._layout.row(prediction, carried)
        own = self._own
        rounded = {name: round(v, 6) if name in own and isinstance(v, float) else v for name, v in row.items()}
        # ASCII escapes carry file names that are not UTF-8 (as lone surrogates) through any reader.
        line = json.dumps(rounded | self._extra, ensure_ascii=True, allow_nan=False)
        self._stream.write(line + "\n")

    def finish(self) -> None:
        """Do nothing: a JSON Lines file ends with its last row."""
