"""Teach a network what does not belong to its classes.

Outliers are mixed into the training images, so that the network learns features that tell them from galaxies of the
classes. After that, a second familiarity head is trained alone, which changes no class: on fresh outliers, with more
weight on the given ones, and with galaxies that are further off centre than classes are learnt from. It learns what the
first head has missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from galaxy_train.data.outliers.generate import GENERATED_KINDS, generate_outliers
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
LATE_GENERATED_SHARE: Final = 4.0


LATE_GIVEN_SHARE: Final = 2.0


#: Passes over the images, each with other outliers and another augmentation, and epochs over all that they give.
LATE_PASSES: Final = 4


LATE_EPOCHS: Final = 30


LATE_BATCH: Final = 512


#: Learning rate at the start, and weight decay.
LATE_RATE: Final = 0.003


LATE_DECAY: Final = 0.05


#: Parts of the second head, whose mean it is. All but the first give kinds that were missed a larger weight.
LATE_PARTS: Final = 4


#: Spread over galaxies of the first head's logits, when the second one learns what to add to them. With a larger one
#: the first head has more say: it is better at missing bands and small galaxies, the second one at blur and mergers.
FIRST_SPREAD: Final = 1.8


#: Factor by which the first head's logits may be enlarged for that. Those of a head that has learnt little would become
#: noise that drowns the second one.
LARGEST_SCALE: Final = 1.5


#: Kinds that weigh more than others in the second head's training: they still show a galaxy, of which a network is as
#: sure as of any, but often wrong.
LATE_EMPHASIS: Final = {
    "out_of_focus": 10.0,
    "missing_band": 5.0,
    "zoomed_out": 4.0,
    "zoomed_in": 3.0,
    "buried": 2.0,
    "heavily_blurred": 2.0,
}


#: Added to the mean loss of each generated kind, to which its weight is proportional: none is forgotten.
LEAST_LOSS: Final = 0.1


#: How galaxies are changed that the second head shall not mistake for outliers. Up to a shift of a sixth, classes are
#: as good as in the centre; blurred by over a pixel, or shown at less than three quarters of their size, or with more
#: noise, they are not.
LATE_WIDE: Final = replace(WIDE, shift=0.14, blur=0.5, zoom=(0.75, 2.3), noise=10)


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
    numbers = [np.zeros(len(galaxies), np.int64)]
    for kinds, share in ((generated, generated_share), (given, given_share)):
        for of_kind in (_sample(images_of_kind, labelled) for images_of_kind in kinds.values()):
            weight = share * float(galaxies.sum()) / len(kinds) / len(of_kind)
            # An image that weighs much is repeated instead, so that each step sees it changed in another way.
            repeats = max(1, round(weight))
            images.append(np.repeat(of_kind, repeats, axis=0))
            weights.append(np.full(repeats * len(of_kind), weight / repeats, np.float32))
            numbers.append(np.full(repeats * len(of_kind), len(numbers)))
    outliers = sum(map(len, images)) - len(examples.images)
    familiar_weights = np.concatenate(weights)
    count = len(familiar_weights)
    return TrainingExamples(
        np.concatenate(images),
        np.concatenate([examples.targets, np.zeros((outliers, *examples.targets.shape[1:]), np.float32)]),
        np.concatenate([class_weights * (count / len(class_weights)), np.zeros(outliers, np.float32)]),
        np.concatenate([np.ones(len(examples.images), np.float32), np.zeros(outliers, np.float32)]),
        familiar_weights / familiar_weights.mean(),
        np.concatenate(numbers),
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
    augmentation = Augmentation(seed, wide_share, LATE_WIDE)
    images = keras.Input(network.input_shape[1:], dtype="uint8")
    part = keras.Model(network.input, [hidden.input, network.get_layer(FAMILIARITY_LOGIT).output])
    describe = keras.Model(images, part(augmentation(images)))
    seen = []
    for number, examples in enumerate(late_examples(galaxies, given, seed), 1):
        announce(f"familiarity: outliers and galaxies, pass {number} of {LATE_PASSES}")
        described, logits = describe.predict(examples.images, batch_size=LATE_BATCH, verbose=0)
        seen.append((described, logits[:, 0], examples.familiar_weights, examples.kinds))
    described, first_logits, weights, kinds = (np.concatenate(column) for column in zip(*seen, strict=True))
    announce("familiarity: training its second head")
    scale = min(LARGEST_SCALE, FIRST_SPREAD / first_logits[kinds == 0].std())
    weights = weights * np.array([1.0, *(LATE_EMPHASIS.get(kind, 1.0) for kind in (*GENERATED_KINDS, *given))])[kinds]
    parts: list[Any] = []
    added = np.zeros(len(described), np.float32)
    for number in range(LATE_PARTS):
        missed = harder(weights, kinds, len(GENERATED_KINDS), added + scale * first_logits) if number else weights
        parts.append(train_part(described, scale * first_logits, kinds == 0, missed, hidden.units // LATE_PARTS))
        added += (parts[-1].predict(described, batch_size=LATE_BATCH, verbose=0)[:, 0] - added) / (number + 1)
    kernels, biases, last_kernels, last_biases = zip(*(part.get_weights() for part in parts), strict=True)
    hidden.set_weights([np.concatenate(kernels, axis=1), np.concatenate(biases)])
    last.set_weights([np.concatenate(last_kernels) / LATE_PARTS / scale, np.mean(last_biases, axis=0) / scale])


def late_examples(
    galaxies: TrainingExamples, given: Mapping[str, NDArray[np.uint8]], seed: int
) -> Iterator[TrainingExamples]:
    """Yield what the second head is trained on, for each pass: the labelled galaxies, and outliers, each time others.

    Parameters
    ----------
    galaxies : TrainingExamples
        The labelled ones.
    given : mapping of str to ndarray of uint8, shape (N, size, size, 3)
        Outliers by kind.
    seed : int
        Determines the generated outliers.
    """
    for each in range(LATE_PASSES):
        drawn = draw_outliers(galaxies.images, seed + FRESH * (1 + each))
        yield add_outliers(galaxies, len(galaxies.images), drawn, given, LATE_GENERATED_SHARE, LATE_GIVEN_SHARE)


def train_part(
    described: NDArray[np.float32],
    offsets: NDArray[np.float32],
    is_galaxy: NDArray[np.bool_],
    weights: NDArray[np.float32],
    units: int,
) -> Any:
    """Train a hidden layer and a logit that is added to the offsets; return the two as a model.

    Parameters
    ----------
    described : ndarray of float32, shape (N, statistics)
        What the hidden layer sees of each image.
    offsets : ndarray of float32, shape (N,)
        Logits that another head gives.
    is_galaxy : ndarray of bool, shape (N,)
        Whether each image is familiar.
    weights : ndarray of float32, shape (N,)
        Sample weights.
    units : int
        Of the hidden layer.
    """
    statistics, offset = keras.Input(described.shape[1:]), keras.Input((1,))
    part = keras.Sequential(
        [keras.Input(described.shape[1:]), keras.layers.Dense(units, activation="relu"), keras.layers.Dense(1)]
    )
    whole = keras.Model([statistics, offset], keras.layers.Add()([part(statistics), offset]))
    steps = LATE_EPOCHS * -(-len(described) // LATE_BATCH)
    whole.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(LATE_RATE, steps), weight_decay=LATE_DECAY),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    whole.fit(
        [described, offsets[:, np.newaxis]],
        is_galaxy[:, np.newaxis].astype(np.float32),
        sample_weight=weights,
        batch_size=LATE_BATCH,
        epochs=LATE_EPOCHS,
        verbose=0,
    )
    return part


def harder(
    weights: NDArray[np.float32], kinds: NDArray[np.int64], generated: int, logits: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return weights in which a generated kind counts the more, the larger its loss; all together as before.

    Given kinds keep their weight: some of their images are hard because they are galaxies of the classes.
    """
    losses = np.bincount(kinds, np.logaddexp(0, logits)) / np.bincount(kinds)
    of_kind = losses[1 : 1 + generated] + LEAST_LOSS
    factors = np.ones(kinds.max() + 1, np.float32)
    factors[1 : 1 + generated] = of_kind / of_kind.mean()
    return np.asarray(weights * factors[kinds], np.float32)
