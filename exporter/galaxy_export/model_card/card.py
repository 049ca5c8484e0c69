"""Write the model card: what a model was trained on, how good it is, and what it must not be used for.

After Mitchell et al. 2019, "Model Cards for Model Reporting", FAT*.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from galaxy_classify.defaults import THRESHOLD
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.probabilities.class_mix import assumed_mix
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_export.model_card.markdown import percent, table
from galaxy_export.model_card.robustness import robustness_sections
from galaxy_train.run_metrics.metrics import ClassificationMetrics
from galaxy_train.run_metrics.runs import RunMetrics
from galaxy_train.training.parameters import FitParameters

#: Options of ``galaxy-train fit`` by the parameter that they set.
OPTIONS = {
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "validation_split": "--validation-split",
    "balance": "--balance",
    "augment": "--augment",
}


def model_card(
    name: str,
    version: str,
    metrics: RunMetrics,
    proof: dict[str, Any],
    preprocessing: Preprocessing,
    notes: str = "",
    held_out: HeldOut | None = None,
) -> str:
    """Write a model card from a run's metrics.

    Parameters
    ----------
    name, version : str
        Name and version that the model file states.
    metrics : RunMetrics
        The record of the run.
    proof : dict
        Results of the parity gate and of int8, as in the metadata of the model file.
    preprocessing : Preprocessing
        Crop and resize before the model.
    notes : str, optional
        Markdown about the origin of the data and the limits of use, which the metrics do not contain.
    held_out : HeldOut, optional
        Predictions on held-out images, which the model file carries.

    Returns
    -------
    str
        Markdown.
    """
    sections = [
        f"# Model card: {name} {version}\n",
        _use(metrics, preprocessing),
        *([notes.strip() + "\n"] if notes.strip() else []),
        _data(metrics),
        _training(metrics),
        _test(metrics.test),
        _calibration(metrics),
        _class_mix(metrics, held_out),
        _prediction_sets(metrics, held_out),
        *robustness_sections(metrics.evaluation),
        _export(proof),
        _reproduction(name, metrics, proof),
    ]
    return "\n".join(section for section in sections if section)


def _use(metrics: RunMetrics, preprocessing: Preprocessing) -> str:
    size = metrics.data.test.shape[1]
    hint = "only a low confidence hints at that"
    if metrics.familiarity_shift is not None:
        hint = "a low familiarity or a low confidence hints at that"
    untested = "It was not tested on cutouts of another framing, survey or stretch than those below"
    if metrics.evaluation is not None and metrics.evaluation.stress:
        untested = (
            "The section *Changed images* says how it does on images with another framing, sharpness or colours; "
            "on images of other surveys than those below it was not tested"
        )
    return (
        f"Classifies galaxy images as one of: {', '.join(f'`{name}`' for name in metrics.classes)}.\n\n"
        f"Images must be framed as in its training: it takes the central square of a cutout, and of that the central "
        f"{preprocessing.crop_fraction:.0%}, resized to {size} px ({preprocessing.resample}). Every image gets one of "
        f"these classes, even if it shows something else; {hint}. {untested}: label some of your own and run "
        "`galaxy-train evaluate` on them before you trust it there.\n"
    )


def _data(metrics: RunMetrics) -> str:
    data = metrics.data
    rows = [
        [part, f"`{found.file}`", *found.images_per_class.values(), f"`{found.sha256[:12]}`"]
        for part, found in (("train", data.train), ("test", data.test))
    ]
    lines = ["## Data\n", *table(["set", "file", *metrics.classes, "SHA-256"], rows)]
    lines.append(f"\nTrain and test set: {data.split}.")
    if data.train.weights is not None:
        weights = ", ".join(f"{count:,} of weight {weight}" for weight, count in data.train.weights.items())
        lines.append(f"Training images: {weights}.")
    if data.unreadable:
        lines.append(f"{len(data.unreadable):,} images could not be read and were left out.")
    return "\n".join(lines) + "\n"


def _training(metrics: RunMetrics) -> str:
    chosen = ", ".join(
        f"{name.replace('_', ' ')} {_parameter(value)}"
        for name, value in metrics.parameters.to_json().items()
        if value not in (None, [])
    )
    lines = [
        "## Training\n",
        f"{chosen}; {metrics.parameter_count:,} parameters; {metrics.epochs_completed} epochs done"
        f"{' (interrupted)' if metrics.interrupted else ''}.",
    ]
    held_out = metrics.held_out
    if held_out is not None and metrics.temperature is not None:
        lines.append(
            f"Temperature {metrics.temperature:.4f}, fitted on {held_out.images:,} held-out training images; "
            f"accuracy there {held_out.accuracy:.4f}."
        )
    if metrics.refit_of is not None:
        lines.append(
            "Temperature and accuracy are those of the same training without these images "
            f"(`{metrics.refit_of.model_sha256[:12]}`), which was then repeated with them."
        )
    lines.append("With " + ", ".join(f"{tool} {version}" for tool, version in metrics.versions.items()) + ".")
    return "\n".join(lines) + "\n"


def _parameter(value: Any) -> str:
    """Return a parameter as text; checksums are shortened, and a list is that of the teachers' checksums."""
    if isinstance(value, list):
        return " ".join(map(_parameter, value))
    return f"`{value[:12]}`" if isinstance(value, str) and len(value) == 64 else str(value)


