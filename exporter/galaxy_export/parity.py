"""The parity gate: compare an exported graph's predictions with those of the trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.errors import ClassError, ContractError, GraphError
from galaxy_export.graph.comparison import MEASURES, Comparison, Measure, compare
from galaxy_export.graph.convert import network_outputs
from galaxy_export.graph.predictions import Predictions, onnx_runner

#: A correct export stays well below: both embedded models differ by 1.1e-6 on the stand-in's test set (docs/export.md).
PARITY_TOLERANCE: Final = 1e-5


#: Tolerance of logits, which are compared relative to their size, as a multiple of that of probabilities.
LOGIT_FACTOR: Final = 10


#: An image may change its class only if the trained model's two largest probabilities differ by less than this.
MARGIN: Final = 1e-4


BATCH_SIZES: Final = (1, 3, 17, 64, 256)


@dataclass(frozen=True, slots=True)
class Parity:
    """The result of comparing a graph with the trained network.

    Parameters
    ----------
    images : int
        Number of images compared.
    comparisons : tuple of Comparison
        One per batch size.
    tolerance : float
        Absolute tolerance of probabilities and familiarities; the relative tolerance of logits and embeddings is
        `LOGIT_FACTOR` times as large.
    """

    images: int
    comparisons: tuple[Comparison, ...]
    tolerance: float

    @property
    def logit_tolerance(self) -> float:
        """Largest relative difference of a logit."""
        return self.tolerance * LOGIT_FACTOR

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that the compared models have, in the order of the gate."""
        return tuple(measure for measure in MEASURES if self.largest(measure) is not None)

    def largest(self, measure: Measure) -> float | None:
        """Return the largest difference by one measure at any batch size; None if the models have no such output."""
        return max((found for row in self.comparisons if (found := measure.of(row)) is not None), default=None)

    def limit(self, measure: Measure) -> float:
        """Return the largest difference by one measure that is accepted."""
        return self.logit_tolerance if measure.relative else self.tolerance

    def check(self) -> None:
        """Raise an error if a limit is exceeded; the order is that of `MEASURES`, with classes after probabilities.

        Raises
        ------
        LogitError, ProbabilityError, ClassError, FamiliarityError, EmbeddingError
            The message states the difference, the image, the batch size and the limit.
        """
        for measure in self.measures:
            for row in self.comparisons:
                self._check_difference(measure, row)
            if measure.field == "probabilities":
                self._check_classes()

    def _check_difference(self, measure: Measure, row: Comparison) -> None:
        found, difference, limit = measure.of(row), measure.difference(row), self.limit(measure)
        if found is not None and difference is not None and found > limit:
            raise measure.error(
                f"parity: the largest {measure.name} is {found:.3g} (image {difference.image}) at batch size "
                f"{row.batch_size}, beyond the tolerance {limit:.3g}"
            )

    def _check_classes(self) -> None:
        for row in self.comparisons:
            if row.widest_margin is not None and row.widest_margin >= MARGIN:
                raise ClassError(
                    f"parity: at batch size {row.batch_size} only {row.agreement:.4%} of the images get the class that "
                    f"the trained model gives; the widest margin among the others is {row.widest_margin:.3g}, "
                    f"below {MARGIN:.3g} is tolerated"
                )

    def to_metadata(self) -> dict[str, Any]:
        """Return the result for the metadata of the model file."""
        return {
            "images": self.images,
            "batch_sizes": [row.batch_size for row in self.comparisons],
            **{measure.key: self.largest(measure) for measure in self.measures},
            "class_agreement": min(row.agreement for row in self.comparisons),
            "probability_tolerance": self.tolerance,
            "logit_tolerance": self.logit_tolerance,
        }


def batch_sizes(images: int) -> list[int]:
    """Return the batch sizes to compare at; at least one leaves a smaller last batch.

    Examples
    --------
    >>> batch_sizes(1008)
    [1, 3, 17, 64, 256]
    >>> batch_sizes(51)
    [1, 3, 17, 16]
    """
    sizes = [size for size in BATCH_SIZES if size <= images]
    if not any(images % size for size in sizes):
        sizes.append(sizes[-1] - 1)
    return sizes


def check_graph(proto: onnx.ModelProto) -> None:
    """Check a graph with the ONNX checker, shapes and types included.

    Raises
    ------
    GraphError
        If the checker refuses it; the message has its reason.
    """
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise GraphError(f"parity: the ONNX checker refuses the graph: {' '.join(str(error).split())}") from None


def check_outputs(proto: onnx.ModelProto, network: Any) -> None:
    """Check that a graph has the outputs of the trained network, in the order of the contract.

    Raises
    ------
    ContractError
        If it lacks one, has another, or has them in another order.
    """
    found, wanted = tuple(output.name for output in proto.graph.output), network_outputs(network)
    if found != wanted:
        raise ContractError(
            f"contract: outputs are {', '.join(found)}, but the trained network has {', '.join(wanted)}"
        )


def measure_parity(
    reference: Predictions,
    proto: onnx.ModelProto,
    pixels: NDArray[np.uint8],
    tolerance: float = PARITY_TOLERANCE,
) -> Parity:
    """Compare a graph with the trained network, on every image and at several batch sizes.

    Parameters
    ----------
    reference : Predictions
        The network's predictions for `pixels`.
    proto : onnx.ModelProto
        The graph, with the same outputs as the network and a tensor ``logits``.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Real or realistic galaxies; on noise the softmax saturates, which hides errors.
    tolerance : float, optional
        Largest difference of a probability that `Parity.check` accepts.

    Returns
    -------
    Parity
        The differences, not yet checked against the limits.

    Raises
    ------
    LogitError, FamiliarityError
        If the graph has no tensor ``logits``, or a familiarity but no tensor ``familiarity_logit``.
    """
    run = onnx_runner(proto)
    comparisons = tuple(compare(reference, run(pixels, size), size) for size in batch_sizes(len(pixels)))
    return Parity(len(pixels), comparisons, tolerance)
