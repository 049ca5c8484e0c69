"""Evaluate a trained network on a labelled set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.evaluation.metrics import classification_metrics
from galaxy_train.networks.keras_model import predict
from galaxy_train.networks.symmetric import ORIENTATIONS, orient
from galaxy_train.run_metrics.metrics import ClassificationMetrics


def evaluate_model(model: Any, dataset: GalaxyDataset) -> tuple[ClassificationMetrics, NDArray[np.float32]]:
    """Return a network's metrics on a labelled set, symmetry agreement included, and its probabilities."""
    probabilities = predict(model, dataset.images)
    metrics = classification_metrics(dataset.labels, probabilities, dataset.classes)
    return replace(metrics, symmetry_agreement=symmetry_agreement(model, dataset.images)), probabilities


def symmetry_agreement(model: Any, images: NDArray[np.uint8]) -> float:
    """Return the share of images that keep their class in all eight orientations: turned by right angles, mirrored."""
    classes = []
    for orientation in range(ORIENTATIONS):
        turned = orient(images.transpose(1, 2, 0, 3), orientation).transpose(2, 0, 1, 3)
        classes.append(predict(model, np.ascontiguousarray(turned)).argmax(axis=1))
    return float((np.stack(classes) == classes[0]).all(axis=0).mean())