def _measured(metrics: ClassificationMetrics, name: str) -> str:
    """Return a metric, with its standard error if that was measured."""
    error = (metrics.standard_errors or {}).get(name)
    return f"{getattr(metrics, name):.4f}" + ("" if error is None else f" ± {error:.4f}")


def _test(test: ClassificationMetrics) -> str:
    classes = list(test.recall)
    rows = [
        [name, percent(test.recall[name]), percent(test.precision[name]), *counts]
        for name, counts in zip(classes, test.confusion_matrix, strict=True)
    ]
    symmetry = []
    if test.symmetry_agreement is not None:
        symmetry = [
            f"In all eight orientations (right angles, mirrored or not), {test.symmetry_agreement:.2%} of the",
            "images keep their class.",
        ]
    return "\n".join(
        [
            f"## Metrics on the test set ({test.images:,} images)\n",
            f"Accuracy {_measured(test, 'accuracy')}, macro recall {_measured(test, 'macro_recall')}.",
            *symmetry,
            "",
            *table(["true class", "recall", "precision", *(f"as {name}" for name in classes)], rows),
            "",
        ]
    )


def _calibration(metrics: RunMetrics) -> str:
    test = metrics.test
    rows: list[list[str]] = []
    for name, part in (("held-out training images", metrics.held_out), ("test set", test)):
        if part is not None:
            kept = part.kept.values()
            rows.append([f"{name}: kept", *(percent(row.coverage) for row in kept)])
            rows.append([f"{name}: accuracy of those", *(percent(row.accuracy) for row in kept)])
    return "\n".join(
        [
            "## Calibration\n",
            f"Expected calibration error (15 bins) {_measured(test, 'calibration_error')}, negative log-likelihood",
            f"{test.negative_log_likelihood:.4f}, Brier score {test.brier_score:.4f}. What a threshold on the",
            f"confidence keeps (the default is {THRESHOLD}):\n",
            *table(["threshold", *test.kept], rows),
            "",
        ]
    )


def _class_mix(metrics: RunMetrics, held_out: HeldOut | None) -> str:
    if held_out is None or held_out.missing_classes(metrics.classes):
        return ""
    assumed, counts = assumed_mix(held_out).fractions, held_out.counts()
    rows = [
        ["held-out galaxies", *counts.tolist()],
        ["their fractions (`--prior train`)", *map(percent, (counts / len(held_out)).tolist())],
        ["fractions that the probabilities assume", *map(percent, assumed.tolist())],
    ]
    return "\n".join(
        [
            "## Class mix\n",
            "Probabilities hold for galaxies with the class mix of the training; with `--prior`, for another one.\n",
            *table(["", *metrics.classes], rows),
            "",
        ]
    )


