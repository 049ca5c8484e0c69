"""Everything that a training depends on besides the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from galaxy_classify.results.provenance import differences
from galaxy_train.networks.recipes import RECIPES

if TYPE_CHECKING:
    from galaxy_train.data.dataset import GalaxyDataset


@dataclass(frozen=True, slots=True)
class FitParameters:
    """Everything that a training depends on besides the data.

    Parameters
    ----------
    recipe : str
        Name in `RECIPES`.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images a step.
    learning_rate : float
        Adam's, at its highest.
    validation_split : float
        Fraction of the training images that is held out, as the recipe says which; 0 for none.
    balance : float
        0 if every image counts alike, 1 if every class does; between, the classes' weights are a power of that.
    seed : int
        Seed of weights, shuffling, dropout and augmentation; the held-out images are the same for all seeds.
    init : str or None
        SHA-256 of the network whose weights were the beginning, if any.
    teachers : tuple of str
        SHA-256 of the networks whose answers are among the targets.
    unlabelled : str or None
        SHA-256 of the file with further images that only the teachers have labelled, if any.
    fold : str or None
        In a cross-validation, which part of what is not held out is left out as well, as in ``"2/5"``.
    """

    recipe: str
    epochs: int
    batch_size: int
    learning_rate: float
    validation_split: float = 0.2
    balance: float = 0.0
    seed: int = 0
    init: str | None = None
    teachers: tuple[str, ...] = ()
    unlabelled: str | None = None
    fold: str | None = None

    @classmethod
    def of_recipe(cls, recipe: str, **chosen: Any) -> FitParameters:
        """Return a recipe's parameters, some of them chosen otherwise.

        Parameters
        ----------
        recipe : str
            Name in `RECIPES`.
        **chosen
            Parameters by name; None leaves the recipe's own.

        Examples
        --------
        >>> FitParameters.of_recipe("mlp", epochs=3).batch_size
        1000
        """
        own = RECIPES[recipe]
        defaults = {"epochs": own.epochs, "batch_size": own.batch_size, "learning_rate": own.learning_rate}
        return cls(recipe, **defaults | {name: value for name, value in chosen.items() if value is not None})

    def differences_from(self, metrics: dict[str, Any], train: GalaxyDataset) -> list[str]:
        """Return in words what a run was trained with otherwise.

        Parameters
        ----------
        metrics : dict
            ``metrics.json`` of the run.
        train : GalaxyDataset
            Training set that goes with these parameters.
        """
        # Runs of before a parameter existed do not name it.
        before = type(self)(**metrics["parameters"]).described()
        return list(
            differences({"data": metrics["data"]["train"], **before}, {"data": train.summary(), **self.described()})
        )

    def described(self) -> dict[str, Any]:
        """Return the parameters as they stand in ``metrics.json``."""
        return asdict(self) | {"teachers": list(self.teachers)}
