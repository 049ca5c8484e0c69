"""Teach a network what does not belong to its classes: mix outliers into the training images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_train.training.targets import TrainingExamples

#: Weight of all generated outliers together, and of all given ones, relative to that of the labelled galaxies.
GENERATED_SHARE: Final = 0.5


GIVEN_SHARE: Final = 0.5


#: Generated outliers of each kind.
GENERATED_PER_KIND: Final = 100


#: Largest number of images of a given kind that a network is trained on; more would take time from the other kinds.
LARGEST_KIND: Final = 2000


#: Weight of the loss of the familiarity, relative to that of the classes.
FAMILIARITY_LOSS_WEIGHT: Final = 0.5


def add_outliers(
    examples: TrainingExamples,
    labelled: int,
    generated: Mapping[str, NDArray[np.uint8]],
    given: Mapping[str, NDArray[np.uint8]],
) -> TrainingExamples:
    """Add outliers, which teach the familiarity and no class.

    Each kind of generated outliers has the same weight, and each kind of given ones, however many images it has.

    Parameters
    ----------
    examples : TrainingExamples
        Labelled galaxies, which are familiar; then unlabelled ones, of which nobody knows.
    labelled : int
        Number of the labelled ones.
    generated, given : mapping of str to ndarray of uint8, shape (N, size, size, 3)
        Outliers by kind.

    Returns
    -------
    TrainingExamples
        With targets of the familiarity.
    """
    class_weights = examples.each_weight()
    galaxies = np.zeros(len(examples.images), np.float32)
    galaxies[:labelled] = class_weights[:labelled]
    images = [examples.images]
    weights = [galaxies]
    for kinds, share in ((generated, GENERATED_SHARE), (given, GIVEN_SHARE)):
        for of_kind in map(_sample, kinds.values()):
            weight = share * float(galaxies.sum()) / len(kinds) / len(of_kind)
            # An image that weighs much is repeated instead, so that each step sees it changed in another way.
            repeats = max(1, round(weight))
            images.append(np.repeat(of_kind, repeats, axis=0))
            weights.append(np.full(repeats * len(of_kind), weight / repeats, np.float32))
    outliers = sum(map(len, images)) - len(examples.images)
    familiar_weights = np.concatenate(weights)
    count = len(familiar_weights)
    return TrainingExamples(
        np.concatenate(images),
        np.concatenate([examples.targets, np.zeros((outliers, *examples.targets.shape[1:]), np.float32)]),
        np.concatenate([class_weights * (count / len(class_weights)), np.zeros(outliers, np.float32)]),
        np.concatenate([np.ones(len(examples.images), np.float32), np.zeros(outliers, np.float32)]),
        familiar_weights / familiar_weights.mean(),
    )


def _sample(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return at most `LARGEST_KIND` images of a kind, always the same."""
    return images[np.random.default_rng(0).permutation(len(images))[:LARGEST_KIND]]
