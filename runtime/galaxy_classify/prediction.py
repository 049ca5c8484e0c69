"""Define the prediction for one input: one row of a result."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import Final, Literal, Self, get_args

Status = Literal["ok", "uncertain", "unfamiliar", "error"]
#: All of these, from the best to the worst.
STATUSES: Final[tuple[Status, ...]] = get_args(Status)


#: Between the classes of a prediction set, where it is text.
SET_SEPARATOR: Final = "|"

#: Files that a notebook shows beside a prediction, by suffix, and the most bytes that one may have.
SHOWN_BY_BROWSERS: Final = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp", ".gif": "gif"}
LARGEST_THUMBNAIL: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Prediction:
    """Class, probabilities and status that the classifier gives one input.

    Parameters
    ----------
    path : str
        The input's path or name, as it was given.
    status : {"ok", "uncertain", "unfamiliar", "error"}
        ``uncertain``: `confidence` is below the threshold, or no one would recognise the picture, and `message` says
        why. ``unfamiliar``: `familiarity` is below the minimum, so the class is no more than a guess, however confident
        the model is. ``error``: the input could not be classified, and `message` says why.
    model : str
        The model's name, ``@``, and the first 12 characters of its file's SHA-256.
    label : str or None
        The most probable class; None for an error.
    confidence : float or None
        Probability of `label`; None for an error.
    probabilities : mapping of str to float
        Probability of each class, in the model's order; empty for an error.
    message : str
        Reason for an error, or a remark about the input.
    familiarity : float or None
        How much the image is like those that the model can judge, 0 to 1; None for an error, or if the model does not
        say.
    coarse_label : str or None
        The more probable one of smooth and disk; None for an error, or if coarse classes are not asked for.
    coarse_confidence : float or None
        Its probability.
    prediction_set : tuple of str or None
        Classes that the input may belong to, the most probable first; None for an error, or if sets are not asked for.
    """

    path: str
    status: Status
    model: str
    label: str | None = None
    confidence: float | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    familiarity: float | None = None
    coarse_label: str | None = None
    coarse_confidence: float | None = None
    prediction_set: tuple[str, ...] | None = None

    def ranked(self) -> list[tuple[str, float]]:
        """Return the classes with their probabilities, the most probable first; empty for an error.

        Examples
        --------
        >>> Prediction("m51.jpg", "ok", "tiny@0", "spiral", 0.8, {"round": 0.2, "spiral": 0.8}).ranked()
        [('spiral', 0.8), ('round', 0.2)]
        """
        return sorted(self.probabilities.items(), key=lambda item: -item[1])

    def to_dict(self) -> dict[str, str | float | None]:
        """Return the prediction as a flat dictionary, with the names of a result file's columns.

        An error has no probabilities; with a model that gives none, `familiarity` is None. Coarse class and prediction
        set are included if they were asked for, but not for an error.

        Examples
        --------
        >>> Prediction("m51.jpg", "ok", "tiny@0", "spiral", 0.8, {"round": 0.2, "spiral": 0.8}).to_dict()["prob_round"]
        0.2
        """
        return {
            "path": self.path,
            "status": self.status,
            "label": self.label,
            "confidence": self.confidence,
            "familiarity": self.familiarity,
            **({} if self.coarse_label is None else self._coarse()),
            **({} if self.prediction_set is None else {"prediction_set": self.set_text}),
            **{f"prob_{name}": value for name, value in self.probabilities.items()},
            "message": self.message,
            "model": self.model,
        }

    def _coarse(self) -> dict[str, str | float | None]:
        return {"coarse_label": self.coarse_label, "coarse_confidence": self.coarse_confidence}

    @property
    def set_text(self) -> str | None:
        """The prediction set as result files have it: its classes, separated by ``|``."""
        return None if self.prediction_set is None else SET_SEPARATOR.join(self.prediction_set)

    def rounded(self) -> Self:
        """Return the prediction with probabilities and familiarity rounded to six decimals, as in result files.

        Examples
        --------
        >>> Prediction("m51.jpg", "ok", "tiny@0", "spiral", 2 / 3, {"spiral": 2 / 3}).rounded().confidence
        0.666667
        """
        return replace(
            self,
            confidence=None if self.confidence is None else round(self.confidence, 6),
            probabilities={name: round(value, 6) for name, value in self.probabilities.items()},
            familiarity=None if self.familiarity is None else round(self.familiarity, 6),
            coarse_confidence=None if self.coarse_confidence is None else round(self.coarse_confidence, 6),
        )

    def _repr_html_(self) -> str:
        """Show the prediction in a notebook: thumbnail, class, and a bar for each probability."""
        head = f"<b>{escape(self.path)}</b><br>{self.status}"
        if self.label is not None and self.confidence is not None:
            head += f": {escape(self.label)} ({self.confidence:.3f})"
        if self.familiarity is not None:
            head += f"<br>familiarity {self.familiarity:.3f}"
        if self.coarse_label is not None and self.coarse_confidence is not None:
            head += f"<br>{escape(self.coarse_label)} ({self.coarse_confidence:.3f})"
        if self.prediction_set is not None:
            head += f"<br>one of: {escape(', '.join(self.prediction_set))}"
        if self.message:
            head += f"<br>{escape(self.message)}"
        bar = "<div style='width:{:.0f}px;height:.7em;background:#3b6fd4'></div>"
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{bar.format(max(120 * value, 0))}</td><td>{value:.3f}</td></tr>"
            for name, value in self.ranked()
        )
        return (
            "<div style='display:flex;gap:1em;align-items:flex-start'>"
            f"{_thumbnail(self.path)}<div>{head}<table>{rows}</table><small>{escape(self.model)}</small></div></div>"
        )


def _thumbnail(path: str) -> str:
    """Return an image element for a small file that a browser can show; empty for any other input."""
    kind = SHOWN_BY_BROWSERS.get(os.path.splitext(path)[1].lower())
    try:
        # To open a pipe of such a name would block.
        if kind is None or not os.path.isfile(path) or os.path.getsize(path) > LARGEST_THUMBNAIL:
            return ""
        with open(path, "rb") as file:
            content = base64.b64encode(file.read(LARGEST_THUMBNAIL)).decode("ascii")
    except (OSError, ValueError):  # an image in memory, a member of an archive, or an impossible name
        return ""
    return f"<img style='width:8em' alt='' src='data:image/{kind};base64,{content}'>"
