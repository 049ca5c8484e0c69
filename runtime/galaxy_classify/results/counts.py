"""Count the rows of a run by status and class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from galaxy_classify.prediction import Prediction, Status


@dataclass(slots=True)
class RunCounts:
    """Numbers of rows so far.

    Parameters
    ----------
    statuses : Counter
        Inputs by status.
    labels : Counter
        Classified inputs by class, uncertain ones included. An unfamiliar one counts for no class, as its class is no
        more than a guess.
    kept : int
        Rows of an earlier run that were kept.
    changed : bool
        Whether not all of that run's rows could be kept, because the inputs have changed since.
    familiarity : bool
        Whether the model gives familiarity, so that the summary names the unfamiliar inputs.
    """

    statuses: Counter[Status] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    changed: bool = False
    familiarity: bool = False

    def add(self, prediction: Prediction) -> None:
        """Count one prediction."""
        self.statuses[prediction.status] += 1
        if prediction.label is not None and prediction.status != "unfamiliar":
            self.labels[prediction.label] += 1

    @property
    def total(self) -> int:
        """Inputs so far."""
        return self.statuses.total()

    @property
    def classified(self) -> int:
        """Inputs that have a class, uncertain ones included."""
        return self.statuses["ok"] + self.statuses["uncertain"]

    @property
    def failed(self) -> int:
        """Inputs that could not be classified."""
        return self.statuses["error"]

    def summary(self) -> str:
        """Return the counts in one line.

        Examples
        --------
        >>> counts = RunCounts()
        >>> counts.add(Prediction("m51.jpg", "ok", "galaxy-mlp@0", "unbarred_spiral", 0.9))
        >>> counts.summary()
        '1 image: 1 classified (0 of them uncertain), 0 failed'
        >>> counts.familiarity = True
        >>> counts.summary()
        '1 image: 1 classified (0 of them uncertain), 0 unfamiliar, 0 failed'
        """
        unfamiliar = f", {self.statuses['unfamiliar']:,} unfamiliar" if self.familiarity else ""
        return (
            f"{self.total:,} image{'' if self.total == 1 else 's'}: {self.classified:,} classified "
            f"({self.statuses['uncertain']:,} of them uncertain){unfamiliar}, {self.failed:,} failed"
        )
