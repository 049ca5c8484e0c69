"""Thresholds of confidence: one for all classes, and others for some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Final

from galaxy_classify.defaults import THRESHOLD
from galaxy_classify.errors import UsageError
from galaxy_classify.text import did_you_mean

#: Stands for all other classes, where some have thresholds of their own.
OTHERS: Final = "*"


def parse_thresholds(text: str) -> float | dict[str, float]:
    """Read the value of ``--threshold``: a number, or ``CLASS=P`` for some classes, with or without a number.

    Raises
    ------
    ValueError
        If it is neither; the message says why.

    Examples
    --------
    >>> parse_thresholds("0.7"), parse_thresholds("0.6,smooth_cigar=0.8")
    (0.7, {'*': 0.6, 'smooth_cigar': 0.8})
    """
    thresholds: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        name = name if equals else OTHERS
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{number!r} is not a number between 0 and 1")
        if not name or name in thresholds:
            raise ValueError(f"{part!r}: {'it names no class' if not name else 'there are two such thresholds'}")
        thresholds[name] = value
    return thresholds[OTHERS] if list(thresholds) == [OTHERS] else thresholds


def thresholds_of(threshold: float | Mapping[str, float], classes: Sequence[str]) -> tuple[float, ...]:
    """Return the threshold of each class.

    Raises
    ------
    UsageError
        If one is outside 0 to 1, or names no class.
    """
    given: Mapping[str, Any] = threshold if isinstance(threshold, Mapping) else {OTHERS: threshold}
    for name, value in given.items():
        if name != OTHERS and name not in classes:
            hint = did_you_mean(str(name), classes)
            raise UsageError(f"threshold of {name!r}: {hint}the model has the classes {', '.join(classes)}")
        if isinstance(value, bool) or not isinstance(value, Real):
            raise UsageError(f"threshold is {value!r}, it must be a number")
        if not 0.0 <= float(value) <= 1.0:
            raise UsageError(f"threshold is {value}, it must be between 0 and 1")
    others = given.get(OTHERS, THRESHOLD)
    return tuple(float(given.get(name, others)) for name in classes)
