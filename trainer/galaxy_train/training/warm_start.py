"""Warm start: begin a training with the weights of an earlier run."""

from __future__ import annotations

from typing import Any

import numpy as np

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.networks.keras_model import load_model
from galaxy_train.networks.recipes import LATE_LOGIT, LOGITS, Recipe
from galaxy_train.run_folder import RunFolder
from galaxy_train.training.splits import has_seen_held_out


def start_from(model: Any, run: RunFolder, classes: tuple[str, ...]) -> None:
    """Copy the weights of a finished run into a new network; if the classes differ, the last layer stays new.

    Raises
    ------
    DataError
        If the run is of another recipe, or a layer has another shape.
    """
    run.check_complete()
    metrics = run.read_metrics()
    if metrics.recipe != model.name:
        raise DataError(f"{run.path}: is a run of the recipe {metrics.recipe}, not {model.name}; see --recipe")
    same_classes = metrics.classes == classes
    trained = load_model(run.model)
    # Only layers with weights are compared: networks for larger images have one more pooling layer, without weights.
    for new, old in zip(_with_weights(model), _with_weights(trained), strict=True):
        if new.name == LOGITS and not same_classes:
            continue
        weights = old.get_weights()
        if [weight.shape for weight in weights] != [weight.shape for weight in new.get_weights()]:
            raise DataError(
                f"{run.path}: its weights do not fit images of {model.input_shape[1]} px, they were trained on "
                f"{trained.input_shape[1]} px"
            )
        # The second head of the familiarity is trained anew, after the network, and has to stay out of it until then.
        new.set_weights([np.zeros_like(weight) for weight in weights] if new.name == LATE_LOGIT else weights)


def check_warm_start(run: RunFolder, train: GalaxyDataset, recipe: Recipe, validation_split: float) -> None:
    """Check that a run was not trained on images that are held out from the training that starts from it.

    Raises
    ------
    DataError
        If it was trained on the same set without holding out the same images: metrics on those would be too good.
    """
    if validation_split and has_seen_held_out(run.read_metrics(), train, recipe, validation_split):
        raise DataError(
            f"{run.path}: was trained on images of {train.file} that are held out here; start from a run with the same "
            "--weights and --validation-split and no --refit, or hold out none with --validation-split 0"
        )


def _with_weights(model: Any) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]
