"""Tables and numbers in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def percent(value: float | None) -> str:
    """Return a share as a percentage, and a dash for one that is not known."""
    return "-" if value is None else f"{value:.1%}"


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a Markdown table, its first column to the left, the others to the right."""
    align = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(map(_cell, row)) + " |" for row in (head, align, *rows)]


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("|", "\\|")
