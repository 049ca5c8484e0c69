"""Train a recipe and leave a run folder."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, TextIO

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.load import TrainingData
from galaxy_train.evaluation.calibration import fit_temperature
from galaxy_train.evaluation.evaluate import evaluate_model
from galaxy_train.evaluation.plots import plot_accuracy, plot_confusion_matrix, plot_reliability
from galaxy_train.networks.keras_model import predict_logits
from galaxy_train.networks.recipes import RECIPES, TEMPERATURE, Recipe
from galaxy_train.networks.symmetric import settle_statistics
from galaxy_train.run_folder import RunFolder
from galaxy_train.training.batches import training_batches
from galaxy_train.training.distillation import check_teachers, distil
from galaxy_train.training.parameters import FitParameters
from galaxy_train.training.progress import EpochReporter, HistoryWriter
from galaxy_train.training.refit import rehearsal_of
from galaxy_train.training.splits import Fold, divide, leave_out
from galaxy_train.training.targets import Lesson, targets, weights
from galaxy_train.training.warm_start import check_beginning, start_from

#: Epochs in which the learning rate of a cosine rises from nothing.
WARM_UP: Final = 2


@dataclass(frozen=True, slots=True)
class FitResult:
    """How a training ended.

    Parameters
    ----------
    metrics : dict
        What stands in ``metrics.json``.
    interrupted : bool
        Whether it was stopped before its last epoch.
    """

    metrics: dict[str, Any]
    interrupted: bool


def fit(
    data: TrainingData,
    run: RunFolder,
    parameters: FitParameters,
    progress: TextIO,
    *,
    init: RunFolder | None = None,
    teachers: Sequence[RunFolder] = (),
    unlabelled: NDArray[np.uint8] | None = None,
    refit: RunFolder | None = None,
    force: bool = False,
) -> FitResult:
    """Train a recipe, calibrate it, and leave a run folder.

    An interrupt (Ctrl-C) ends the training early: the run folder is then completed with the weights at hand, and its
    metrics say so.

    Parameters
    ----------
    data : TrainingData
        Training set, of which a part is held out for validation, and test set.
    run : RunFolder
        Where the results go.
    parameters : FitParameters
        What to train, and how.
    progress : text file
        Where a line an epoch, or a progress bar on a terminal, goes.
    init : RunFolder, optional
        Run whose weights are the beginning.
    teachers : sequence of RunFolder, optional
        Runs whose answers are among the targets.
    unlabelled : ndarray of uint8, shape (N, size, size, 3), optional
        Further images, which only the teachers have labelled.
    refit : RunFolder, optional
        The same training, for which a part was held out: now that part is trained on as well. The calibration is taken
        from that run, as there is nothing left to fit it on.
    force : bool
        Whether a run that is there already may be replaced.

    Returns
    -------
    FitResult
        The figures.

    Raises
    ------
    DataError
        If the data do not suit the recipe, the run folder exists, or the training diverged.
    KeyboardInterrupt
        If interrupted before the first epoch was done.
    """
    recipe = RECIPES[parameters.recipe]
    rehearsal = rehearsal_of(refit, data, parameters, teachers) if refit is not None else None
    fraction = parameters.validation_split if rehearsal is None else 0.0
    division = divide(data.train, recipe, fraction)
    if parameters.fold is not None:
        division = leave_out(Fold.parse(parameters.fold), division, data.train)
    train = data.train.subset(division.learnt)
    validation = data.train.subset(division.held_out) if len(division.held_out) else None
    keras.utils.set_random_seed(parameters.seed)
    tf.config.experimental.enable_op_determinism()
    model = recipe.build(train.images.shape[1], len(train.classes))
    if init is not None:
        check_beginning(init, data.train, recipe, fraction)
        start_from(model, init, train.classes)
    lesson = Lesson(train.images, targets(train, recipe), weights(train, parameters.balance))
    if teachers:
        if not recipe.label_smoothing:
            raise DataError(f"the recipe {parameters.recipe} learns from labels only, not from teachers")
        split = parameters.validation_split
        check_teachers(teachers, data, parameters.recipe, split, refit=rehearsal is not None)
        lesson = distil(lesson, division.learnt, teachers, data.train, unlabelled)
    run.create(force=force)

    _compile(model, recipe, parameters, len(lesson.images))
    interrupted = _run_epochs(model, lesson, validation, recipe, parameters, run, progress)
    history = run.read_history()
    if not history:
        raise KeyboardInterrupt
    if not math.isfinite(history[-1]["loss"]):
        raise DataError(f"{run.path}: the training diverged (the loss is not finite); try a lower --learning-rate")
    if recipe.augment:
        settle_statistics(model, _training_batches(lesson, parameters))
    temperature = _fitted_temperature(model, validation) if rehearsal is None else rehearsal["temperature"]
    if temperature is not None:
        model.get_layer(TEMPERATURE).scale = 1 / temperature
    # Without the optimizer, whose moments would triple the file.
    trained = keras.Model(model.input, model.output, name=model.name)
    trained.save(run.model)

    test, probabilities = evaluate_model(trained, data.test)
    metrics = {
        "recipe": parameters.recipe,
        "parameters": parameters.described(),
        "parameter_count": model.count_params(),
        "classes": list(train.classes),
        "epochs_completed": len(history),
        "interrupted": interrupted,
        "data": data.summary(),
        "last_epoch": history[-1],
        "temperature": temperature,
        "validation": evaluate_model(trained, validation)[0] if validation is not None else None,
        "refit_of": _short(rehearsal) if rehearsal is not None else None,
        "test": test,
        "model_sha256": run.model_sha256(),
        "versions": _versions(),
    }
    plot_accuracy(history, run.accuracy_plot)
    plot_confusion_matrix(test["confusion_matrix"], train.classes, run.confusion_plot)
    plot_reliability(data.test.labels, probabilities, run.reliability_plot)
    # Last, because a run folder with metrics is a complete one.
    run.write_metrics(metrics)
    return FitResult(metrics, interrupted)


def _short(rehearsal: dict[str, Any]) -> dict[str, Any]:
    """Return what a repetition keeps of the run that it repeats: all that is known from held-out images."""
    teachers = rehearsal["parameters"].get("teachers", [])
    return {key: rehearsal[key] for key in ("model_sha256", "validation")} | {"teachers": teachers}


def _compile(model: Any, recipe: Recipe, parameters: FitParameters, images: int) -> None:
    optimizer: Any
    if recipe.cosine:
        steps = math.ceil(images / parameters.batch_size)
        warm_up = min(WARM_UP, parameters.epochs - 1) * steps
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else parameters.learning_rate,
            parameters.epochs * steps - warm_up,
            warmup_target=parameters.learning_rate if warm_up else None,
            warmup_steps=warm_up,
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    else:
        optimizer = keras.optimizers.Adam(parameters.learning_rate)
    loss: Any
    if recipe.label_smoothing:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
        accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    else:
        loss = "sparse_categorical_crossentropy"
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy])
    # Variables that only come into being in the first step make TensorFlow trace that step twice, which takes seconds.
    optimizer.build(model.trainable_variables)


def _run_epochs(
    model: Any,
    lesson: Lesson,
    validation: GalaxyDataset | None,
    recipe: Recipe,
    parameters: FitParameters,
    run: RunFolder,
    progress: TextIO,
) -> bool:
    """Train, and return whether it was interrupted."""
    held_out = (validation.images, targets(validation, recipe)) if validation is not None else None
    reporter = EpochReporter(parameters.epochs, progress)
    options = {
        "epochs": parameters.epochs,
        "validation_data": held_out,
        "verbose": 0,
        "callbacks": [HistoryWriter(run.history), reporter],
    }
    try:
        if recipe.augment:
            model.fit(_training_batches(lesson, parameters), shuffle=False, **options)
        else:
            model.fit(
                lesson.images,
                lesson.targets,
                sample_weight=lesson.weights,
                batch_size=parameters.batch_size,
                shuffle=True,
                **options,
            )
    except KeyboardInterrupt:
        return True
    finally:
        reporter.close()
    return False


def _training_batches(lesson: Lesson, parameters: FitParameters) -> Any:
    return training_batches(lesson.images, lesson.targets, lesson.weights, parameters.batch_size, parameters.seed)


def _fitted_temperature(model: Any, validation: GalaxyDataset | None) -> float | None:
    """Return the temperature that suits the held-out part best; None where nothing was held out."""
    if validation is None:
        return None
    return fit_temperature(predict_logits(model, validation.images), validation.labels)


def _versions() -> dict[str, str]:
    packages = ("galaxy-classify", "tensorflow", "keras", "numpy", "h5py")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
