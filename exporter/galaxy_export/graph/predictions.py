"""Predict images with a trained network or with a graph: everything that the parity gate compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.inference.contract import INPUT_NAME
from galaxy_export.gate.batches import run_in_batches
from galaxy_export.gate.models.onnx_file import OnnxGraph
from galaxy_export.graph.convert import expose_compared_tensors, with_compared_tensors


@dataclass(frozen=True, slots=True)
class Predictions:
    """A model's predictions for N images; what it does not give is None.

    Parameters
    ----------
    logits, probabilities : ndarray of float32, shape (N, classes)
        Before temperature and softmax, and after.
    familiarity_logit : ndarray of float32, shape (N, 1), or None
        Before shift and sigmoid.
    familiarity : ndarray of float32, shape (N,), or None
        0 to 1.
    embedding : ndarray of float32, shape (N, features), or None
        The features that the network compares images by.
    """

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    familiarity_logit: NDArray[np.float32] | None = None
    familiarity: NDArray[np.float32] | None = None
    embedding: NDArray[np.float32] | None = None

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The predicted class index of each image."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best


def keras_predictions(model: Any, pixels: NDArray[np.uint8]) -> Predictions:
    """Predict uint8 pixels (N, height, width, 3) with a Keras network."""
    return Predictions(**with_compared_tensors(model).predict(pixels, batch_size=256, verbose=0))


def onnx_runner(proto: onnx.ModelProto) -> Callable[[NDArray[np.uint8], int], Predictions]:
    """Return a function that predicts pixels with a graph, at a given batch size.

    Raises
    ------
    LogitError, FamiliarityError
        If the graph has no tensor ``logits``, or a familiarity but no tensor ``familiarity_logit``.
    """
    exposed, names = expose_compared_tensors(proto)
    graph = OnnxGraph(exposed.SerializeToString(), "the exported graph")

    def predict(pixels: NDArray[np.uint8], batch_size: int) -> Predictions:
        found = run_in_batches(graph.run, {INPUT_NAME: pixels}, batch_size)
        return Predictions(**{name: found[name] for name in names})

    return predict
