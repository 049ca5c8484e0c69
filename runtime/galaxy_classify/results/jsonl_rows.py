"""Write rows as JSON Lines, and read them back to resume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any, Final

from galaxy_classify.prediction import Prediction
from galaxy_classify.results.formats import RecordStream
from galaxy_classify.results.layout import DoneRow, RowLayout

#: File names that are not UTF-8 are lone surrogates; as ASCII escapes they survive any reader.
ENCODER: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False)

#: Where a row has its provenance.
PROVENANCE_KEY: Final = "provenance"


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
        forms = dict.fromkeys(layout.names, "%s")
        if provenance is not None:
            # A catalogue's column of that name gives way to it: "%.0s" takes the column's value and writes nothing.
            overwritten = "%.0s" if PROVENANCE_KEY in forms else ""
            forms[PROVENANCE_KEY] = json_text(provenance).replace("%", "%%") + overwritten
        items = (f"{json_text(name).replace('%', '%%')}: {form}" for name, form in forms.items())
        self._form = f"{{{', '.join(items)}}}\n"

    def start(self) -> None:
        """Do nothing: JSON Lines have no header."""

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one row, probabilities rounded to six decimals."""
        values = self._layout.values(prediction, carried)
        for place in self._layout.rounded_places:
            value = values[place]
            if isinstance(value, float):
                values[place] = round(value, 6)
        self._stream.write(self._form % tuple(map(json_text, values)))

    def finish(self) -> None:
        """Do nothing: a JSON Lines file ends with its last row."""


def json_text(value: object) -> str:
    r"""Return a value as JSON in ASCII; text and numbers, of which rows consist, without the detours of the module.

    Raises
    ------
    ValueError
        For a number that is not finite, which JSON has no text for.

    Examples
    --------
    >>> json_text("m\udcff.jpg"), json_text(0.25), json_text(None)
    ('"m\\udcff.jpg"', '0.25', 'null')
    """
    if type(value) is str:
        return encode_basestring_ascii(value)
    if type(value) is float and isfinite(value):
        return repr(value)
    return ENCODER.encode(value)
