"""One row of results: what the classifier says about one input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

Status = Literal["ok", "uncertain", "error"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says about one input.

    Parameters
    ----------
    path : str
        The input, spelled as it was given.
    status : {"ok", "uncertain", "error"}
        ``uncertain``: the best guess has a confidence below the threshold.
        ``error``: no class was found, and `message` says why.
    model : str
        The exact model: its name, ``@``, and the first 12 characters of its file's SHA-256.
    label : str or None
        The most probable class; None for an error.
    confidence : float or None
        Probability of `label`; None for an error.
    probabilities : mapping of str to float
        Class to probability, in the model's order; empty for an error.
    message : str
        Why there is no class, or what else should be known about the input.
    """

    path: str
    status: Status
    model: str
    label: str | None = None
    confidence: float | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    message: str = ""

    def ranked(self) -> list[tuple[str, float]]:
        """Return classes and their probabilities, the most probable first; none for an error.

        Examples
        --------
        >>> Prediction("m51.jpg", "ok", "tiny@0", "spiral", 0.8, {"round": 0.2, "spiral": 0.8}).ranked()
        [('spiral', 0.8), ('round', 0.2)]
        """
        return sorted(self.probabilities.items(), key=lambda item: -item[1])

    def rounded(self) -> Self:
        """Return the prediction with the six decimals that probabilities have in result files.

        Examples
        --------
        >>> Prediction("m51.jpg", "ok", "tiny@0", "spiral", 2 / 3, {"spiral": 2 / 3}).rounded().confidence
        0.666667
        """
        return replace(
            self,
            confidence=None if self.confidence is None else round(self.confidence, 6),
            probabilities={name: round(value, 6) for name, value in self.probabilities.items()},
        )
