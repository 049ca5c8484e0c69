"""Measure a network's confidence on images that belong to none of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_train.data.image_files import class_names, list_class_folders, read_files
from galaxy_train.evaluation.metrics import THRESHOLDS, auroc
from galaxy_train.networks.keras_model import predict
from galaxy_train.run_metrics import OutOfClassMetrics


def evaluate_out_of_class(model: Any, folder: Path, inside: NDArray[np.floating[Any]]) -> dict[str, OutOfClassMetrics]:
    """Compare a network's confidence on images of its classes with its confidence on images of none.

    Parameters
    ----------
    model : keras.Model
        Takes uint8 pixels, gives probabilities.
    folder : pathlib.Path
        One folder of image files for each kind of image that belongs to no class.
    inside : ndarray of float, shape (N,)
        Confidence on the test images.

    Returns
    -------
    dict
        Metrics by kind, which is the name of its folder.

    Raises
    ------
    DataError
        If there are no such folders.
    """
    files = list_class_folders(folder) if folder.is_dir() else []
    if not files:
        raise DataError(f"{folder}: has no folders of images, one for each kind that belongs to no class")
    kinds = class_names(files)
    dataset, _ = read_files(files, kinds, model.input_shape[1], folder.name)
    confidence = predict(model, dataset.images).max(axis=1)
    result = {}
    for index, kind in enumerate(kinds):
        outside = confidence[dataset.labels == index]
        if len(outside):
            result[kind] = OutOfClassMetrics(
                images=len(outside),
                auroc=auroc(inside, outside),
                kept={f"{threshold:.2f}": float((outside >= threshold).mean()) for threshold in THRESHOLDS},
            )
    return result
