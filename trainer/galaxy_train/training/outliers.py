"""Teach a network what does not belong to its classes.

Outliers are mixed into the training images, so that the network learns features that tell them from galaxies of the
classes. After that, the familiarity head alone is trained further, which changes no class: on fresh outliers, with more
weight on the given ones, and with galaxies that are further off centre than classes are learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from galaxy_train.data.outliers.generate import generate_outliers
from galaxy_train.networks.recipes import FAMILIARITY_HIDDEN, FAMILIARITY_LOGIT
from galaxy_train.training.augment import WIDE, Augmentation
from galaxy_train.training.targets import TrainingExamples

#: Weight of all generated outliers together, and of all given ones, relative to that of the labelled galaxies.
GENERATED_SHARE: Final = 0.5


GIVEN_SHARE: Final = 0.5


#: Generated outliers of each kind.
GENERATED_PER_KIND: Final = 100


#: Largest number of images of a given kind that a network is trained on; more would take time from the other kinds.
LARGEST_KIND: Final = 2000


#: The same when the head alone is trained.
HEAD_GENERATED_SHARE: Final = 2.0


HEAD_GIVEN_SHARE: Final = 1.5


#: Passes over the images, each with other outliers and another augmentation, and epochs over all that they give.
HEAD_PASSES: Final = 4


HEAD_EPOCHS: Final = 30


HEAD_BATCH: Final = 512


#: Learning rate at the start, and weight decay.
HEAD_RATE: Final = 0.003


HEAD_DECAY: Final = 0.001


#: Largest shift of galaxies, as a fraction of the edge: classes are as good as elsewhere up to about a sixth.
HEAD_SHIFT: Final = 0.14


#: Distance between the seeds of outliers, so that those of a pass are none of the training's.
FRESH: Final = 1_000_003


#: Weight of the loss of the familiarity, relative to that of the classes.
FAMILIARITY_LOSS_WEIGHT: Final = 0.5


def add_outliers(
    examples: TrainingExamples,
    labelled: int,
    generated: Mapping[str, NDArray[np.uint8]],
    given: Mapping[str, NDArray[np.uint8]],
    generated_share: float = GENERATED_SHARE,
    given_share: float = GIVEN_SHARE,
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
    generated_share, given_share : float, optional
        Weight of all of them together, relative to that of the labelled galaxies.

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
    for kinds, share in ((generated, generated_share), (given, given_share)):
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


def train_head(
    network: Any,
    galaxies: TrainingExamples,
    given: Mapping[str, NDArray[np.uint8]],
    seed: int,
    wide_share: float,
) -> None:
    """Train the familiarity head of a trained network further, and nothing else of it.

    Parameters
    ----------
    network : keras.Model
        Network with familiarity.
    galaxies : TrainingExamples
        The labelled ones.
    given : mapping of str to ndarray of uint8, shape (N, size, size, 3)
        Outliers by kind.
    seed : int
        Determines outliers, augmentation and order.
    wide_share : float
        Share of the images that are changed as widely as images of different surveys differ.
    """
    layers = [layer.name for layer in network.layers]
    first = network.get_layer(FAMILIARITY_HIDDEN if FAMILIARITY_HIDDEN in layers else FAMILIARITY_LOGIT)
    augmentation = Augmentation(seed, wide_share, replace(WIDE, shift=HEAD_SHIFT))
    images = keras.Input(network.input_shape[1:], dtype="uint8")
    describe = keras.Model(images, keras.Model(network.input, first.input)(augmentation(images)))
    statistics, familiar, weights = [], [], []
    for each in range(HEAD_PASSES):
        drawn = generate_outliers(galaxies.images, GENERATED_PER_KIND, seed + FRESH * (1 + each))
        examples = add_outliers(galaxies, len(galaxies.images), drawn, given, HEAD_GENERATED_SHARE, HEAD_GIVEN_SHARE)
        statistics.append(describe.predict(examples.images, batch_size=HEAD_BATCH, verbose=0))
        familiar.append(np.asarray(examples.familiar))
        weights.append(np.asarray(examples.familiar_weights))
    inputs = keras.Input(first.input.shape[1:])
    x = first(inputs)
    logit = x if first.name == FAMILIARITY_LOGIT else network.get_layer(FAMILIARITY_LOGIT)(x)
    head = keras.Model(inputs, logit)
    described = np.concatenate(statistics)
    steps = HEAD_EPOCHS * -(-len(described) // HEAD_BATCH)
    head.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(HEAD_RATE, steps), weight_decay=HEAD_DECAY),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    head.fit(
        described,
        np.concatenate(familiar)[:, np.newaxis],
        sample_weight=np.concatenate(weights),
        batch_size=HEAD_BATCH,
        epochs=HEAD_EPOCHS,
        verbose=0,
    )
