"""Test figures of a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from galaxy_classify.errors import DataError
from galaxy_train.dataset import GalaxyDataset
from galaxy_train.figures import figures
from galaxy_train.run_folder import RunFolder

BATCH_SIZE = 256


def evaluate_model(model: Any, dataset: GalaxyDataset) -> dict[str, Any]:
    """Return the figures of a network on a data set.

    Parameters
    ----------
    model : keras.Model
        Takes uint8 pixels, gives probabilities.
    dataset : GalaxyDataset
        Labelled images in the network's size.

    Returns
    -------
    dict
        As `galaxy_train.figures.figures` gives it.
    """
    probabilities = model.predict(dataset.images, batch_size=BATCH_SIZE, verbose=0)
    return figures(dataset.labels, np.argmax(probabilities, axis=1), dataset.classes)


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


def evaluate_run(run: RunFolder, test: GalaxyDataset) -> dict[str, Any]:
    """Repeat the test figures of a run from its ``model.keras``.

    Parameters
    ----------
    run : RunFolder
        The run.
    test : GalaxyDataset
        The test set.

    Returns
    -------
    dict
        As `galaxy_train.figures.figures` gives it.

    Raises
    ------
    DataError
        If the run cannot be used, or the data set does not fit it.
    """
    run.check_complete()
    model = load_model(run.model)
    if tuple(model.input_shape[1:]) != test.images.shape[1:]:
        raise DataError(f"{test.file}: images are {test.images.shape[1:]}, the model wants {model.input_shape[1:]}")
    if model.output_shape[1] != len(test.classes):
        raise DataError(f"{test.file}: has {len(test.classes)} classes, the model {model.output_shape[1]}")
    return evaluate_model(model, test)
