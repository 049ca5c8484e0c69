"""Split a training set into images to train on and held-out images, with or without folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.splitting import fold_numbers, hold_out
from galaxy_train.networks.recipes import RECIPES, Recipe
from galaxy_train.run_metrics.runs import RunMetrics

#: The same for all trainings, whatever their --seed: metrics on held-out images can only be compared if these agree.
VALIDATION_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class TrainingSplit:
    """Positions in a training set; images without weight are in neither part.

    Parameters
    ----------
    training : ndarray of int64
        Images to train on.
    held_out : ndarray of int64
        Images that validate the network.
    """

    training: NDArray[np.int64]
    held_out: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of a cross-validation: `number`, from 1 to `count`.

    Examples
    --------
    >>> str(Fold.parse("2/5"))
    '2/5'
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Fold:
        """Read a fold from its text, as `str` writes it."""
        number, count = text.split("/")
        return cls(int(number), int(count))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def split_training_set(train: GalaxyDataset, recipe: Recipe, fraction: float) -> TrainingSplit:
    """Hold out a fraction of a training set, chosen as the recipe says; always the same images for the same data.

    Raises
    ------
    DataError
        If no image is left to train on.
    """
    weights = train.each_weight()
    if recipe.validation == "last":
        everything = np.arange(len(train.images))
        training, held_out = np.split(everything, [int(len(everything) * (1 - fraction))])
    else:
        training, held_out = hold_out(train.labels, fraction, VALIDATION_SEED, has_full_weight(train))
    training = training[weights[training] > 0]
    if not len(training):
        raise DataError(f"{train.file}: {len(train.images)} images leave none to train on beside the validation part")
    return TrainingSplit(training, held_out)


def assign_folds(count: int, split: TrainingSplit, train: GalaxyDataset) -> NDArray[np.int64]:
    """Return the fold, from 1 to `count`, of each image to train on; always the same for the same data."""
    full = has_full_weight(train)[split.training]
    return 1 + fold_numbers(train.labels[split.training], count, VALIDATION_SEED, full)


def leave_out(fold: Fold, split: TrainingSplit, train: GalaxyDataset) -> TrainingSplit:
    """Return the split for the network of one fold: trained on the other folds, validated on this one.

    Only images of full weight validate. What `split` holds out is in neither part: all networks of a cross-validation
    are compared on it, so none may be trained on it.
    """
    of_fold = split.training[assign_folds(fold.count, split, train) == fold.number]
    training = np.setdiff1d(split.training, of_fold)
    return TrainingSplit(training, of_fold[has_full_weight(train)[of_fold]])


def unseen_images(fold: Fold, split: TrainingSplit, train: GalaxyDataset) -> NDArray[np.bool_]:
    """Return a mask of the images that the network of a fold was not trained on.

    These are the fold, the images that `split` holds out, and those without weight.
    """
    unseen = np.ones(len(train.images), bool)
    unseen[split.training] = assign_folds(fold.count, split, train) == fold.number
    return unseen


def has_same_split(metrics: RunMetrics, train: GalaxyDataset, recipe: Recipe, fraction: float) -> bool:
    """Tell whether a run held out the same images of the same data; it may be a refit, trained on them afterwards."""
    before = RECIPES.get(metrics.recipe)  # None for a recipe of another version
    held_out_alike = before is not None and before.validation == recipe.validation
    return metrics.data.train == train.record() and held_out_alike and metrics.parameters.validation_split == fraction


def is_of_same_data(metrics: RunMetrics, train: GalaxyDataset) -> bool:
    """Tell whether a run was trained on images of this training set."""
    return metrics.data.train.sha256 == train.sha256


def has_seen_held_out(
    metrics: RunMetrics, train: GalaxyDataset, recipe: Recipe, fraction: float, *, refit: bool = False
) -> bool:
    """Tell whether a run was trained on images of the same data that are held out here.

    A run that was repeated on all images was, unless `refit` is set: then what is trained here may have seen them, too.
    """
    held_out_alike = has_same_split(metrics, train, recipe, fraction) and (refit or metrics.refit_of is None)
    return is_of_same_data(metrics, train) and not held_out_alike


def has_full_weight(train: GalaxyDataset) -> NDArray[np.bool_]:
    """Return a mask of the images with the largest weight.

    Only these validate; labels of lower weight are trusted less.
    """
    weights = train.each_weight()
    full: NDArray[np.bool_] = weights == weights.max()
    return full
