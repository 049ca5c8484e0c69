"""Measure a network on a labelled set whose images are changed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.inference.contract import FAMILIARITY_NAME, OUTPUT_NAME
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.evaluation.metrics import classification_metrics
from galaxy_train.evaluation.perturbations import PERTURBATIONS, Change
from galaxy_train.evaluation.statuses import status_metrics
from galaxy_train.networks.keras_model import predict_outputs
from galaxy_train.run_metrics.evaluations import UNCHANGED, StressMetrics

#: Images that are changed at a time, so that memory does not limit the size of the set.
CHUNK: Final = 2048


def measure_stress(model: Any, dataset: GalaxyDataset) -> dict[str, StressMetrics]:
    """Return a network's metrics on a labelled set, as it is and under each change, by the name of the change."""
    changes: dict[str, Change] = {UNCHANGED: lambda images: images}
    changes |= {perturbation.name: perturbation.apply for perturbation in PERTURBATIONS}
    return {name: _measure(model, dataset, change) for name, change in changes.items()}


def _measure(model: Any, dataset: GalaxyDataset, change: Change) -> StressMetrics:
    outputs = _predict_changed(model, dataset.images, change)
    probabilities = outputs[OUTPUT_NAME]
    metrics = classification_metrics(dataset.labels, probabilities, dataset.classes)
    return StressMetrics(
        accuracy=metrics.accuracy,
        macro_recall=metrics.macro_recall,
        calibration_error=metrics.calibration_error,
        confidence=float(probabilities.max(axis=1).mean()),
        status=status_metrics(dataset.labels, probabilities, outputs.get(FAMILIARITY_NAME)),
    )


def _predict_changed(model: Any, images: NDArray[np.uint8], change: Change) -> dict[str, NDArray[np.float32]]:
    parts = [predict_outputs(model, change(images[start : start + CHUNK])) for start in range(0, len(images), CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
