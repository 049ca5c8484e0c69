"""Training parameters: a recipe's defaults, and comparison with those of an earlier run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from galaxy_classify.results.provenance import differences
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.run_metrics.parameters import TrainingParameters

if TYPE_CHECKING:
    from galaxy_train.data.dataset import GalaxyDataset
    from galaxy_train.run_metrics.runs import RunMetrics


AUGMENTATIONS: Final = ("plain", "wide")


@dataclass(frozen=True, slots=True)
class FitParameters(TrainingParameters):
    """Parameters of a training that is to be done."""

    @classmethod
    def of_recipe(cls, recipe: str, **chosen: Any) -> FitParameters:
        """Return a recipe's defaults, except where another value is chosen; None chooses the default.

        Examples
        --------
        >>> FitParameters.of_recipe("mlp", epochs=3).batch_size
        1000
        """
        own = RECIPES[recipe]
        defaults = {
            "epochs": own.epochs,
            "batch_size": own.batch_size,
            "learning_rate": own.learning_rate,
            "augment": "wide" if own.wide else "plain",
        }
        return cls(recipe, **defaults | {name: value for name, value in chosen.items() if value is not None})

    def differences_from(self, metrics: RunMetrics, train: GalaxyDataset) -> list[str]:
        """Describe how a run's parameters and training set differ from these and from `train`; empty if they do not."""
        before = {"data": metrics.data.train.to_json(), **metrics.parameters.to_json()}
        return list(differences(before, {"data": train.record().to_json(), **self.to_json()}))
