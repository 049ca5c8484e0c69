"""One of the two models of a comparison, with its inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from galaxy_export.gate.batches import Arrays, count_samples, run_in_batches, take
from galaxy_export.gate.models.model import Model, ModelRunError


class Side:
    """A model with its inputs, and the names that its outputs have in the comparison."""

    def __init__(
        self, model: Model, inputs: Arrays, advance: Callable[[int], None], left_out: Collection[str] = ()
    ) -> None:
        self.model = model
        self.inputs = inputs
        #: Whether its outputs have names of their own; known once it has run.
        self.named = True
        #: Outputs that are left out and have no row for each sample, such as a loss.
        self.dropped: set[str] = set()
        self._left_out = left_out
        self._names: dict[str, str] = {}
        self._advance = advance

    def run(self, size: int, samples: slice = slice(None)) -> Arrays:
        """Return the outputs for the samples, in batches; raise `ModelRunError` if the model fails."""
        inputs = take(self.inputs, samples)
        try:
            found = run_in_batches(self._run_batch, inputs, size)
        except (ValueError, KeyError):  # of np.concatenate, and of an output that not every batch has
            raise ModelRunError("its outputs have other shapes or names from batch to batch") from None
        return self.with_names(found)

    def use_names(self, names: Sequence[str]) -> None:
        """Give names to outputs that have none, in order."""
        self._names = {_default_name(number, len(names)): name for number, name in enumerate(names)}

    def with_names(self, outputs: Arrays) -> Arrays:
        """Return outputs under the names that were given to them."""
        return {self._names.get(name, name): array for name, array in outputs.items()}

    def _run_batch(self, batch: Arrays) -> Arrays:
        count = count_samples(batch)
        found = self.model.run(batch)
        if isinstance(found, list):
            self.named = False
            found = {_default_name(number, len(found)): array for number, array in enumerate(found)}
        self.dropped |= {name for name in found.keys() & self._left_out if found[name].shape[:1] != (count,)}
        found = {name: array for name, array in found.items() if name not in self.dropped}
        for name, array in found.items():
            if array.shape[:1] != (count,):
                raise ModelRunError(f"its output {name!r} has the shape {list(array.shape)} for a batch of {count}")
        self._advance(count)
        return found


def _default_name(number: int, count: int) -> str:
    return "output" if count == 1 else f"output {number}"
