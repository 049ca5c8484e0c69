"""The record of a training run, as stored in ``metrics.json``: parameters, data sets, metrics, checksums, versions.

Each record is written with ``to_json`` and read with ``from_json``. A key that earlier versions did not write takes the
field's default. A key that this version does not know is ignored, except among the training parameters: two trainings
that differ in an unknown parameter would look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Self

from galaxy_classify.errors import DataError


@dataclass(frozen=True, slots=True)
class TrainingParameters:
    """Everything that a training depends on besides its data.

    Parameters
    ----------
    recipe : str
        Name of the recipe.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images per step.
    learning_rate : float
        Highest learning rate of Adam or AdamW.
    validation_split : float
        Fraction of the training set that is held out, chosen as the recipe says; 0 for none.
    balance : float
        0 weighs every image alike, 1 weighs every class alike; values between are a power of the class weights.
    seed : int
        Seed of initial weights, shuffling, dropout and augmentation. The held-out images are the same for all seeds.
    init : str or None
        SHA-256 of the network that a warm start took its weights from.
    teachers : tuple of str
        SHA-256 of each teacher network.
    unlabelled : str or None
        SHA-256 of the file with unlabelled images for the distillation.
    fold : str or None
        In a cross-validation, the fold that is left out as well, for example ``"2/5"``.
    augment : {"plain", "wide"}
        Whether images change as those of one survey differ, or a part of them as those of different surveys do.
    outliers : str or None
        SHA-256 of the given outliers for the familiarity.
    """

    recipe: str
    epochs: int
    batch_size: int
    learning_rate: float
    validation_split: float = 0.2
    balance: float = 0.0
    seed: int = 0
    init: str | None = None
    teachers: tuple[str, ...] = ()
    unlabelled: str | None = None
    fold: str | None = None
    augment: str = "plain"
    outliers: str | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the parameters of a run.

        Raises
        ------
        DataError
            If a parameter is missing, or is not known to this version.
        """
        values = _values(cls, content)
        if unknown := content.keys() - values.keys():
            raise DataError(f"has parameters that this version does not know: {', '.join(sorted(unknown))}")
        return cls(**values | {"teachers": tuple(values.get("teachers", ()))})

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as JSON values."""
        return asdict(self) | {"teachers": list(self.teachers)}


@dataclass(frozen=True, slots=True)
class SetRecord:
    """A data set that a run was trained or tested on.

    Parameters
    ----------
    file : str
        Name of the file or folder.
    sha256 : str
        Checksum of the file; for image files, of pixels and labels.
    shape : tuple of int
        Shape of the image array: (N, height, width, 3).
    images_per_class : dict
        Number of images by class name.
    weights : dict or None
        Number of images by weight, as text; None if all weigh alike.
    """

    file: str
    sha256: str
    shape: tuple[int, ...]
    images_per_class: dict[str, int]
    weights: dict[str, int] | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the record of a data set."""
        values = _values(cls, content)
        return cls(**values | {"shape": tuple(values["shape"])})

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return _without_absent(asdict(self) | {"shape": list(self.shape)}, "weights")


@dataclass(frozen=True, slots=True)
class DataRecord:
    """Training and test set of a run.

    Parameters
    ----------
    train, test : SetRecord
        The two sets.
    split : str
        How they were split, in words.
    split_seed : int
        Seed of a random split.
    unreadable : list of dict
        ``file`` and ``reason`` of each image file that was left out.
    """

    train: SetRecord
    test: SetRecord
    split: str
    split_seed: int
    unreadable: list[dict[str, str]]

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the record of a training and a test set."""
        values = _values(cls, content)
        sets = {name: SetRecord.from_json(values[name]) for name in ("train", "test")}
        return cls(**values | sets)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self) | {"train": self.train.to_json(), "test": self.test.to_json()}


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

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the metrics of a set."""
        values = _values(cls, content)
        kept = {
            threshold: ThresholdMetrics(**_values(ThresholdMetrics, row)) for threshold, row in values["kept"].items()
        }
        return cls(**values | {"kept": kept})

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as JSON values."""
        return _without_absent(asdict(self), "symmetry_agreement")


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
        values = _values(cls, content)
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
        values = _values(cls, content)
        kinds = values.get("out_of_class")
        return cls(
            SetRecord.from_json(values["data"]),
            ClassificationMetrics.from_json(values["figures"]),
            None
            if kinds is None
            else {kind: OutOfClassMetrics(**_values(OutOfClassMetrics, found)) for kind, found in kinds.items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        content = asdict(self) | {"data": self.data.to_json(), "figures": self.figures.to_json()}
        return _without_absent(content, "out_of_class")


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
        values = _values(cls, {"refit_of": None} | content)  # versions before --refit do not write it
        validation, refit_of, evaluation = (values.get(key) for key in ("validation", "refit_of", "evaluation"))
        records = {
            "parameters": TrainingParameters.from_json(values["parameters"]),
            "classes": tuple(values["classes"]),
            "data": DataRecord.from_json(values["data"]),
            "validation": None if validation is None else ClassificationMetrics.from_json(validation),
            "refit_of": None if refit_of is None else RefitRecord.from_json(refit_of),
            "test": ClassificationMetrics.from_json(values["test"]),
            "evaluation": None if evaluation is None else EvaluationRecord.from_json(evaluation),
        }
        return cls(**values | records)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, in the order of ``metrics.json``."""
        content = {field.name: getattr(self, field.name) for field in fields(self)} | {"classes": list(self.classes)}
        records = {name: value.to_json() for name, value in content.items() if hasattr(value, "to_json")}
        content |= records
        for name in ("evaluation", "data_source", "familiarity_shift"):
            content = _without_absent(content, name)
        return content

    @property
    def held_out(self) -> ClassificationMetrics | None:
        """Metrics on held-out images: of this run, or of the run that it repeats on all images."""
        return self.validation if self.refit_of is None else self.refit_of.validation

    @property
    def held_out_model_sha256(self) -> str:
        """Checksum of the network that had held images out: this one's, or that of the run that it repeats."""
        return self.model_sha256 if self.refit_of is None else self.refit_of.model_sha256


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


def _values(record: type, content: Any) -> dict[str, Any]:
    """Return the values of a record's fields from a JSON object; fields with a default may be missing."""
    if not isinstance(content, Mapping):
        raise DataError("is damaged: a part of it is no JSON object")
    values = {}
    for field in fields(record):
        if field.name in content:
            values[field.name] = content[field.name]
        elif field.default is MISSING:
            raise DataError(f"has no {field.name}")
    return values


def _without_absent(content: dict[str, Any], key: str) -> dict[str, Any]:
    """Leave out an optional key that has no value."""
    return {name: value for name, value in content.items() if name != key or value is not None}
