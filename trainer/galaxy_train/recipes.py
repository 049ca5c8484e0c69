"""Recipes: how a network is built, by name.

A recipe's network takes uint8 pixels (batch, height, width, 3) and scales them itself; its last two layers are
``logits`` and ``probabilities``, which the exporter's parity gate compares one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from galaxy_classify.contract import INPUT_NAME, OUTPUT_NAME

LOGITS: Final = "logits"


def mlp(size: int, classes: int) -> Any:
    """Build the seed's multilayer perceptron: 12288-512-512-512-4 for 64 px and four classes.

    Parameters
    ----------
    size : int
        Height and width of the images in pixels.
    classes : int
        Number of classes.

    Returns
    -------
    keras.Model
        6,819,332 parameters for 64 px and four classes.

    Notes
    -----
    The seed flattened images that were stored channels first, so the pixels are brought into that order.
    """
    import keras  # here, so that the command line can list the recipes without loading TensorFlow

    layers = keras.layers
    images = keras.Input((size, size, 3), dtype="uint8", name=INPUT_NAME)
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Permute((3, 1, 2))(x)
    x = layers.Flatten()(x)
    for _ in range(3):
        x = layers.Dense(512, activation="relu")(x)
        x = layers.Dropout(0.2)(x)
    logits = layers.Dense(classes, name=LOGITS)(x)
    return keras.Model(images, layers.Softmax(name=OUTPUT_NAME)(logits), name="mlp")


RECIPES: Final[dict[str, Callable[[int, int], Any]]] = {"mlp": mlp}
