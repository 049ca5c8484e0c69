"""Write a model file: add metadata, check it with the runtime, then give it its final name."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.errors import ParityError
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.model import OnnxModel
from galaxy_export.galaxy_parity import Parity
from galaxy_export.graph.comparison import compare
from galaxy_export.graph.predictions import Predictions
from galaxy_export.partial_model import partial_model
from galaxy_train.run_metrics.runs import RunMetrics


def training_summary(metrics: RunMetrics) -> dict[str, Any]:
    """Return the part of a run's metrics that goes into the metadata of the model file."""
    kept = (
        "recipe", "parameters", "parameter_count", "epochs_completed", "data", "temperature", "validation", "refit_of",
        "test", "prediction_sets", "versions",
    )  # fmt: skip
    content = metrics.to_json()
    optional = ("refit_of", "prediction_sets")
    return {key: content[key] for key in kept if key not in optional or content.get(key) is not None}


def tool_versions() -> dict[str, str]:
    """Return the versions of the tools that take part in an export."""
    packages = ("galaxy-classify", "tf2onnx", "onnx", "onnxruntime", "tensorflow", "keras")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def write_model(
    proto: onnx.ModelProto, output: Path, pixels: NDArray[np.uint8], expected: Predictions, tolerance: float
) -> OnnxModel:
    """Write a model file, after the runtime has loaded it and reproduced its predictions.

    Parameters
    ----------
    proto : onnx.ModelProto
        The graph with its metadata.
    output : pathlib.Path
        The file; an existing one is replaced.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Images to run.
    expected : Predictions
        What is expected for them.
    tolerance : float
        Largest difference of a probability or familiarity; of an embedding, as in the gate.

    Returns
    -------
    OnnxModel
        The file, as the runtime loads it.

    Raises
    ------
    DataError
        If the file cannot be written.
    ContractError
        If the runtime refuses the file.
    ParityError
        If the runtime gets other values from the file; the subclass names the output.
    """
    try:
        with partial_model(proto, output) as partial:
            outputs = OnnxModel(ModelSource(partial)).run(pixels, embedding=True)
            found = replace(
                expected,
                probabilities=outputs.probabilities,
                familiarity=outputs.familiarity,
                embedding=outputs.embedding,
            )
            Parity(len(pixels), (compare(expected, found, len(pixels), tolerance),), tolerance).check()
    except ParityError as error:
        raise type(error)(f"in the runtime: {error}") from None
    return OnnxModel(ModelSource(output))
