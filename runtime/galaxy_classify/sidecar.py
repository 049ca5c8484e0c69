"""Sidecars: what stands beside a result, or in its folder, and says what it was made with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from galaxy_classify.record_file import RecordFile

#: Under this name a sidecar says how well the rows agree with labels, besides what they were made with.
EVALUATION: Final = "evaluation"


def write_sidecar(path: str, content: dict[str, Any]) -> None:
    """Write a sidecar.

    Parameters
    ----------
    path : str
        The file.
    content : dict
        Ready for JSON.
    """
    with RecordFile(path) as file:
        file.write(json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_sidecar(path: str) -> dict[str, Any] | None:
    """Return what a sidecar says, or None if it is missing or damaged."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield what two nested descriptions disagree on, in words.

    Examples
    --------
    >>> list(differences({"options": {"threshold": 0.6}}, {"options": {"threshold": 0.7}}))
    ['options threshold was 0.6, now it is 0.7']
    """
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{prefix}{key} ")
        elif old != new:
            yield f"{prefix}{key} was {old}, now it is {new}"
