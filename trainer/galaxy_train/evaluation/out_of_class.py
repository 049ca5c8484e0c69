"""Measure what a network makes of images that belong to none of its classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.inference.contract import FAMILIARITY_NAME, OUTPUT_NAME
from galaxy_train.data.outliers.generate import generate_outliers
from galaxy_train.evaluation.metrics import THRESHOLDS, auroc
from galaxy_train.evaluation.statuses import is_ok, is_unfamiliar
from galaxy_train.networks.keras_model import predict_outputs
from galaxy_train.run_metrics.evaluations import OutOfClassMetrics

#: Seed of generated images; a training's --seed is lower.
OTHER_SEED: Final = 2**32


def generate_kinds(galaxies: NDArray[np.uint8], per_kind: int) -> dict[str, NDArray[np.uint8]]:
    """Generate images of no class, some from galaxies, which are none that a training has generated."""
    return generate_outliers(galaxies, per_kind, OTHER_SEED)


def evaluate_out_of_class(
    model: Any,
    kinds: Mapping[str, NDArray[np.uint8]],
    confidence: NDArray[np.floating[Any]],
    familiarity: NDArray[np.floating[Any]] | None,
) -> dict[str, OutOfClassMetrics]:
    """Compare what a network makes of images of its classes with what it makes of images of none.

    Parameters
    ----------
    model : keras.Model
        Takes uint8 pixels, gives probabilities and possibly familiarity.
    kinds : mapping
        Images by kind, shape (N, size, size, 3).
    confidence : ndarray of float, shape (M,)
        Confidence on the test images.
    familiarity : ndarray of float, shape (M,), or None
        Familiarity of the test images; None for a network without it.

    Returns
    -------
    dict
        Metrics by kind.
    """
    result = {}
    for kind, images in kinds.items():
        outputs = predict_outputs(model, images)
        outside = outputs[OUTPUT_NAME].max(axis=1)
        unlike: dict[str, float] = {}
        if familiarity is not None:
            strange = outputs[FAMILIARITY_NAME]
            unlike = {
                "familiarity_auroc": auroc(familiarity, strange),
                "unfamiliar": float(np.mean(is_unfamiliar(strange))),
                "ok": float(is_ok(outside, strange).mean()),
            }
        result[kind] = OutOfClassMetrics(
            images=len(images),
            auroc=auroc(confidence, outside),
            kept={f"{threshold:.2f}": float((outside >= threshold).mean()) for threshold in THRESHOLDS},
            **unlike,
        )
    return result
