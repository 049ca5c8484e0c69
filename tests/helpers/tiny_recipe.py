"""A recipe that is trained in a second, for tests of what is written down about a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from galaxy_classify.inference.contract import INPUT_NAME
from galaxy_train.networks import recipes


def tiny(size: int, classes: int) -> Any:
    """Build a network of one small dense layer, which sees the middle of an image at half the resolution."""
    import keras

    layers = keras.layers
    images = keras.Input((size, size, 3), dtype="uint8", name=INPUT_NAME)
    x = layers.Rescaling(1 / 255)(layers.Cropping2D(size // 4)(images))
    x = layers.Flatten()(layers.AveragePooling2D(2)(x))
    x = layers.Dense(64, activation="relu")(x)
    return recipes._with_head("tiny", images, x, classes)


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


@contextmanager
def with_tiny_recipe() -> Iterator[None]:
    """Make the recipe known as ``tiny`` until the block ends."""
    with mock.patch.dict(recipes.RECIPES, tiny=TINY):
        yield
