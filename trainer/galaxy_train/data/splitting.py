"""Split labelled images at random, class by class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def hold_out(
    labels: NDArray[np.integer[Any]], fraction: float, seed: int, eligible: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out a random fraction of each class.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    fraction : float
        Fraction of each class's eligible images, from 0 to below 1; rounded to a number of images, and at least one
        image of each class is kept.
    seed : int
        The same seed gives the same split for the same labels.
    eligible : ndarray of bool, shape (N,), optional
        Mask of the images that may be held out; by default all.

    Returns
    -------
    kept, held_out : ndarray of int64
        Ascending positions; every image is in one of the two.

    Examples
    --------
    >>> kept, held_out = hold_out(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, seed=0)
    >>> len(kept), len(held_out)
    (6, 2)
    """
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        candidates = members if eligible is None else members[eligible[members]]
        count = min(round(len(candidates) * fraction), len(members) - 1)
        chosen[rng.permutation(candidates)[:count]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def fold_numbers(
    labels: NDArray[np.integer[Any]], count: int, seed: int, eligible: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Distribute images over folds, each class evenly.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    count : int
        Number of folds.
    seed : int
        The same seed gives the same folds for the same labels.
    eligible : ndarray of bool, shape (N,)
        Mask of the images of full weight; these are distributed evenly, and so are the others.

    Returns
    -------
    ndarray of int64, shape (N,)
        Fold of each image, from 0. The sizes of the folds differ by one image at most, and so do the counts per class.

    Examples
    --------
    >>> numbers = fold_numbers(np.array([0, 0, 0, 0, 1, 1]), 2, seed=0, eligible=np.ones(6, bool))
    >>> [np.bincount(numbers[:4]).tolist(), np.bincount(numbers[4:]).tolist()]
    [[2, 2], [1, 1]]
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    # Deal the images like cards, class after class. Each class starts where the previous one ended, so that the sizes
    # of the folds stay even.
    order = shuffled[np.lexsort((~eligible[shuffled], labels[shuffled]))]
    numbers = np.empty(len(labels), np.int64)
    numbers[order] = np.arange(len(labels)) % count
    return numbers
