"""Which images a training learns from, and which it leaves out to be judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.splitting import fold_numbers, hold_out
from galaxy_train.networks.recipes import RECIPES, Recipe

#: One for all trainings, so that their figures on the held-out images can be compared.
VALIDATION_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Division:
    """The two parts of a training set, as positions in it; images without weight are in neither.

    Parameters
    ----------
    learnt : ndarray of int64
        What the network is trained on.
    held_out : ndarray of int64
        What it is judged by.
    """

    learnt: NDArray[np.int64]
    held_out: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fold:
    """One of the parts of a cross-validation.

    Parameters
    ----------
    number : int
        From 1 to `count`.
    count : int
        How many there are.

    Examples
    --------
    >>> str(Fold.parse("2/5"))
    '2/5'
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Fold:
        """Read what ``str`` has written."""
        number, count = text.split("/")
        return cls(int(number), int(count))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def divide(train: GalaxyDataset, recipe: Recipe, fraction: float) -> Division:
    """Hold out a part of a training set, the same part in each training on the same data.

    Parameters
    ----------
    train : GalaxyDataset
        Training set.
    recipe : Recipe
        Says how the part is chosen.
    fraction : float
        How large it is.

    Returns
    -------
    Division
        Both parts.

    Raises
    ------
    DataError
        If nothing is left to train on.
    """
    weights = train.each_weight()
    if recipe.validation == "last":
        everything = np.arange(len(train.images))
        kept, held_out = np.split(everything, [int(len(everything) * (1 - fraction))])
    else:
        kept, held_out = hold_out(train.labels, fraction, VALIDATION_SEED, counts_in_full(train))
    kept = kept[weights[kept] > 0]
    if not len(kept):
        raise DataError(f"{train.file}: {len(train.images)} images leave none to train on beside the validation part")
    return Division(kept, held_out)


def folds_of(count: int, division: Division, train: GalaxyDataset) -> NDArray[np.int64]:
    """Return the fold of each image that is learnt from, from 1 to `count`; the same ones each time."""
    full = counts_in_full(train)[division.learnt]
    return 1 + fold_numbers(train.labels[division.learnt], count, VALIDATION_SEED, full)


def leave_out(fold: Fold, division: Division, train: GalaxyDataset) -> Division:
    """Leave a fold out of what is learnt, and be judged by it.

    Parameters
    ----------
    fold : Fold
        Which.
    division : Division
        As without folds. What is held out there stays unseen: it may have to judge what comes of all folds.
    train : GalaxyDataset
        Training set.

    Returns
    -------
    Division
        The other folds, and of this one the images that count in full.
    """
    of_fold = division.learnt[folds_of(fold.count, division, train) == fold.number]
    learnt = np.setdiff1d(division.learnt, of_fold)
    return Division(learnt, of_fold[counts_in_full(train)[of_fold]])


def not_seen(fold: Fold, division: Division, train: GalaxyDataset) -> NDArray[np.bool_]:
    """Tell which images of a training set the network of a fold has not learnt from.

    Parameters
    ----------
    fold : Fold
        The one that was left out.
    division : Division
        As without folds.
    train : GalaxyDataset
        Training set.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for the fold, for what was held out beside it, and for images without weight.
    """
    unseen = np.ones(len(train.images), bool)
    unseen[division.learnt] = folds_of(fold.count, division, train) == fold.number
    return unseen


def divided_alike(metrics: dict[str, Any], train: GalaxyDataset, recipe: Recipe, fraction: float) -> bool:
    """Tell whether a run has parted the same data in the same way as another one does.

    Parameters
    ----------
    metrics : dict
        ``metrics.json`` of the run.
    train : GalaxyDataset
        Training set of the other.
    recipe : Recipe
        Of the other.
    fraction : float
        Part that the other holds out.

    Returns
    -------
    bool
        Whether it has held out the same part of the same data, though it may have been repeated with it later.
    """
    before = (RECIPES[metrics["recipe"]].validation, metrics["parameters"]["validation_split"])
    same_data: bool = metrics["data"]["train"] == train.summary()
    return same_data and before == (recipe.validation, fraction)


def counts_in_full(train: GalaxyDataset) -> NDArray[np.bool_]:
    """Tell which images have the largest weight: what counts less is not what one wants to be right about."""
    weights = train.each_weight()
    full: NDArray[np.bool_] = weights == weights.max()
    return full
