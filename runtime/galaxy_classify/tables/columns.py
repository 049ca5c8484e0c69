"""Columns of a table: name, type, unit and description, and values that every format can hold."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["bool", "int", "float", "float32", "text"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result or a catalogue.

    Parameters
    ----------
    name : str
        Its name.
    kind : {"bool", "int", "float", "float32", "text"}
        Type of its values, each of which may also be None.
    unit : str
        Unit of its values; empty if they have none.
    ucd : str
        What they are in terms that astronomers' tools understand: words of the IVOA's UCD1+ controlled vocabulary.
    description : str
        What they are, in words.
    """

    name: str
    kind: Kind = "text"
    unit: str = ""
    ucd: str = ""
    description: str = ""


def plain_value(value: Any, kind: Kind) -> Any:
    """Return a value as one that JSON and CSV can hold."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if kind == "float32":
        import numpy as np

        return float(str(np.float32(value)))  # the shortest number that is this one in single precision
    if kind != "text" or isinstance(value, str):
        return value
    return json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)


#: Under this name a file says what it was made with, as JSON.
PROVENANCE: Final = "galaxy_classify"


Row = dict[str, Any]
