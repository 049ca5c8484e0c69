"""Cross-validation: each labelled image is answered by a network that has not learnt from it.

It tells how good a training is, from all images instead of a held-out part; which labels look wrong; how much of the
error a mean of several networks could cure; and its networks are teachers that do not repeat the labels they were told.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.load import TrainingData
from galaxy_train.evaluation.label_noise import spread, suspects
from galaxy_train.evaluation.metrics import figures
from galaxy_train.evaluation.plots import plot_confusion_matrix, plot_contact_sheet
from galaxy_train.networks.keras_model import load_model, predict
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.run_folder import CrossValidationFolder, RunFolder
from galaxy_train.training.fit import fit
from galaxy_train.training.parameters import FitParameters
from galaxy_train.training.splits import Division, Fold, counts_in_full, divide, folds_of

#: Images on the contact sheet of labels that look wrong.
SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Answers:
    """What networks say of labelled images that they have not learnt from.

    Parameters
    ----------
    positions : ndarray of int, shape (N,)
        The images, as positions in the training set.
    folds : ndarray of int, shape (N,)
        Number of the fold that each was in, from 1.
    probabilities : ndarray of float32, shape (N, classes)
        The answers.
    suspect : ndarray of bool, shape (N,)
        Whether the label looks wrong.
    """

    positions: NDArray[np.int64]
    folds: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    suspect: NDArray[np.bool_]


def cross_validate(
    data: TrainingData,
    folder: CrossValidationFolder,
    parameters: FitParameters,
    count: int,
    progress: TextIO,
    announce: Callable[[str], None],
    *,
    force: bool = False,
) -> dict[str, Any]:
    """Train a network for each fold, and see what all of them say.

    A fold that is there already is not trained again, so that the same call goes on where one was interrupted.

    Parameters
    ----------
    data : TrainingData
        Training set, of which a part may be held out from all folds, and test set, which is left alone.
    folder : CrossValidationFolder
        Where the results go, with a run folder for each fold.
    parameters : FitParameters
        What to train, and how.
    count : int
        Number of folds, at least 2.
    progress : text file
        Where a line an epoch, or a progress bar on a terminal, goes.
    announce : callable
        Takes a line before each fold.
    force : bool
        Whether folds of another training may be replaced.

    Returns
    -------
    dict
        What stands in ``cross_validation.json``.

    Raises
    ------
    DataError
        If there are too few images of a class, the folder holds another training, or a training fails.
    KeyboardInterrupt
        If interrupted; the folds that are done stay.
    """
    folder.check_free()
    division = divide(data.train, RECIPES[parameters.recipe], parameters.validation_split)
    few = np.bincount(data.train.labels[division.learnt], minlength=len(data.train.classes))
    for name, images in zip(data.train.classes, few.tolist(), strict=True):
        if images < count:
            raise DataError(
                f"{data.train.file}: has {images:,} images of {name} to learn from, too few for {count} folds"
            )
    runs = _train_folds(data, folder, parameters, count, progress, announce, force=force)

    networks = [load_model(run.model) for run in runs]
    answers = _ask(networks, data.train, division)
    full = counts_in_full(data.train)[answers.positions]
    labels = data.train.labels[answers.positions]
    held_out = data.train.subset(division.held_out)
    pooled = figures(labels[full], answers.probabilities[full], data.train.classes)
    accuracy = pooled["accuracy"]
    found = {
        "folds": count,
        "parameters": parameters.described(),
        "data": data.summary(),
        "models": [run.model_sha256() for run in runs],
        "out_of_fold": pooled | {"standard_error": (accuracy * (1 - accuracy) / pooled["images"]) ** 0.5},
        "accuracy_of_folds": [
            float((answers.probabilities.argmax(axis=1) == labels)[full & (answers.folds == number)].mean())
            for number in range(1, count + 1)
        ],
        "suspects": {"images": len(answers.suspect), "suspect": int(answers.suspect.sum())},
        "held_out": spread(held_out.labels, np.stack([predict(network, held_out.images) for network in networks]))
        if len(held_out.images)
        else None,
    }
    _write_answers(answers, data.train, folder.answers)
    plot_confusion_matrix(pooled["confusion_matrix"], data.train.classes, folder.confusion_plot, "all folds")
    _plot_suspects(answers, data.train, folder.suspects)
    folder.summary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


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
    """Train what is not there yet, and return the run folders of all folds."""
    runs = [folder.fold(number) for number in range(1, count + 1)]
    of_folds = [replace(parameters, fold=str(Fold(number, count))) for number in range(1, count + 1)]
    # All are looked at before any is trained.
    done = [_is_done(run, data, of_fold, force=force) for run, of_fold in zip(runs, of_folds, strict=True)]
    for number, (run, of_fold, is_done) in enumerate(zip(runs, of_folds, done, strict=True), start=1):
        if is_done:
            announce(f"fold {number} of {count}: done before")
            continue
        announce(f"fold {number} of {count}")
        folder.summary.unlink(missing_ok=True)  # until it is true again
        if fit(data, run, of_fold, progress, force=True).interrupted:
            announce(f"interrupted in fold {number}; the same command goes on with it")
            raise KeyboardInterrupt
    return runs


def _is_done(run: RunFolder, data: TrainingData, parameters: FitParameters, *, force: bool) -> bool:
    """Tell whether a fold has been trained to its end."""
    if not run.metrics.exists():
        return False
    run.check_complete()
    metrics = run.read_metrics()
    found = parameters.differences_from(metrics, data.train)
    if found and not force:
        raise DataError(f"{run.path}: is another training: {'; '.join(found)}; choose another --out, or use --force")
    return not found and not metrics["interrupted"]


def _ask(networks: list[Any], train: GalaxyDataset, division: Division) -> Answers:
    learnt = division.learnt
    folds = folds_of(len(networks), division, train)
    probabilities = np.empty((len(learnt), len(train.classes)), np.float32)
    for number, network in enumerate(networks, start=1):
        mine = folds == number
        probabilities[mine] = predict(network, train.images[learnt[mine]])
    return Answers(learnt, folds, probabilities, suspects(train.labels[learnt], probabilities))


def _write_answers(answers: Answers, train: GalaxyDataset, path: Path) -> None:
    labels = train.labels[answers.positions]
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [f"prob_{name}" for name in train.classes]
        writer.writerow(["image", "file", "label", "answer", "confidence", *names, "fold", "suspect"])
        for row, position in enumerate(answers.positions.tolist()):
            own = answers.probabilities[row]
            writer.writerow(
                [
                    position,
                    train.names[position] if train.names is not None else "",
                    train.classes[labels[row]],
                    train.classes[own.argmax()],
                    *(f"{value:.6f}" for value in (own.max(), *own)),
                    answers.folds[row],
                    str(bool(answers.suspect[row])).lower(),
                ]
            )


def _plot_suspects(answers: Answers, train: GalaxyDataset, path: Path) -> None:
    rows = np.flatnonzero(answers.suspect)
    labels = train.labels[answers.positions]
    worst = rows[np.argsort(answers.probabilities[rows, labels[rows]], kind="stable")][:SHOWN]
    captions = [
        f"{answers.positions[row]}: {train.classes[labels[row]]}\n"
        f"{train.classes[answers.probabilities[row].argmax()]} {answers.probabilities[row].max():.2f}"
        for row in worst
    ]
    title = f"{len(rows):,} labels look wrong, the worst {len(worst)}: position and label, below it the answer"
    plot_contact_sheet(train.images[answers.positions[worst]], captions, title, path)
