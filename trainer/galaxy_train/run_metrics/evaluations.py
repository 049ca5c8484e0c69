"""The record of a later evaluation of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from galaxy_train.run_metrics.data_sets import SetRecord
from galaxy_train.run_metrics.fields import by_name, field_values, without_absent
from galaxy_train.run_metrics.metrics import ClassificationMetrics

#: Where conditions are bad, either this share of the rows with the status ok must be right …
OK_ACCURACY: Final = 0.85


#: … or no more than this share of all rows may have that status.
FEW_OK: Final = 0.10


#: Name of the images as they are, among those of changes.
UNCHANGED: Final = "unchanged"


@dataclass(frozen=True, slots=True)
class StatusMetrics:
    """Which statuses the rows of a labelled set get at the default thresholds.

    Parameters
    ----------
    ok, uncertain : float
        Share of the images with these statuses.
    unfamiliar : float or None
        Share of the images whose familiarity is too low; None for a network without familiarity.
    ok_accuracy : float or None
        Accuracy on the images that are ok; None if there are none.
    """

    ok: float
    uncertain: float
    unfamiliar: float | None
    ok_accuracy: float | None

    @property
    def keeps_rule(self) -> bool:
        """Whether the rows that are ok can be relied on, or are few."""
        return self.ok <= FEW_OK or (self.ok_accuracy is not None and self.ok_accuracy >= OK_ACCURACY)


@dataclass(frozen=True, slots=True)
class StressMetrics:
    """How good a network is on a labelled set whose images were changed.

    Parameters
    ----------
    accuracy : float
        Share of the images whose predicted class is the label.
    macro_recall : float
        Mean recall of the classes that occur.
    calibration_error : float
        Expected calibration error, 15 bins.
    confidence : float
        Mean confidence.
    status : StatusMetrics
        Statuses of the images.
    """

    accuracy: float
    macro_recall: float
    calibration_error: float
    confidence: float
    status: StatusMetrics

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the metrics of changed images."""
        values = field_values(cls, content)
        return cls(**values | {"status": StatusMetrics(**field_values(StatusMetrics, values["status"]))})


@dataclass(frozen=True, slots=True)
class OutOfClassMetrics:
    """What a network makes of images of one kind that belong to none of its classes.

    Parameters
    ----------
    images : int
        Number of images.
    auroc : float
        Chance that an image of the classes has the higher confidence.
    kept : dict
        Share of the images that reach a threshold, by threshold as text.
    familiarity_auroc : float or None
        Chance that an image of the classes has the higher familiarity; None for a network without it.
    unfamiliar, ok : float or None
        Share of the images with these statuses at the default thresholds; None for a network without familiarity.
    """

    images: int
    auroc: float
    kept: dict[str, float]
    familiarity_auroc: float | None = None
    unfamiliar: float | None = None
    ok: float | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the metrics of a kind."""
        return cls(**field_values(cls, content))

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as JSON values."""
        return without_absent(asdict(self), "familiarity_auroc", "unfamiliar", "ok")


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
    generated : dict or None
        The same of generated images.
    status : StatusMetrics or None
        Statuses of the images of that set; None for a network without familiarity.
    stress : dict or None
        `StressMetrics` by the name of a change to the images; None if not measured.
    """

    data: SetRecord
    figures: ClassificationMetrics
    out_of_class: dict[str, OutOfClassMetrics] | None = None
    generated: dict[str, OutOfClassMetrics] | None = None
    status: StatusMetrics | None = None
    stress: dict[str, StressMetrics] | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the record of an evaluation."""
        values = field_values(cls, content)
        status = values.get("status")
        return cls(
            SetRecord.from_json(values["data"]),
            ClassificationMetrics.from_json(values["figures"]),
            by_name(OutOfClassMetrics.from_json, values.get("out_of_class")),
            by_name(OutOfClassMetrics.from_json, values.get("generated")),
            None if status is None else StatusMetrics(**field_values(StatusMetrics, status)),
            by_name(StressMetrics.from_json, values.get("stress")),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        content = asdict(self) | {"data": self.data.to_json(), "figures": self.figures.to_json()}
        for name in ("out_of_class", "generated"):
            if (kinds := getattr(self, name)) is not None:
                content[name] = {kind: found.to_json() for kind, found in kinds.items()}
        return without_absent(content, "out_of_class", "generated", "status", "stress")
