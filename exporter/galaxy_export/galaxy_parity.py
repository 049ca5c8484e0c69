"""The parity gate of galaxy models: the gate of `galaxy_export.gate`, and the outputs that the contract names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.errors import ClassError, ContractError, GraphError
from galaxy_classify.inference.contract import OUTPUT_NAME
from galaxy_export.gate.batches import batch_sizes
from galaxy_export.gate.comparison import BatchComparison
from galaxy_export.gate.differences import MARGIN, Agreement
from galaxy_export.graph.comparison import LOGIT_FACTOR, MEASURES, PARITY_TOLERANCE, Measure, compare
from galaxy_export.graph.convert import network_outputs
from galaxy_export.graph.predictions import Predictions, onnx_runner


@dataclass(frozen=True, slots=True)
class Parity:
    """The result of comparing a graph with the trained network.

    Parameters
    ----------
    images : int
        Number of images compared.
    comparisons : tuple of BatchComparison
        One per batch size, each made with the tolerance.
    tolerance : float
        Absolute tolerance of probabilities and familiarities; the relative tolerance of logits and embeddings is
        `LOGIT_FACTOR` times as large.
    """

    images: int
    comparisons: tuple[BatchComparison, ...]
    tolerance: float

    @property
    def logit_tolerance(self) -> float:
        """Largest relative difference of a logit."""
        return self.tolerance * LOGIT_FACTOR

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that the compared models have, in the order of the gate."""
        return tuple(measure for measure in MEASURES if measure.field in self.comparisons[0].differences)

    def largest(self, measure: Measure) -> float:
        """Return the largest difference by one measure at any batch size."""
        return max(measure.of(row.differences[measure.field]) for row in self.comparisons)

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
            if measure.field == OUTPUT_NAME:
                self._check_classes()

    def _check_difference(self, measure: Measure, row: BatchComparison) -> None:
        difference = row.differences[measure.field]
        if not difference.accepted:
            raise measure.error(
                f"parity: the largest {measure.name} is {measure.of(difference):.3g} (image {difference.sample}) at "
                f"batch size {row.batch_size}, beyond the tolerance {self.limit(measure):.3g}"
            )

    def _check_classes(self) -> None:
        for row in self.comparisons:
            found = class_agreement(row)
            if found.changed:
                raise ClassError(
                    f"parity: at batch size {row.batch_size} only {found.agreement:.4%} of the images get the class "
                    f"that the trained model gives; the widest margin among the others is {found.widest_margin:.3g}, "
                    f"below {MARGIN:.3g} is tolerated"
                )

    def to_json(self) -> dict[str, Any]:
        """Return the result for a report."""
        return {
            "images": self.images,
            "comparisons": [self._row(row) for row in self.comparisons],
            "tolerance": self.tolerance,
            "logit_tolerance": self.logit_tolerance,
            "tolerated_margin": MARGIN,
        }

    def _row(self, row: BatchComparison) -> dict[str, Any]:
        differences = {
            name: {"absolute": found.absolute, "relative": found.relative, "image": found.sample}
            for name, found in row.differences.items()
        }
        found = class_agreement(row)
        classes = {"agreement": found.agreement, "widest_margin": found.widest_margin}
        return {"batch_size": row.batch_size, **differences, **classes}

    def to_metadata(self) -> dict[str, Any]:
        """Return the result for the metadata of the model file."""
        return {
            "images": self.images,
            "batch_sizes": [row.batch_size for row in self.comparisons],
            **{measure.key: self.largest(measure) for measure in self.measures},
            "class_agreement": min(class_agreement(row).agreement for row in self.comparisons),
            "probability_tolerance": self.tolerance,
            "logit_tolerance": self.logit_tolerance,
        }


def class_agreement(row: BatchComparison) -> Agreement:
    """Return how many images get the class that the trained network gives."""
    return row.classes[OUTPUT_NAME]


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
    comparisons = tuple(compare(reference, run(pixels, size), size, tolerance) for size in batch_sizes(len(pixels)))
    return Parity(len(pixels), comparisons, tolerance)
