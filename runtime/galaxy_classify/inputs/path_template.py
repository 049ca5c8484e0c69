"""Make the path of an image from the columns of its row in a catalogue."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.images.fits.band_files import is_joined
from galaxy_classify.inputs.remote import is_remote
from galaxy_classify.inputs.source import Unreadable
from galaxy_classify.tables.csv_table import INTEGER, NUMBER
from galaxy_classify.text import did_you_mean

#: Widest field of a format; a longer path would be too long for any file system.
MOST_CHARACTERS: Final = 4096


@dataclass(frozen=True, slots=True)
class Part:
    """Text of a template, and the column that follows it; None after the last."""

    text: str
    column: str | None
    index: int
    spec: str


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path with the names of columns in braces, as in ``cutouts/{objid}.jpg``.

    A column may have a format, as ``str.format`` has them: ``{plate:04d}``. Braces in the path itself are doubled.
    """

    text: str
    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, text: str, columns: Sequence[str]) -> PathTemplate:
        """Read a template; `columns` are the names of the table's columns.

        Raises
        ------
        UsageError
            If it is not of this form, names no column, or one that the table does not have.
        """
        try:
            found = list(Formatter().parse(text))
        except ValueError as error:
            raise UsageError(f"--path-template {text!r}: {error}; braces that are no column are doubled") from None
        parts = []
        for literal, column, spec, conversion in found:
            if column is None:
                parts.append(Part(literal, None, 0, ""))
                continue
            if column not in columns:
                hint = did_you_mean(column, columns)
                raise UsageError(
                    f"--path-template {text!r}: the catalogue has no column {column!r}; {hint}"
                    f"it has {', '.join(columns) or 'none'}"
                )
            if conversion is not None or "{" in (spec or "") or _is_too_wide(spec or ""):
                raise UsageError(f"--path-template {text!r}: {column} takes a format as in {{{column}:05d}}, no other")
            parts.append(Part(literal, column, columns.index(column), spec or ""))
        if all(part.column is None for part in parts):
            raise UsageError(f"--path-template {text!r}: names no column, so that all rows would have the same path")
        return cls(text, tuple(parts))

    def fill(self, row: Sequence[Any]) -> str | Unreadable:
        """Return the path for a row of the table, or why it has none.

        Raises
        ------
        UsageError
            If a value would lead out of the folder that the template names.
        """
        path = ""
        for part in self.parts:
            path += part.text
            if part.column is None:
                continue
            value = row[part.index]
            if value is None or value == "":
                return Unreadable(f"the catalogue has no {part.column} here, which --path-template needs")
            try:
                text = format(_number(value) if part.spec else value, part.spec)
            except (ValueError, TypeError, OverflowError):
                return Unreadable(f"{part.column} is {value!r}, which does not fit {{{part.column}:{part.spec}}}")
            if _steps_up(text) or "\0" in text or (not path and os.path.isabs(text)):
                raise UsageError(f"{part.column} is {value!r}, which leads out of the folder of --path-template")
            path += text
        # A dot of one column and that of another, or of the template, make two.
        if (steps := _steps_up(path)) and steps > _steps_up("x".join(part.text for part in self.parts)):
            raise UsageError(f"{path!r} leads out of the folder of --path-template")
        if is_remote(path) and not is_remote(self.text):
            raise UsageError(f"{path!r} is an address, which --path-template does not begin with")
        return path


def is_there(path: str) -> bool:
    """Tell whether there is a file of this name, as far as that can be known without reading anything from afar."""
    return is_remote(path) or is_joined(path) or os.path.lexists(path)


def _steps_up(path: str) -> int:
    """Return how often a path leads to the folder above."""
    return re.split(r"[/\\]", path).count("..") if ".." in path else 0


def _number(value: Any) -> Any:
    """Return the number that a cell of a CSV file stands for; 007 is none, as it would lose its zeros."""
    if isinstance(value, str) and INTEGER.fullmatch(value):
        return int(value)
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value


def _is_too_wide(spec: str) -> bool:
    return any(int(number) > MOST_CHARACTERS for number in re.findall("[0-9]+", spec))
