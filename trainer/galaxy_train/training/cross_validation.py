"""Cross-validation: train one network per fold, and predict each labelled image out of fold.

The out-of-fold predictions measure a training on all of its images instead of a held-out part, and show which labels
look wrong. The networks show how much of the error their mean would cure, and can teach a student, each on the images
that it was not trained on.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.load import TrainingData
from galaxy_train.evaluation.label_noise import compare_networks, suspects
from galaxy_train.evaluation.metrics import classification_metrics
from galaxy_train.evaluation.plots import plot_confusion_matrix, plot_contact_sheet
from galaxy_train.networks.keras_model import load_model, predict
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.run_folder import CrossValidationFolder, RunFolder
from galaxy_train.run_metrics.cross_validation import CrossValidationMetrics
from galaxy_train.training.fit import fit
from galaxy_train.training.parameters import FitParameters
from galaxy_train.training.splits import Fold, TrainingSplit, assign_folds, has_full_weight, split_training_set

#: Images on the contact sheet of labels that look wrong.
SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class OutOfFoldPredictions:
    """Predictions on labelled images, each by the network of a fold that was not trained on it.

    Parameters
    ----------
    positions : ndarray of int, shape (N,)
        Positions of the images in the training set.
    folds : ndarray of int, shape (N,)
        Fold of each image, from 1.
    probabilities : ndarray of float32, shape (N, classes)
        Rows sum to 1.
    suspect : ndarray of bool, shape (N,)
        Whether the label looks wrong.
    """

    positions: NDArray[np.int64]
    folds: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    suspect: NDArray[np.bool_]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The predicted class index of each image."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best


def cross_validate(
    data: TrainingData,
    folder: CrossValidationFolder,
    parameters: FitParameters,
    count: int,
    progress: TextIO,
    announce: Callable[[str], None],
    *,
    force: bool = False,
) -> CrossValidationMetrics:
    """Train a network for each fold, and compare their predictions with the labels and with each other.

    A fold that is complete is not trained again, so that an interrupted cross-validation continues with the same call.

    Parameters
    ----------
    data : TrainingData
        Training set, of which a part may be held out from all folds, and test set, which is not used.
    folder : CrossValidationFolder
        Folder for the results, with a run folder for each fold.
    parameters : FitParameters
        Parameters of each training.
    count : int
        Number of folds, at least 2.
    progress : text file
        Stream for the progress of each training.
    announce : callable
        Called with a line before each fold.
    force : bool
        Whether folds of another training may be replaced.

    Returns
    -------
    CrossValidationMetrics
        The content of ``cross_validation.json``.

    Raises
    ------
    DataError
        If there are too few images of a class, the folder holds another training, or a training fails.
    KeyboardInterrupt
        If interrupted; complete folds are kept.
    """
    folder.check_free()
    split = split_training_set(data.train, RECIPES[parameters.recipe], parameters.validation_split)
    per_class = np.bincount(data.train.labels[split.training], minlength=len(data.train.classes))
    for name, images in zip(data.train.classes, per_class.tolist(), strict=True):
        if images < count:
            raise DataError(
                f"{data.train.file}: has {images:,} images of {name} to train on, too few for {count} folds"
            )
    runs = _train_folds(data, folder, parameters, count, progress, announce, force=force)

    networks = [load_model(run.model) for run in runs]
    predictions = _predict_out_of_fold(networks, data.train, split)
    full = has_full_weight(data.train)[predictions.positions]
    labels = data.train.labels[predictions.positions]
    correct = predictions.predicted == labels
    held_out = data.train.subset(split.held_out)
    pooled = classification_metrics(labels[full], predictions.probabilities[full], data.train.classes)
    metrics = CrossValidationMetrics(
        parameters=parameters,
        data=data.record(),
        models=[run.model_sha256() for run in runs],
        out_of_fold=pooled,
        accuracy_of_folds=[
            float(correct[full & (predictions.folds == number)].mean()) for number in range(1, count + 1)
        ],
        images=len(predictions.suspect),
        suspect=int(predictions.suspect.sum()),
        held_out=compare_networks(
            held_out.labels, np.stack([predict(network, held_out.images) for network in networks])
        )
        if len(held_out.images)
        else None,
    )
    _write_predictions(predictions, data.train, folder.predictions)
    plot_confusion_matrix(pooled.confusion_matrix, data.train.classes, folder.confusion_plot, "all folds")
    _plot_suspects(predictions, data.train, folder.suspects)
    folder.write_metrics(metrics)
    return metrics


def _train_folds(
    data: TrainingData,
    folder: CrossValidationFolder,
    parameters: FitParameters,
    count: int,
    progress: TextIO,
    announce: Callable[[str], None],
    *,
    force: bool,
) -> list[RunFolder]:
    """Train the folds that are not complete, and return the run folders of all."""
    runs = [folder.fold(number) for number in range(1, count + 1)]
    of_folds = [replace(parameters, fold=str(Fold(number, count))) for number in range(1, count + 1)]
    # Check all folds first: a mismatch in the last one must not show after hours of training.
    complete = [_is_complete(run, data, of_fold, force=force) for run, of_fold in zip(runs, of_folds, strict=True)]
    for number, (run, of_fold, is_complete) in enumerate(zip(runs, of_folds, complete, strict=True), start=1):
        if is_complete:
            announce(f"fold {number} of {count}: done before")
            continue
        announce(f"fold {number} of {count}")
        folder.metrics.unlink(missing_ok=True)  # it describes the folds that are about to change
        if fit(data, run, of_fold, progress, force=True).interrupted:
            announce(f"interrupted in fold {number}; the same command goes on with it")
            raise KeyboardInterrupt
    return runs


def _is_complete(run: RunFolder, data: TrainingData, parameters: FitParameters, *, force: bool) -> bool:
    """Tell whether a fold has been trained to its end with these data and parameters."""
    if not run.metrics.exists():
        return False
    run.check_complete()
    metrics = run.read_metrics()
    found = parameters.differences_from(metrics, data.train)
    if found and not force:
        raise DataError(f"{run.path}: is another training: {'; '.join(found)}; choose another --out, or use --force")
    return not found and not metrics.interrupted


def _predict_out_of_fold(networks: list[Any], train: GalaxyDataset, split: TrainingSplit) -> OutOfFoldPredictions:
    positions = split.training
    folds = assign_folds(len(networks), split, train)
    probabilities = np.empty((len(positions), len(train.classes)), np.float32)
    for number, network in enumerate(networks, start=1):
        of_fold = folds == number
        probabilities[of_fold] = predict(network, train.images[positions[of_fold]])
    return OutOfFoldPredictions(positions, folds, probabilities, suspects(train.labels[positions], probabilities))


def _write_predictions(predictions: OutOfFoldPredictions, train: GalaxyDataset, path: Path) -> None:
    labels, predicted = train.labels[predictions.positions], predictions.predicted
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [f"prob_{name}" for name in train.classes]
        writer.writerow(["image", "file", "label", "answer", "confidence", *names, "fold", "suspect"])
        for row, position in enumerate(predictions.positions.tolist()):
            probabilities = predictions.probabilities[row]
            writer.writerow(
                [
                    position,
                    train.names[position] if train.names is not None else "",
                    train.classes[labels[row]],
                    train.classes[predicted[row]],
                    *(f"{value:.6f}" for value in (probabilities.max(), *probabilities)),
                    predictions.folds[row],
                    str(bool(predictions.suspect[row])).lower(),
                ]
            )


def _plot_suspects(predictions: OutOfFoldPredictions, train: GalaxyDataset, path: Path) -> None:
    rows = np.flatnonzero(predictions.suspect)
    labels, predicted = train.labels[predictions.positions], predictions.predicted
    worst = rows[np.argsort(predictions.probabilities[rows, labels[rows]], kind="stable")][:SHOWN]
    captions = [
        f"{predictions.positions[row]}: {train.classes[labels[row]]}\n"
        f"{train.classes[predicted[row]]} {predictions.probabilities[row].max():.2f}"
        for row in worst
    ]
    title = f"{len(rows):,} labels look wrong, the worst {len(worst)}: position and label, below them the prediction"
    plot_contact_sheet(train.images[predictions.positions[worst]], captions, title, path)
