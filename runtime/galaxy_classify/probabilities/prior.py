"""The class mix of a survey, for which probabilities are to hold: by name, from a file, or as fractions."""

from __future__ import annotations

import csv
import json
import math
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
    # Those of an earlier run sum to 1 already, but for rounding: they stay as they are, so that it can be continued.
    if abs(fractions.sum() - 1) > len(classes) * 10.0**-DECIMALS:
        fractions = fractions / fractions.sum()
    rounded = np.maximum(fractions, SMALLEST).round(DECIMALS)
    return tuple(zip(classes, rounded.tolist(), strict=True))


def fractions_of(prior: tuple[tuple[str, float], ...]) -> NDArray[np.float64]:
    """Return the fractions alone, shape (classes,)."""
    return np.array([fraction for _, fraction in prior])


def read_prior(path: str) -> dict[str, Any]:
    """Read a class mix from a file: JSON with a number for each class, a result's sidecar, or CSV (class,fraction).

    Raises
    ------
    UsageError
        If it cannot be read, or is none of these.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            content = file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UsageError(
            f"--prior {path}: cannot be read: {reason}; name a file, or one of {', '.join(PriorName)}, estimate"
        ) from None
    if not content.lstrip().startswith("{"):
        return _read_csv(path, content)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise UsageError(f"--prior {path}: is damaged, it is not JSON") from None
    if "options" in found and "model" in found:
        mix = found.get(CLASS_MIX)
        if not isinstance(mix, dict) or not isinstance(mix.get(FRACTIONS), dict):
            raise UsageError(f"--prior {path}: this sidecar has no estimated class mix")
        found = mix[FRACTIONS]
    return dict(found)


def _read_csv(path: str, content: str) -> dict[str, Any]:
    rows = csv.DictReader(content.splitlines())
    if not {"class", "fraction"} <= set(rows.fieldnames or ()):
        raise UsageError(f"--prior {path}: is neither JSON nor CSV with the columns class and fraction")
    found: dict[str, Any] = {}
    for row in rows:
        try:
            fraction = float(row["fraction"])
        except (TypeError, ValueError):
            raise UsageError(f"--prior {path}: line {rows.line_num} has no number as fraction") from None
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
        if isinstance(value, bool) or not isinstance(value, Real) or not (0 < float(value) < math.inf):
            raise UsageError(f"prior of {name!r} is {value!r}, it must be a number above 0")
    if missing := [name for name in classes if name not in prior]:
        raise UsageError(f"the prior has no fraction of {', '.join(missing)}; give a rare class a small one")
    return np.array([float(prior[name]) for name in classes])
