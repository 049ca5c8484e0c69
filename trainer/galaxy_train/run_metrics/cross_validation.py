"""The record of a cross-validation, as stored in ``cross_validation.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from galaxy_train.run_metrics.data_sets import DataRecord
from galaxy_train.run_metrics.metrics import ClassificationMetrics
from galaxy_train.run_metrics.parameters import TrainingParameters


@dataclass(frozen=True, slots=True)
class EnsembleMetrics:
    """How several networks compare with each other and with the labels of images that none was trained on.

    Parameters
    ----------
    images : int
        Number of images.
    accuracy_of_each : list of float
        Accuracy of each network.
    accuracy_of_one : float
        Mean of these.
    accuracy_of_mean : float
        Accuracy of the mean of the networks' probabilities.
    agreement : float
        Share of the images that two networks give the same class, mean over all pairs.
    all_against_label : float
        Share of the images that all networks give the same class, which is not the label's.
    """

    images: int
    accuracy_of_each: list[float]
    accuracy_of_one: float
    accuracy_of_mean: float
    agreement: float
    all_against_label: float


@dataclass(frozen=True, slots=True)
class CrossValidationMetrics:
    """The record of a cross-validation, as stored in ``cross_validation.json``.

    Parameters
    ----------
    parameters : TrainingParameters
        Parameters of the training of each fold.
    data : DataRecord
        Training and test set.
    models : list of str
        SHA-256 of the network of each fold.
    out_of_fold : ClassificationMetrics
        Metrics of the out-of-fold predictions, over the images of full weight.
    accuracy_of_folds : list of float
        Accuracy of each fold.
    images, suspect : int
        Number of labels examined, and of those that look wrong.
    held_out : EnsembleMetrics or None
        The networks on the images that are held out of all folds; None if there are none.
    """

    parameters: TrainingParameters
    data: DataRecord
    models: list[str]
    out_of_fold: ClassificationMetrics
    accuracy_of_folds: list[float]
    images: int
    suspect: int
    held_out: EnsembleMetrics | None

    @property
    def standard_error(self) -> float:
        """Standard error of the out-of-fold accuracy."""
        accuracy = self.out_of_fold.accuracy
        return float((accuracy * (1 - accuracy) / self.out_of_fold.images) ** 0.5)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, in the order of ``cross_validation.json``."""
        return {
            "folds": len(self.models),
            "parameters": self.parameters.to_json(),
            "data": self.data.to_json(),
            "models": self.models,
            "out_of_fold": self.out_of_fold.to_json() | {"standard_error": self.standard_error},
            "accuracy_of_folds": self.accuracy_of_folds,
            "suspects": {"images": self.images, "suspect": self.suspect},
            "held_out": None if self.held_out is None else asdict(self.held_out),
        }
