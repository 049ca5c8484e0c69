"""Load a trained network, and predict images with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import FAMILIARITY_NAME, OUTPUT_NAME
from galaxy_train.networks import statistics as _registers_layers  # noqa: F401 - a network with these layers can be loaded once they are registered
from galaxy_train.networks.recipes import LOGITS

BATCH_SIZE = 256


def predict(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a network's probabilities for images, shape (N, classes)."""
    return predict_outputs(model, images)[OUTPUT_NAME]


def predict_familiarity(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the familiarity of images, shape (N,); None if the network has no such output."""
    return predict_outputs(model, images).get(FAMILIARITY_NAME)


def has_familiarity(model: Any) -> bool:
    """Tell whether a network has the output familiarity beside its probabilities."""
    return isinstance(model.output, dict) and FAMILIARITY_NAME in model.output


def predict_outputs(model: Any, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return a network's outputs for images, by name: probabilities, and familiarity if it has that."""
    output = model.predict(images, batch_size=BATCH_SIZE, verbose=0)
    return output if isinstance(output, dict) else {OUTPUT_NAME: output}


def predict_layer(model: Any, layer: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the output of one of a network's layers for images."""
    part = keras.Model(model.inputs, model.get_layer(layer).output)
    output: NDArray[np.float32] = part.predict(images, batch_size=BATCH_SIZE, verbose=0)
    return output


def predict_logits(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a network's logits, before temperature and softmax, shape (N, classes)."""
    return predict_layer(model, LOGITS, images)


def load_model(path: Path) -> Any:
    """Load a network from a ``.keras`` file, without compiling it for training.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged file can raise almost any exception
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be loaded as a Keras model: {reason}") from None
