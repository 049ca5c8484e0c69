"""Teach a network what does not belong to its classes.

Outliers are mixed into the training images, so that the network learns features that tell them from galaxies of the
classes. After that, a second familiarity head is trained alone, which changes no class: on fresh outliers, with more
weight on the given ones, and with galaxies that are further off centre than classes are learnt from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from galaxy_train.data.outliers.generate import generate_outliers
from galaxy_train.networks.recipes import FAMILIARITY_LOGIT, LATE_HIDDEN, LATE_LOGIT
from galaxy_train.training.augment import WIDE, Augmentation
from galaxy_train.training.targets import TrainingExamples

#: Weight of all generated outliers together, and of all given ones, relative to that of the labelled galaxies.
GENERATED_SHARE: Final = 0.5


GIVEN_SHARE: Final = 0.5


#: Largest number of generated outliers of each kind. A small training set gets fewer, one of each kind for so many
#: galaxies, but a few at least: otherwise a batch would hardly have a galaxy to learn classes from.
GENERATED_PER_KIND: Final = 100


GALAXIES_PER_OUTLIER: Final = 30


FEWEST: Final = 5


#: Largest number of images of a given kind that a network is trained on; more would take time from the other kinds.
LARGEST_KIND: Final = 2000


#: The same for the second head, which is trained alone.
LATE_GENERATED_SHARE: Final = 2.0


LATE_GIVEN_SHARE: Final = 1.5


#: Passes over the images, each with other outliers and another augmentation, and epochs over all that they give.
LATE_PASSES: Final = 4


LATE_EPOCHS: Final = 30


LATE_BATCH: Final = 512


#: Learning rate at the start, and weight decay.
LATE_RATE: Final = 0.003


LATE_DECAY: Final = 0.001


#: Largest shift of galaxies, as a fraction of the edge: up to about a sixth, classes are as good as in the centre.
LATE_SHIFT: Final = 0.14


#: Distance between the seeds of outliers, so that each pass draws others, and others than the training before.
FRESH: Final = 1_000_003


#: Weight of the loss of the familiarity, relative to that of the classes.
FAMILIARITY_LOSS_WEIGHT: Final = 0.5


def draw_outliers(galaxies: NDArray[np.uint8], seed: int) -> dict[str, NDArray[np.uint8]]:
    """Generate outliers of each kind, as many as suit the number of galaxies."""
    wanted = max(FEWEST, len(galaxies) // GALAXIES_PER_OUTLIER)
    return generate_outliers(galaxies, min(GENERATED_PER_KIND, wanted), seed)


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
        for of_kind in (_sample(images_of_kind, labelled) for images_of_kind in kinds.values()):
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


def _sample(images: NDArray[np.uint8], galaxies: int) -> NDArray[np.uint8]:
    """Return at most `LARGEST_KIND` images of a kind, and not many more than there are galaxies; always the same."""
    largest = min(LARGEST_KIND, max(FEWEST, galaxies))
    return images[np.random.default_rng(0).permutation(len(images))[:largest]]


def train_late_head(
    network: Any,
    galaxies: TrainingExamples,
    given: Mapping[str, NDArray[np.uint8]],
    seed: int,
    wide_share: float,
    announce: Callable[[str], None] = lambda line: None,
) -> None:
    """Train the second familiarity head of a trained network, and nothing else of it.

    Its logit is scaled to spread over galaxies as much as the first head's: both have the same say.

    Parameters
    ----------
    network : keras.Model
        Network with familiarity; one without a second head is left as it is.
    galaxies : TrainingExamples
        The labelled ones.
    given : mapping of str to ndarray of uint8, shape (N, size, size, 3)
        Outliers by kind.
    seed : int
        Determines outliers, augmentation and order.
    wide_share : float
        Share of the images that are changed as widely as images of different surveys differ.
    announce : callable, optional
        Called with a line before each step, all of which take some time.
    """
    if LATE_HIDDEN not in [layer.name for layer in network.layers]:
        return
    hidden, last = network.get_layer(LATE_HIDDEN), network.get_layer(LATE_LOGIT)
    augmentation = Augmentation(seed, wide_share, replace(WIDE, shift=LATE_SHIFT))
    images = keras.Input(network.input_shape[1:], dtype="uint8")
    part = keras.Model(network.input, [hidden.input, network.get_layer(FAMILIARITY_LOGIT).output])
    describe = keras.Model(images, part(augmentation(images)))
    statistics, first_logits, familiar, weights = [], [], [], []
    for each in range(LATE_PASSES):
        announce(f"familiarity: outliers and galaxies, pass {each + 1} of {LATE_PASSES}")
        drawn = draw_outliers(galaxies.images, seed + FRESH * (1 + each))
        examples = add_outliers(galaxies, len(galaxies.images), drawn, given, LATE_GENERATED_SHARE, LATE_GIVEN_SHARE)
        described, logits = describe.predict(examples.images, batch_size=LATE_BATCH, verbose=0)
        statistics.append(described)
        first_logits.append(logits[:, 0])
        familiar.append(np.asarray(examples.familiar))
        weights.append(np.asarray(examples.familiar_weights))
    described, is_familiar = np.concatenate(statistics), np.concatenate(familiar)
    layers = [keras.layers.Dense(hidden.units, activation="relu"), keras.layers.Dense(1)]
    head = keras.Sequential([keras.Input(described.shape[1:]), *layers])
    steps = LATE_EPOCHS * -(-len(described) // LATE_BATCH)
    head.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(LATE_RATE, steps), weight_decay=LATE_DECAY),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    announce("familiarity: training its second head")
    head.fit(
        described,
        is_familiar[:, np.newaxis],
        sample_weight=np.concatenate(weights),
        batch_size=LATE_BATCH,
        epochs=LATE_EPOCHS,
        verbose=0,
    )
    late_logits = head.predict(described, batch_size=LATE_BATCH, verbose=0)[:, 0]
    galaxy = is_familiar == 1
    scale = np.concatenate(first_logits)[galaxy].std() / late_logits[galaxy].std()
    hidden.set_weights(layers[0].get_weights())
    last.set_weights([weight * scale for weight in layers[1].get_weights()])
