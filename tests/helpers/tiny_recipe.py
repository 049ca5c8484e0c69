"""Recipes that are trained in a second, for tests of what is written down about a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from galaxy_classify.inference.contract import EMBEDDING_NAME, INPUT_NAME
from galaxy_train.networks import recipes


def tiny(size: int, classes: int) -> Any:
    """Build a network of one small dense layer, which sees the middle of an image at half the resolution."""
    images, features = _images_and_features(size)
    return recipes._with_head("tiny", images, features, classes)


def tiny_familiar(size: int, classes: int) -> Any:
    """Build the same network with a familiarity and an embedding."""
    import keras

    layers = keras.layers
    images, features = _images_and_features(size)
    embedding = layers.Dense(16, activation="relu", name=EMBEDDING_NAME)(features)
    late = layers.Dense(8, activation="relu", trainable=False, name=recipes.LATE_HIDDEN)(embedding)
    second = layers.Dense(1, kernel_initializer="zeros", trainable=False, name=recipes.LATE_LOGIT)(late)
    familiarity = layers.Add(name=recipes.FAMILIARITY_LOGIT)([layers.Dense(1)(embedding), second])
    familiarity = layers.Rescaling(1.0, name=recipes.FAMILIARITY_SHIFT)(familiarity)
    return recipes._with_head("tiny-familiar", images, features, classes, familiarity)


def _images_and_features(size: int) -> tuple[Any, Any]:
    import keras

    layers = keras.layers
    images = keras.Input((size, size, 3), dtype="uint8", name=INPUT_NAME)
    x = layers.Rescaling(1 / 255)(layers.Cropping2D(size // 4)(images))
    x = layers.Flatten()(layers.AveragePooling2D(2)(x))
    return images, layers.Dense(64, activation="relu")(x)


#: Holds out and weighs images as the cnn does, and can learn from teachers.
TINY = recipes.Recipe(
    tiny,
    epochs=8,
    batch_size=16,
    learning_rate=0.003,
    validation="stratified",
    cosine=True,
    weight_decay=0.02,
    label_smoothing=0.01,
)


#: The same with augmentation, for the network with a familiarity.
TINY_FAMILIAR = replace(TINY, build=tiny_familiar, epochs=4, augment=True)


@contextmanager
def with_tiny_recipe() -> Iterator[None]:
    """Make the recipes known as ``tiny`` and ``tiny-familiar`` until the block ends."""
    with mock.patch.dict(recipes.RECIPES, {"tiny": TINY, "tiny-familiar": TINY_FAMILIAR}):
        yield
