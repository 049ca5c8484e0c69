"""The record of a training run, as stored in ``metrics.json``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from galaxy_classify.errors import DataError
from galaxy_train.run_metrics.data_sets import DataRecord
from galaxy_train.run_metrics.evaluations import EvaluationRecord
from galaxy_train.run_metrics.fields import by_name, field_values, without_absent
from galaxy_train.run_metrics.metrics import ClassificationMetrics, SetMetrics
from galaxy_train.run_metrics.parameters import TrainingParameters


@dataclass(frozen=True, slots=True)
class RefitRecord:
    """The run that was repeated on all images, and what is known from the images that it had held out.

    Parameters
    ----------
    model_sha256 : str
        Checksum of its network.
    validation : ClassificationMetrics
        Its metrics on the held-out images.
    teachers : tuple of str or None
        SHA-256 of its teachers; None in runs of versions that did not record them.
    """

    model_sha256: str
    validation: ClassificationMetrics
    teachers: tuple[str, ...] | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the record of the run that was repeated."""
        values = field_values(cls, content)
        teachers = values.get("teachers")
        known = {
            "validation": ClassificationMetrics.from_json(values["validation"]),
            "teachers": None if teachers is None else tuple(teachers),
        }
        return cls(**values | known)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        content = {"model_sha256": self.model_sha256, "validation": self.validation.to_json()}
        return content if self.teachers is None else content | {"teachers": list(self.teachers)}


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """The record of a training run.

    Parameters
    ----------
    recipe : str
        Name of the recipe.
    parameters : TrainingParameters
        Everything that the training depended on besides its data.
    parameter_count : int
        Number of weights of the network.
    classes : tuple of str
        Class names, in the order of the network's outputs.
    epochs_completed : int
        Passes over the training images that were completed.
    interrupted : bool
        Whether the training was stopped before its last epoch.
    data : DataRecord
        Training and test set.
    last_epoch : dict
        Last row of ``history.csv``.
    temperature : float or None
        Calibration temperature in the network; None if nothing was held out to fit it on.
    validation : ClassificationMetrics or None
        Metrics on the held-out images; None if there were none.
    refit_of : RefitRecord or None
        The run that this one repeats on all images, if it does.
    test : ClassificationMetrics
        Metrics on the test set.
    model_sha256 : str
        Checksum of ``model.keras``.
    versions : dict
        Versions of Python and of the packages involved.
    data_source : str or None
        Where the data were loaded from on the machine of the training, as an absolute path. It says nothing of the
        data themselves, and stays out of model files.
    evaluation : EvaluationRecord or None
        A later evaluation, if one was recorded.
    familiarity_shift : float or None
        Shift of the familiarity logit in the network; None for a network without familiarity.
    prediction_sets : dict or None
        `SetMetrics` on the test set by coverage, as text with two decimals; None if there are no predictions on
        held-out images.
    """

    recipe: str
    parameters: TrainingParameters
    parameter_count: int
    classes: tuple[str, ...]
    epochs_completed: int
    interrupted: bool
    data: DataRecord
    last_epoch: dict[str, float]
    temperature: float | None
    validation: ClassificationMetrics | None
    refit_of: RefitRecord | None
    test: ClassificationMetrics
    model_sha256: str
    versions: dict[str, str]
    data_source: str | None = None
    evaluation: EvaluationRecord | None = None
    familiarity_shift: float | None = None
    prediction_sets: dict[str, SetMetrics] | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the record of a run.

        Raises
        ------
        DataError
            If something is missing that every version has written.
        """
        if not isinstance(content, dict):
            raise DataError("is not a JSON object")
        values = field_values(cls, {"refit_of": None} | content)  # versions before --refit do not write it
        validation, refit_of, evaluation = (values.get(key) for key in ("validation", "refit_of", "evaluation"))
        records = {
            "parameters": TrainingParameters.from_json(values["parameters"]),
            "classes": tuple(values["classes"]),
            "data": DataRecord.from_json(values["data"]),
            "validation": None if validation is None else ClassificationMetrics.from_json(validation),
            "refit_of": None if refit_of is None else RefitRecord.from_json(refit_of),
            "test": ClassificationMetrics.from_json(values["test"]),
            "evaluation": None if evaluation is None else EvaluationRecord.from_json(evaluation),
            "prediction_sets": by_name(SetMetrics.from_json, values.get("prediction_sets")),
        }
        return cls(**values | records)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, in the order of ``metrics.json``."""
        content = {field.name: getattr(self, field.name) for field in fields(self)} | {"classes": list(self.classes)}
        records = {name: value.to_json() for name, value in content.items() if hasattr(value, "to_json")}
        if self.prediction_sets is not None:
            records["prediction_sets"] = {name: value.to_json() for name, value in self.prediction_sets.items()}
        optional = ("evaluation", "data_source", "familiarity_shift", "prediction_sets")
        return without_absent(content | records, *optional)

    @property
    def held_out(self) -> ClassificationMetrics | None:
        """Metrics on held-out images: of this run, or of the run that it repeats on all images."""
        return self.validation if self.refit_of is None else self.refit_of.validation

    @property
    def held_out_model_sha256(self) -> str:
        """Checksum of the network that had held images out: this one's, or that of the run that it repeats."""
        return self.model_sha256 if self.refit_of is None else self.refit_of.model_sha256