def _prediction_sets(metrics: RunMetrics, held_out: HeldOut | None) -> str:
    if held_out is None or not metrics.prediction_sets:
        return ""
    rows = [
        [
            percent(float(asked)),
            f"{percent(found.coverage)} ± {percent(found.standard_error)}",
            f"{found.mean_size:.2f}",
            *map(percent, found.by_class.values()),
        ]
        for asked, found in metrics.prediction_sets.items()
    ]
    return "\n".join(
        [
            "## Prediction sets\n",
            f"`--sets P` gives the classes that hold the true one at least so often, calibrated on {len(held_out):,}",
            "held-out galaxies. On the test set, over all classes and of each:\n",
            *table(["asked for", "true class in the set", "classes in a set", *metrics.classes], rows),
            "",
        ]
    )


def _export(proof: dict[str, Any]) -> str:
    lines = [
        "## The ONNX file is the trained network\n",
        f"Compared with Keras on {proof['images']:,} images (`{proof['images_from']}`): a probability differs by at",
        f"most {proof['largest_probability_difference']:.1e}, the limit is {proof['probability_tolerance']:.0e}; "
        f"{proof['class_agreement']:.2%} of the classes agree.",
    ]
    if "int8" in proof:
        loss = proof["int8"]
        lines.append(
            f"int8 against float32: {loss['agreement']:.2%} of the classes agree, accuracy {loss['accuracy']:.4f} "
            f"(float32 {loss['float_accuracy']:.4f}),"
        )
        lines.append(
            f"expected calibration error {loss['calibration_error']:.4f} (float32 "
            f"{loss['float_calibration_error']:.4f})."
        )
    return "\n".join(lines) + "\n"


def _reproduction(name: str, metrics: RunMetrics, proof: dict[str, Any]) -> str:
    fit = ["galaxy-train", "fit", "--data", "DIR", "--recipe", metrics.recipe]
    parameters, usual = metrics.parameters, FitParameters.of_recipe(metrics.recipe)
    for parameter, option in OPTIONS.items():
        value = getattr(parameters, parameter)
        if value != getattr(usual, parameter):
            fit += [option, str(value)]
    if metrics.data.train.weights is not None:
        fit += ["--weights", "WEIGHTS.csv"]
    if parameters.init is not None:
        fit += ["--init", "EARLIER_RUN"]
    teachers = parameters.teachers
    if parameters.unlabelled is not None:
        fit += ["--unlabelled", "UNLABELLED.hdf5"]
    if parameters.outliers is not None:
        fit += ["--outliers", "OUTLIERS"]
    fit += ["--seed", str(parameters.seed)]
    taught = [*fit, *_teacher_options(teachers, "TEACHER")]
    run, fits = "RUN", [[*taught, "--out", "RUN"]]
    if parameters.fold is not None:
        number, _, count = parameters.fold.partition("/")
        fits = [["galaxy-train", "cross-validate", "--folds", count, *fit[2:], "--out", "FOLDS"]]
        run = f"FOLDS/fold{number}"
    if metrics.refit_of is not None:
        # Teachers may have been repeated on all images, too.
        again = "TEACHER" if metrics.refit_of.teachers in (None, teachers) else "REPEATED_TEACHER"
        repeated = [*fit, *_teacher_options(teachers, again), "--refit", "HELD_OUT_RUN"]
        fits = [[*taught, "--out", "HELD_OUT_RUN"], [*repeated, "--out", "RUN"]]
    convert = ["galaxy-export", "convert", run, "-o", f"{name}.onnx", "--images", "DIR"]
    if "int8" in proof:
        convert.append("--int8")
    commands = "\n".join(map(shlex.join, [*fits, convert]))
    return f"## To reproduce it\n\n```sh\n{commands}\n```\n"


def _teacher_options(teachers: Sequence[str], name: str) -> list[str]:
    return [word for number, _ in enumerate(teachers, start=1) for word in ("--teacher", f"{name}_{number}")]
