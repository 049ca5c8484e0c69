"""Learn from other networks: their answers as targets, also for images that nobody has labelled.

A label says which class most volunteers saw; a teacher's probabilities say in addition which others were close, and are
less noisy where teachers are averaged. A small network learns more from them than from the labels alone
(Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.load import TrainingData
from galaxy_train.networks.keras_model import load_model, predict
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.run_folder import RunFolder
from galaxy_train.training.refit import has_seen_all
from galaxy_train.training.splits import Fold, divide, divided_alike, not_seen
from galaxy_train.training.targets import Lesson

#: Of a labelled image's target, the teachers' part. The rest is the label.
TEACHERS_SHARE: Final = 0.5


#: How much an unlabelled image counts, where a labelled one counts 1 on average.
UNLABELLED_WEIGHT: Final = 0.5


def check_teachers(
    teachers: Sequence[RunFolder],
    data: TrainingData,
    recipe: str,
    validation_split: float,
    *,
    refit: bool = False,
) -> None:
    """Check that teachers suit the data, before anything is trained.

    Parameters
    ----------
    teachers : sequence of RunFolder
        Finished runs.
    data : TrainingData
        What the pupil is trained on.
    recipe : str
        The pupil's.
    validation_split : float
        Part of the data that is held out.
    refit : bool, optional
        Whether the pupil is trained on that, too: then teachers may have been.

    Raises
    ------
    DataError
        If a teacher has other classes or sizes, or was trained on images that are held out from the pupil: what it
        has seen of them would reach the pupil, and flatter the figures on them.
    """
    for teacher in teachers:
        teacher.check_complete()
        metrics = teacher.read_metrics()
        if tuple(metrics["classes"]) != data.train.classes:
            raise DataError(f"{teacher.path}: its classes are {metrics['classes']}, those of the data are others")
        recorded = metrics["data"]["train"]
        if recorded["shape"][1:] != list(data.train.images.shape[1:]):
            raise DataError(f"{teacher.path}: was trained on images of {recorded['shape'][1]} px, these have others")
        knows_too_much = has_seen_all(metrics) and not refit
        if knows_too_much or not divided_alike(metrics, data.train, RECIPES[recipe], validation_split):
            raise DataError(
                f"{teacher.path}: was trained on other images, or held out others; a teacher must be a run with the "
                "same --data, --weights and --validation-split, without --refit, and not of the recipe mlp, which "
                "holds out others"
            )
    silent = ~np.any([speaks(teacher, data.train) for teacher in teachers], axis=0)
    if silent.any():
        raise DataError(
            f"{teachers[0].path}: is of a cross-validation of which other folds are missing: "
            f"{silent.sum():,} images have no teacher that has not learnt from them"
        )


def distil(
    lesson: Lesson,
    positions: NDArray[np.integer[Any]],
    teachers: Sequence[RunFolder],
    train: GalaxyDataset,
    unlabelled: NDArray[np.uint8] | None,
) -> Lesson:
    """Put the teachers' answers into the targets, and add images without labels.

    Parameters
    ----------
    lesson : Lesson
        Labelled images, their targets as probabilities.
    positions : ndarray of int
        Where in the training set these images stand.
    teachers : sequence of RunFolder
        Finished runs with the same classes.
    train : GalaxyDataset
        Training set.
    unlabelled : ndarray of uint8, shape (N, size, size, 3), or None
        Further images.

    Returns
    -------
    Lesson
        With the mean of the teachers in the targets: of those that `speaks` names for each image.
    """
    networks = [load_model(teacher.model) for teacher in teachers]
    spoken = [speaks(teacher, train)[positions] for teacher in teachers]
    asked = np.zeros((len(positions), len(train.classes)), np.float32)
    for network, who in zip(networks, spoken, strict=True):
        asked[who] += predict(network, lesson.images[who])
    asked /= np.sum(spoken, axis=0)[:, np.newaxis]
    targets = (1 - TEACHERS_SHARE) * lesson.targets + TEACHERS_SHARE * asked
    if unlabelled is None:
        return Lesson(lesson.images, targets.astype(np.float32), lesson.weights)
    weights = lesson.weights if lesson.weights is not None else np.ones(len(lesson.images), np.float32)
    further = np.full(len(unlabelled), UNLABELLED_WEIGHT, np.float32)
    everything = np.concatenate([weights / weights.mean(), further])
    answers = np.mean([predict(network, unlabelled) for network in networks], axis=0)
    return Lesson(
        np.concatenate([lesson.images, unlabelled]),
        np.concatenate([targets, answers]).astype(np.float32),
        everything / everything.mean(),
    )


def speaks(teacher: RunFolder, train: GalaxyDataset) -> NDArray[np.bool_]:
    """Tell which labelled images a teacher is asked about.

    Parameters
    ----------
    teacher : RunFolder
        A finished run.
    train : GalaxyDataset
        Training set.

    Returns
    -------
    ndarray of bool, shape (N,)
        All; of a cross-validation's network those that it has not learnt from, so that what it says of a label is not
        what it has been told.
    """
    metrics = teacher.read_metrics()
    parameters = metrics["parameters"]
    if parameters.get("fold") is None:
        return np.ones(len(train.images), bool)
    division = divide(train, RECIPES[metrics["recipe"]], parameters["validation_split"])
    return not_seen(Fold.parse(parameters["fold"]), division, train)
