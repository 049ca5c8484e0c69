"""The record of what a training depends on besides its data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from galaxy_classify.errors import DataError
from galaxy_train.run_metrics.fields import field_values


@dataclass(frozen=True, slots=True)
class TrainingParameters:
    """Everything that a training depends on besides its data.

    Parameters
    ----------
    recipe : str
        Name of the recipe.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images per step.
    learning_rate : float
        Highest learning rate of Adam or AdamW.
    validation_split : float
        Fraction of the training set that is held out, chosen as the recipe says; 0 for none.
    balance : float
        0 weighs every image alike, 1 weighs every class alike; values between are a power of the class weights.
    seed : int
        Seed of initial weights, shuffling, dropout and augmentation. The held-out images are the same for all seeds.
    init : str or None
        SHA-256 of the network that a warm start took its weights from.
    teachers : tuple of str
        SHA-256 of each teacher network.
    unlabelled : str or None
        SHA-256 of the file with unlabelled images for the distillation.
    fold : str or None
        In a cross-validation, the fold that is left out as well, for example ``"2/5"``.
    augment : {"plain", "wide"}
        Whether images change as those of one survey differ, or a part of them as those of different surveys do.
    outliers : str or None
        SHA-256 of the given outliers for the familiarity.
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
    augment: str = "plain"
    outliers: str | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the parameters of a run.

        Raises
        ------
        DataError
            If a parameter is missing, or is not known to this version.
        """
        values = field_values(cls, content)
        if unknown := content.keys() - values.keys():
            raise DataError(f"has parameters that this version does not know: {', '.join(sorted(unknown))}")
        return cls(**values | {"teachers": tuple(values.get("teachers", ()))})

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as JSON values."""
        return asdict(self) | {"teachers": list(self.teachers)}
