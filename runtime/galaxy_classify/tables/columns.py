"""Describe table columns (name, type, unit, description), and convert values to types that every format can hold."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["bool", "int", "float", "float32", "text"]


@dataclass(frozen=True, slots=True)
class Column:
    """Column of a result file or a catalogue.

    Parameters
    ----------
    name : str
        Name of the column.
    kind : {"bool", "int", "float", "float32", "text"}
        Type of the values. Every kind of column may also hold None for a missing value.
    unit : str
        Unit of the values; empty if they have none.
    ucd : str
        Meaning of the values for astronomers' tools, in the IVOA's UCD1+ controlled vocabulary.
    description : str
        Meaning of the values, in words.
    """

    name: str
    kind: Kind = "text"
    unit: str = ""
    ucd: str = ""
    description: str = ""


def plain_value(value: Any, kind: Kind) -> Any:
    """Convert a value to one that JSON and CSV can hold.

    NaN is a missing value. JSON has no infinity: it becomes the text ``Infinity`` or ``-Infinity``, which readers of
    CSV and columns of numbers take for the number.
    """
    if value is None:
        return None
    if kind in ("float", "float32") and not isinstance(value, float):  # half precision, in NumPy's own type
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if kind == "float32":
        import numpy as np

        # 0.1 in single precision would become 0.10000000149011612: keep the shortest number with the same float32.
        return float(str(np.float32(value)))
    if kind != "text" or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    value = _without_arrays(value)
    return json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)


def _without_arrays(value: Any) -> Any:
    """Replace arrays, as cells of vectors may be, by lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_without_arrays(part) for part in value] if isinstance(value, list | tuple) else value


#: Key under which a file's metadata hold the provenance, as JSON.
PROVENANCE: Final = "galaxy_classify"


Row = dict[str, Any]
