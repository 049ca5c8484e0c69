"""Distillation: train a student network on the predictions of teacher networks as well as on labels.

A label names the class that most volunteers saw. A teacher's probabilities also tell which other classes were close,
and the mean of several teachers is less noisy than a label, so that a small student gains accuracy (Hinton, Vinyals &
Dean 2015, "Distilling the Knowledge in a Neural Network"). Teachers can label further images as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.load import TrainingData
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.teachers import Teacher
from galaxy_train.training.splits import Fold, has_seen_held_out, is_of_same_data, split_training_set, unseen_images
from galaxy_train.training.targets import TrainingExamples

#: Share of the teachers' mean prediction in the target of a labelled image; the rest is the label.
TEACHERS_SHARE: Final = 0.5


#: Sample weight of an unlabelled image, relative to the mean weight of the labelled ones.
UNLABELLED_WEIGHT: Final = 0.5


def check_teachers(
    teachers: Sequence[Teacher],
    data: TrainingData,
    recipe: str,
    validation_split: float,
    *,
    refit: bool = False,
) -> None:
    """Check that teachers suit the data, before anything is trained.

    Parameters
    ----------
    teachers : sequence of Teacher
        Trained networks.
    data : TrainingData
        Data of the student.
    recipe : str
        Recipe of the student.
    validation_split : float
        Fraction of the training set that is held out from the student.
    refit : bool, optional
        Whether the student is trained on that as well; then its teachers may have been, too.

    Raises
    ------
    DataError
        If a teacher has other classes or image sizes, or was trained on images of the same data that are held out from
        the student: its predictions would carry their labels over, and the student's metrics on them would be too good.
    """
    for teacher in teachers:
        metrics = teacher.metrics
        if metrics.classes != data.train.classes:
            raise DataError(f"{teacher.path}: its classes are {list(metrics.classes)}, those of the data are others")
        shape = metrics.data.train.shape
        if shape[1:] != data.train.images.shape[1:]:
            raise DataError(f"{teacher.path}: was trained on images of {shape[1]} px, these have others")
        if has_seen_held_out(metrics, data.train, RECIPES[recipe], validation_split, refit=refit):
            raise DataError(
                f"{teacher.path}: was trained on images of {data.train.file} that are held out here; a teacher must "
                "have the same --weights and --validation-split, no --refit, and not the recipe mlp, which holds out "
                "others"
            )
    untaught = ~np.any([teachable_images(teacher, data.train) for teacher in teachers], axis=0)
    if untaught.any():
        raise DataError(
            f"{teachers[0].path}: is one fold of a cross-validation, and the other folds are missing: "
            f"{untaught.sum():,} images have no teacher that was not trained on them"
        )


def distil(
    examples: TrainingExamples,
    positions: NDArray[np.integer[Any]],
    teachers: Sequence[Teacher],
    train: GalaxyDataset,
    unlabelled: NDArray[np.uint8] | None,
) -> TrainingExamples:
    """Mix the teachers' predictions into the targets, and add unlabelled images.

    Parameters
    ----------
    examples : TrainingExamples
        Labelled images, with probabilities as targets.
    positions : ndarray of int, shape (N,)
        Their positions in the training set.
    teachers : sequence of Teacher
        Trained networks with the same classes.
    train : GalaxyDataset
        Training set.
    unlabelled : ndarray of uint8, shape (M, size, size, 3), or None
        Further images, whose targets are the teachers' mean prediction alone.

    Returns
    -------
    TrainingExamples
        For each labelled image, the mean is over the teachers that `teachable_images` allows.
    """
    predictors = [teacher.predictor() for teacher in teachers]
    masks = [teachable_images(teacher, train)[positions] for teacher in teachers]
    taught = np.zeros((len(positions), len(train.classes)), np.float32)
    for predict, mask in zip(predictors, masks, strict=True):
        taught[mask] += predict(examples.images[mask])
    taught /= np.sum(masks, axis=0)[:, np.newaxis]
    targets = (1 - TEACHERS_SHARE) * examples.targets + TEACHERS_SHARE * taught
    if unlabelled is None:
        return TrainingExamples(examples.images, targets.astype(np.float32), examples.weights)
    further = np.full(len(unlabelled), UNLABELLED_WEIGHT, np.float32)
    weights = np.concatenate([examples.each_weight(), further])
    predictions = np.mean([predict(unlabelled) for predict in predictors], axis=0)
    return TrainingExamples(
        np.concatenate([examples.images, unlabelled]),
        np.concatenate([targets, predictions]).astype(np.float32),
        weights / weights.mean(),
    )


def teachable_images(teacher: Teacher, train: GalaxyDataset) -> NDArray[np.bool_]:
    """Return a mask of the images whose targets may use this teacher.

    For an ordinary run these are all. For a fold's network they are those it was not trained on: its prediction would
    otherwise repeat the label.
    """
    metrics = teacher.metrics
    parameters = metrics.parameters
    if parameters.fold is None or not is_of_same_data(metrics, train):
        return np.ones(len(train.images), bool)
    split = split_training_set(train, RECIPES[metrics.recipe], parameters.validation_split)
    return unseen_images(Fold.parse(parameters.fold), split, train)
