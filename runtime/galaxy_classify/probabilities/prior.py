"""The class mix of a survey, for which probabilities are to hold: by name, from a file, or as fractions."""

from __future__ import annotations

import csv
import io
import json
import math
import reprlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import UsageError
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_classify.text import did_you_mean

#: Key of a sidecar under which a run's estimated class mix stands, and in it the key of the fractions.
CLASS_MIX: Final = "class_mix"
FRACTIONS: Final = "fractions"
#: Smallest fraction of a class: with none at all, no galaxy could ever belong to it.
SMALLEST: Final = 1e-4
#: Decimals of fractions, here and in sidecars.
DECIMALS: Final = 6
#: Most characters of a file that is read as a class mix, so that a wrong one does not fill the memory.
MOST_CHARACTERS: Final = 1_000_000


class PriorName(StrEnum):
    """Class mixes that need no file."""

    UNIFORM = "uniform"
    TRAIN = "train"


def resolve_prior(
    prior: str | Mapping[str, float], classes: Sequence[str], held_out: HeldOut
) -> tuple[tuple[str, float], ...]:
    """Return the fraction of each class, in the model's order; they sum to 1, but for rounding.

    Raises
    ------
    UsageError
        If a class is missing or unknown, or a fraction is no number above 0.
    """
    if isinstance(prior, str):
        if prior not in list(PriorName):
            raise UsageError(f"prior is {prior!r}, it must be {', '.join(PriorName)} or the fraction of each class")
        fractions = held_out.counts() / len(held_out) if prior == PriorName.TRAIN else np.ones(len(classes))
    else:
        fractions = _checked(prior, classes)
    return tuple(zip(classes, _normalised(fractions).round(DECIMALS).tolist(), strict=True))


def _normalised(fractions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return fractions that sum to 1, but for rounding, none of them below `SMALLEST`.

    Fractions that are so already stay as they are: those of an earlier run, so that it can be continued.
    """
    if fractions.max() > 1 or abs(fractions.sum() - 1) > len(fractions) * 10.0**-DECIMALS:
        fractions = fractions / fractions.max()  # first, for very large ones sum to infinity
        fractions = fractions / fractions.sum()
    while (fractions < SMALLEST).any():
        rest = 1 - SMALLEST * (fractions <= SMALLEST).sum()
        others = fractions > SMALLEST
        fractions = np.where(others, fractions * rest / fractions[others].sum(), SMALLEST)
    return fractions


def fractions_of(prior: tuple[tuple[str, float], ...]) -> NDArray[np.float64]:
    """Return the fractions alone, shape (classes,)."""
    return np.array([fraction for _, fraction in prior])


def reweight(probabilities: NDArray[np.floating], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply the probabilities of each class, shape (N, classes), by its factor, and make each row sum to 1 again.

    Examples
    --------
    >>> reweight(np.array([[0.5, 0.5]]), np.array([3.0, 1.0])).tolist()
    [[0.75, 0.25]]
    """
    weighted = probabilities * factors
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


def read_prior(path: str) -> dict[str, Any]:
    """Read a class mix from a file: JSON with a number for each class, a result's sidecar, or CSV (class,fraction).

    Raises
    ------
    UsageError
        If it cannot be read, or is none of these.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            content = file.read(MOST_CHARACTERS + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UsageError(
            f"--prior {path}: cannot be read: {reason}; name a file, or one of {', '.join(PriorName)}, estimate"
        ) from None
    if len(content) > MOST_CHARACTERS:
        raise UsageError(f"--prior {path}: is longer than {MOST_CHARACTERS:,} characters, which is no class mix")
    if not content.lstrip().startswith("{"):
        return _read_csv(path, content)
    try:
        found = json.loads(content, object_pairs_hook=lambda pairs: _without_repeats(path, pairs))
    except (ValueError, RecursionError):
        raise UsageError(f"--prior {path}: is damaged, it is not JSON") from None
    if "options" in found and "model" in found:
        mix = found.get(CLASS_MIX)
        if not isinstance(mix, dict) or not isinstance(mix.get(FRACTIONS), dict):
            raise UsageError(f"--prior {path}: this sidecar has no estimated class mix")
        # A class that a run has none of is estimated as 0.
        return {name: SMALLEST if value == 0 else value for name, value in mix[FRACTIONS].items()}
    return dict(found)


def _without_repeats(path: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"--prior {path}: gives {repeated!r} twice")
    return found


def _read_csv(path: str, content: str) -> dict[str, Any]:
    rows = csv.DictReader(io.StringIO(content, newline=""))
    try:
        if not {"class", "fraction"} <= set(rows.fieldnames or ()):
            raise UsageError(f"--prior {path}: is neither JSON nor CSV with the columns class and fraction")
        return _fractions_in(path, rows)
    except csv.Error as error:
        raise UsageError(f"--prior {path}: is damaged, it is not CSV: {error}") from None


def _fractions_in(path: str, rows: csv.DictReader[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        try:
            fraction = float(row["fraction"])
        except (TypeError, ValueError):
            raise UsageError(f"--prior {path}: line {rows.line_num} has no number as fraction") from None
        if row["class"] is None:
            raise UsageError(f"--prior {path}: line {rows.line_num} names no class")
        if row["class"] in found:
            raise UsageError(f"--prior {path}: line {rows.line_num} gives {row['class']!r} a second fraction")
        found[row["class"]] = fraction
    return found


def _checked(prior: Mapping[str, Any], classes: Sequence[str]) -> NDArray[np.float64]:
    if not isinstance(prior, Mapping):
        raise UsageError(f"prior is {type(prior).__name__}, it must be a name or the fraction of each class")
    for name, value in prior.items():
        if name not in classes:
            hint = did_you_mean(str(name), classes)
            raise UsageError(f"prior of {name!r}: {hint}the model has the classes {', '.join(classes)}")
        if not 0 < _number(value) < math.inf:
            raise UsageError(f"prior of {name!r} is {reprlib.repr(value)}, it must be a finite number above 0")
    if missing := [name for name in classes if name not in prior]:
        raise UsageError(f"the prior has no fraction of {', '.join(missing)}; give a rare class a small one")
    return np.array([float(prior[name]) for name in classes])


def _number(value: object) -> float:
    """Return a number as a float, infinity for one that is too large; 0 for what is no number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return 0.0
    try:
        return float(value)
    except OverflowError:
        return math.inf
