"""Train a recipe and leave a run folder."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, TextIO

import keras
import tensorflow as tf

from galaxy_classify.errors import DataError
from galaxy_train.dataset import GalaxyDataset
from galaxy_train.evaluate import evaluate_model
from galaxy_train.plots import plot_accuracy, plot_confusion_matrix
from galaxy_train.recipes import RECIPES
from galaxy_train.reporting import EpochReporter, HistoryWriter
from galaxy_train.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class FitParameters:
    """Everything that a training depends on besides the data.

    The defaults are the seed's: GalaxyMNIST's MLP, 50 epochs, batches of 1000, Adam.

    Parameters
    ----------
    recipe : str
        Name in `RECIPES`.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images a step.
    learning_rate : float
        Adam's.
    validation_split : float
        Fraction of the training images, the last ones in the file, that is held out; 0 for none.
    seed : int
        Seed of weights, shuffling and dropout.
    """

    recipe: str = "mlp"
    epochs: int = 50
    batch_size: int = 1000
    learning_rate: float = 0.0015
    validation_split: float = 0.2
    seed: int = 0


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
    train: GalaxyDataset,
    test: GalaxyDataset,
    run: RunFolder,
    parameters: FitParameters,
    progress: TextIO,
    *,
    force: bool = False,
) -> FitResult:
    """Train a recipe and leave a run folder.

    An interrupt (Ctrl-C) ends the training early: the run folder is then completed with the weights at hand, and its
    metrics say so.

    Parameters
    ----------
    train, test : GalaxyDataset
        Training set, whose last part is held out for validation, and test set.
    run : RunFolder
        Where the results go.
    parameters : FitParameters
        What to train, and how.
    progress : text file
        Where a line an epoch, or a progress bar on a terminal, goes.
    force : bool
        Whether a run that is there already may be replaced.

    Returns
    -------
    FitResult
        The figures.

    Raises
    ------
    DataError
        If the data sets do not fit each other, the run folder exists, or the training diverged.
    KeyboardInterrupt
        If interrupted before the first epoch was done.
    """
    if test.images.shape[1:] != train.images.shape[1:]:
        raise DataError(
            f"{test.file}: images are {test.images.shape[1:]}, those of {train.file} {train.images.shape[1:]}"
        )
    if int(len(train.images) * (1 - parameters.validation_split)) < 1:
        raise DataError(f"{train.file}: {len(train.images)} images leave none to train on beside the validation part")
    run.create(force=force)

    model = _train_ready_model(train, parameters)
    interrupted = _run_epochs(model, train, parameters, run, progress)
    history = run.read_history()
    if not history:
        raise KeyboardInterrupt
    if not math.isfinite(history[-1]["loss"]):
        raise DataError(f"{run.path}: the training diverged (the loss is not finite); try a lower --learning-rate")
    # Without the optimizer, whose moments would triple the file.
    keras.Model(model.input, model.output, name=model.name).save(run.model)

    metrics = {
        "recipe": parameters.recipe,
        "parameters": asdict(parameters),
        "parameter_count": model.count_params(),
        "classes": list(train.classes),
        "epochs_completed": len(history),
        "interrupted": interrupted,
        "data": {"train": train.summary(), "test": test.summary()},
        "last_epoch": history[-1],
        "test": evaluate_model(model, test),
        "model_sha256": run.model_sha256(),
        "versions": _versions(),
    }
    plot_accuracy(history, run.accuracy_plot)
    plot_confusion_matrix(metrics["test"]["confusion_matrix"], train.classes, run.confusion_plot)
    # Last, because a run folder with metrics is a complete one.
    run.write_metrics(metrics)
    return FitResult(metrics, interrupted)


def _train_ready_model(train: GalaxyDataset, parameters: FitParameters) -> Any:
    keras.utils.set_random_seed(parameters.seed)
    tf.config.experimental.enable_op_determinism()
    build: Callable[[int, int], Any] = RECIPES[parameters.recipe]
    model = build(train.images.shape[1], len(train.classes))
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=parameters.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _run_epochs(model: Any, train: GalaxyDataset, parameters: FitParameters, run: RunFolder, progress: TextIO) -> bool:
    """Train, and return whether it was interrupted."""
    reporter = EpochReporter(parameters.epochs, progress)
    try:
        model.fit(
            train.images,
            train.labels,
            batch_size=parameters.batch_size,
            epochs=parameters.epochs,
            validation_split=parameters.validation_split,
            shuffle=True,
            verbose=0,
            callbacks=[HistoryWriter(run.history), reporter],
        )
    except KeyboardInterrupt:
        return True
    finally:
        reporter.close()
    return False


def _versions() -> dict[str, str]:
    packages = ("galaxy-classify", "tensorflow", "keras", "numpy", "h5py")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
