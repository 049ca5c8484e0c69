"""Test figures of a trained network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.evaluation.metrics import figures
from galaxy_train.networks.keras_model import predict
from galaxy_train.networks.symmetric import ORIENTATIONS, orient


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
        As `galaxy_train.evaluation.metrics.figures` gives it, and ``symmetry_agreement``.
    probabilities : ndarray of float32, shape (N, classes)
        Of each image.
    """
    probabilities = predict(model, dataset.images)
    merit = figures(dataset.labels, probabilities, dataset.classes)
    return merit | {"symmetry_agreement": symmetry_agreement(model, dataset.images)}, probabilities


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
