"""The record of how good a network is on a labelled set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from galaxy_train.run_metrics.fields import field_values, without_absent


@dataclass(frozen=True, slots=True)
class ThresholdMetrics:
    """What a threshold on the confidence keeps.

    Parameters
    ----------
    coverage : float
        Share of the images that reach the threshold.
    accuracy : float or None
        Accuracy on those; None if there are none.
    """

    coverage: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class SetMetrics:
    """How good prediction sets of one coverage are on a labelled set.

    Parameters
    ----------
    coverage : float
        Share of the images whose set holds the label.
    standard_error : float
        Of this share.
    mean_size : float
        Mean number of classes in a set.
    by_class : dict
        Coverage by class name; None where there is no image of a class.
    """

    coverage: float
    standard_error: float
    mean_size: float
    by_class: dict[str, float | None]

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the metrics of one coverage."""
        return cls(**field_values(cls, content))

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ClassificationMetrics:
    """How good a network is on a labelled set.

    Parameters
    ----------
    images : int
        Number of images.
    accuracy : float
        Share of the images whose predicted class is the label.
    macro_recall : float
        Mean recall of the classes that occur.
    recall, precision : dict
        By class name; None where there is nothing to count.
    confusion_matrix : list of list of int
        Counts; rows are true classes, columns predicted ones.
    calibration_error : float
        Expected calibration error, 15 bins.
    negative_log_likelihood : float
        Mean, in nats.
    brier_score : float
        From 0 to 2.
    kept : dict
        `ThresholdMetrics` by threshold, as text with two decimals.
    symmetry_agreement : float or None
        Share of the images that keep their class in all eight orientations; None if not measured.
    standard_errors : dict or None
        Of accuracy, macro recall and calibration error, by the name of the field; None in records of versions that did
        not measure them.
    """

    images: int
    accuracy: float
    macro_recall: float
    recall: dict[str, float | None]
    precision: dict[str, float | None]
    confusion_matrix: list[list[int]]
    calibration_error: float
    negative_log_likelihood: float
    brier_score: float
    kept: dict[str, ThresholdMetrics]
    symmetry_agreement: float | None = None
    standard_errors: dict[str, float] | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the metrics of a set."""
        values = field_values(cls, content)
        kept = {
            threshold: ThresholdMetrics(**field_values(ThresholdMetrics, row))
            for threshold, row in values["kept"].items()
        }
        return cls(**values | {"kept": kept})

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as JSON values."""
        return without_absent(asdict(self), "symmetry_agreement", "standard_errors")
