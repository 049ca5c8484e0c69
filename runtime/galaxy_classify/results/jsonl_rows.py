"""Write rows as JSON Lines, and read them back to resume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from galaxy_classify.prediction import Prediction
from galaxy_classify.results.formats import RecordStream
from galaxy_classify.results.layout import DoneRow, RowLayout


def read_jsonl_rows(lines: Iterator[str], layout: RowLayout) -> Iterator[DoneRow]:
    """Read the rows of a JSON Lines file, up to a row that was cut off."""
    for line in lines:
        if not line.endswith("\n"):
            return
        yield DoneRow(*layout.parse(json.loads(line)), line)


class JsonlWriter:
    """Write a JSON object for each row, with the CSV's columns; a field without a value is null.

    Each row carries the provenance; None leaves it out, where a sidecar or the finished file records it.
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
        # File names that are not UTF-8 are lone surrogates; as ASCII escapes they survive any reader.
        line = json.dumps(rounded | self._extra, ensure_ascii=True, allow_nan=False)
        self._stream.write(line + "\n")

    def finish(self) -> None:
        """Do nothing: a JSON Lines file ends with its last row."""
