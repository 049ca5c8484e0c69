"""Choose how to quantize a network, dense or convolutional, and repeat it when a model file is verified."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.errors import ContractError, DataError
from galaxy_export.int8.convolutions import (
    CALIBRATION_IMAGES,
    PERCENTILE,
    StaticQuantization,
    calibrate,
    has_convolutions,
    quantize_convolutions,
)
from galaxy_export.int8.dense import quantize_dense
from galaxy_train.data.load import load_data
from galaxy_train.run_metrics.data_sets import DataRecord


def quantize(proto: onnx.ModelProto, data: DataRecord, training_data: Path) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """Quantize a converted network: dense layers with a scale per image, convolutions with fixed scales.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph.
    data : DataRecord
        The run's record of its data, with the checksum of its training set.
    training_data : pathlib.Path
        Data set that the run was trained on; only read for a convolutional network.

    Returns
    -------
    quantized : onnx.ModelProto
        The int8 graph.
    recipe : dict
        What `quantize_again` needs besides the network, for the metadata.

    Raises
    ------
    DataError
        If the training data are not those of the run, or the network has nothing to quantize.
    """
    if not has_convolutions(proto):
        return quantize_dense(proto), {}
    pixels = load_training_images(training_data, data)
    recipe = calibrate(proto, pixels)
    noted = asdict(recipe) | {"calibration_images": min(len(pixels), CALIBRATION_IMAGES), "percentile": PERCENTILE}
    return quantize_convolutions(proto, recipe), noted


def quantize_again(proto: onnx.ModelProto, recipe: dict[str, Any]) -> onnx.ModelProto:
    """Quantize a converted network again, with the settings in the metadata of a model file.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph.
    recipe : dict
        Metadata of int8 in the model file.

    Raises
    ------
    ContractError
        If the metadata are incomplete.
    """
    if not has_convolutions(proto):
        return quantize_dense(proto)
    try:
        ranges = {str(name): (float(low), float(high)) for name, (low, high) in recipe["ranges"].items()}
        corrections = {str(name): tuple(map(float, values)) for name, values in recipe.get("corrections", {}).items()}
        noted = StaticQuantization(int(recipe["float_convolutions"]), ranges, corrections)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ContractError("contract: the metadata do not say on which ranges int8 was calibrated") from None
    return quantize_convolutions(proto, noted)


def load_training_images(source: Path, recorded: DataRecord) -> NDArray[np.uint8]:
    """Load the training images of a run. Calibration on test images would make int8 look better than it is.

    Raises
    ------
    DataError
        If the data set is not that of the run, or cannot be read.
    """
    try:
        train = load_data(source, size=recorded.train.shape[1], split_seed=recorded.split_seed).train
    except DataError as error:
        raise DataError(f"int8 is calibrated on the run's training set, see --calibration: {error}") from None
    if train.sha256 != recorded.train.sha256:
        raise DataError(
            f"{source}: {train.file} is not the training set of this run (SHA-256 {train.sha256[:12]}, the run says "
            f"{recorded.train.sha256[:12]}); int8 is calibrated on that, see --calibration"
        )
    return train.images
