"""The record of a later evaluation of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from galaxy_train.run_metrics.data_sets import SetRecord
from galaxy_train.run_metrics.fields import field_values, without_absent
from galaxy_train.run_metrics.metrics import ClassificationMetrics


@dataclass(frozen=True, slots=True)
class OutOfClassMetrics:
    """How confident a network is of images of one kind that belong to none of its classes.

    Parameters
    ----------
    images : int
        Number of images.
    auroc : float
        Chance that an image of the classes has the higher confidence.
    kept : dict
        Share of the images that reach a threshold, by threshold as text.
    """

    images: int
    auroc: float
    kept: dict[str, float]


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """A later evaluation of a run (``galaxy-train evaluate --record``).

    Parameters
    ----------
    data : SetRecord
        What it was evaluated on.
    figures : ClassificationMetrics
        The metrics on that set; the name is that of the JSON key.
    out_of_class : dict or None
        `OutOfClassMetrics` by kind of image; None if not measured.
    """

    data: SetRecord
    figures: ClassificationMetrics
    out_of_class: dict[str, OutOfClassMetrics] | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the record of an evaluation."""
        values = field_values(cls, content)
        kinds = values.get("out_of_class")
        return cls(
            SetRecord.from_json(values["data"]),
            ClassificationMetrics.from_json(values["figures"]),
            None
            if kinds is None
            else {kind: OutOfClassMetrics(**field_values(OutOfClassMetrics, found)) for kind, found in kinds.items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        content = asdict(self) | {"data": self.data.to_json(), "figures": self.figures.to_json()}
        return without_absent(content, "out_of_class")
