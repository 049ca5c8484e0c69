"""Test figures of a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError

# Not used by name: a network with these layers can be loaded once they are registered.
from galaxy_train import symmetric as _registers_layers  # noqa: F401
from galaxy_train.dataset import GalaxyDataset
from galaxy_train.figures import figures
from galaxy_train.recipes import LOGITS
from galaxy_train.symmetric import ORIENTATIONS, orient

BATCH_SIZE = 256


def evaluate_model(model: Any, dataset: GalaxyDataset) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Return the figures of a network on a data set.

    Parameters
    ----------
    model : keras.Model
        Takes uint8 pixels, gives probabilities.
    dataset : GalaxyDataset
        Labelled images in the network's size.

    Returns
    -------
    figures : dict
        As `galaxy_train.figures.figures` gives it, and ``symmetry_agreement``.
    probabilities : ndarray of float32, shape (N, classes)
        Of each image.
    """
    probabilities = predict(model, dataset.images)
    merit = figures(dataset.labels, probabilities, dataset.classes)
    return merit | {"symmetry_agreement": symmetry_agreement(model, dataset.images)}, probabilities


def predict(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a network's answers, shape (N, classes)."""
    answers: NDArray[np.float32] = model.predict(images, batch_size=BATCH_SIZE, verbose=0)
    return answers


def predict_logits(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what a network says before temperature and softmax, shape (N, classes)."""
    return predict(keras.Model(model.inputs, model.get_layer(LOGITS).output), images)


def symmetry_agreement(model: Any, images: NDArray[np.uint8]) -> float:
    """Return the share of images whose class stays the same in all eight orientations.

    Parameters
    ----------
    model : keras.Model
        Takes uint8 pixels, gives probabilities.
    images : ndarray of uint8, shape (N, size, size, 3)
        RGB pixels.

    Returns
    -------
    float
        1 if no turn by right angles and no mirror changes a class.
    """
    classes = []
    for orientation in range(ORIENTATIONS):
        turned = orient(images.transpose(1, 2, 0, 3), orientation).transpose(2, 0, 1, 3)
        classes.append(predict(model, np.ascontiguousarray(turned)).argmax(axis=1))
    return float((np.stack(classes) == classes[0]).all(axis=0).mean())


def load_model(path: Path) -> Any:
    """Load a network from a ``.keras`` file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    keras.Model
        The network, not compiled for training.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged archive surfaces as almost anything
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be loaded as a Keras model: {reason}") from None
