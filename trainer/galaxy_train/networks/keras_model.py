"""Load a trained network, and predict images with it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from textwrap import shorten
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import FAMILIARITY_NAME, OUTPUT_NAME
from galaxy_train.networks import statistics as _registers_layers  # noqa: F401 - a network with these layers can be loaded once they are registered
from galaxy_train.networks.recipes import LOGITS

BATCH_SIZE: Final = 256

#: Longest explanation of Keras that a message repeats, in characters.
LONGEST_REASON: Final = 300


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
        If the file is missing or damaged, or needs a newer Keras.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged file can raise almost any exception
        reason = shorten(str(error), LONGEST_REASON)  # Keras may quote a whole network
        written_with = _keras_version(path)
        if written_with not in (None, keras.__version__):
            reason += f" (it was written with Keras {written_with}, {keras.__version__} is installed; install that one)"
        raise DataError(f"{path}: cannot be loaded as a Keras model: {reason}") from None


def _keras_version(path: Path) -> str | None:
    """Return the version of Keras that wrote a ``.keras`` file; None if the file does not say so."""
    try:
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (OSError, zipfile.BadZipFile, LookupError, ValueError, TypeError):
        return None
