"""Begin a training with the weights of an earlier run."""

from __future__ import annotations

from typing import Any

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.networks.keras_model import load_model
from galaxy_train.networks.recipes import LOGITS, Recipe
from galaxy_train.run_folder import RunFolder
from galaxy_train.training.refit import has_seen_all
from galaxy_train.training.splits import divided_alike


def start_from(model: Any, run: RunFolder, classes: tuple[str, ...]) -> None:
    """Give a new network the weights of a trained one.

    Parameters
    ----------
    model : keras.Model
        Just built by a recipe.
    run : RunFolder
        A finished run of the same recipe.
    classes : tuple of str
        Classes of the new network. If the run had others, the last layer stays new.

    Raises
    ------
    DataError
        If the run is of another recipe, or a layer has another shape.
    """
    run.check_complete()
    metrics = run.read_metrics()
    if metrics["recipe"] != model.name:
        raise DataError(f"{run.path}: is a run of the recipe {metrics['recipe']}, not {model.name}; see --recipe")
    same_classes = tuple(metrics["classes"]) == classes
    trained = load_model(run.model)
    # Larger images get a pooling more, which has no weights.
    for new, old in zip(_with_weights(model), _with_weights(trained), strict=True):
        if new.name == LOGITS and not same_classes:
            continue
        weights = old.get_weights()
        if [weight.shape for weight in weights] != [weight.shape for weight in new.get_weights()]:
            raise DataError(
                f"{run.path}: its weights do not fit images of {model.input_shape[1]} px, they were trained on "
                f"{trained.input_shape[1]} px"
            )
        new.set_weights(weights)


def check_beginning(run: RunFolder, train: GalaxyDataset, recipe: Recipe, validation_split: float) -> None:
    """Check that a run has not learnt from what is held out from the training that begins with it.

    Parameters
    ----------
    run : RunFolder
        A finished run.
    train : GalaxyDataset
        Training set.
    recipe : Recipe
        Of the training that begins with it.
    validation_split : float
        Part of the training set that is held out.

    Raises
    ------
    DataError
        If it was trained on the same set without holding out the same part: the figures on that would be flattered.
    """
    metrics = run.read_metrics()
    same_data = metrics["data"]["train"]["sha256"] == train.sha256
    blind = divided_alike(metrics, train, recipe, validation_split) and not has_seen_all(metrics)
    if validation_split and same_data and not blind:
        raise DataError(
            f"{run.path}: has learnt from images of {train.file} that are held out here; begin with a run that had the "
            "same --weights and --validation-split and no --refit, or hold out none with --validation-split 0"
        )


def _with_weights(model: Any) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]
