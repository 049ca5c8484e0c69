"""The parity gate: compare an exported graph's predictions with those of the trained network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from galaxy_classify.errors import ClassError, GraphError, LogitError, ProbabilityError
from galaxy_classify.inference.contract import INPUT_NAME, OUTPUT_NAME
from galaxy_export.graph.convert import expose_compared_tensors, with_compared_tensors
from galaxy_train.networks.recipes import LOGITS

#: A correct export stays well below: both embedded models differ by 1.1e-6 on the stand-in's test set (docs/export.md).
PARITY_TOLERANCE: Final = 1e-5


#: Tolerance of logits, which are compared relative to their size, as a multiple of that of probabilities.
LOGIT_FACTOR: Final = 10


#: An image may change its class only if the trained model's two largest probabilities differ by less than this.
MARGIN: Final = 1e-4


BATCH_SIZES: Final = (1, 3, 17, 64, 256)


@dataclass(frozen=True, slots=True)
class Predictions:
    """A model's predictions: logits (before temperature and softmax) and probabilities, shape (N, classes)."""

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    familiarity_logit: NDArray[np.float32] | None = None
    familiarity: NDArray[np.float32] | None = None
    embedding: NDArray[np.float32] | None = None

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The predicted class index of each image."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference between two arrays with one row per image.

    Parameters
    ----------
    absolute : float
        Largest absolute difference; infinite if there is a NaN.
    relative : float
        Largest difference relative to the largest value of the same image (for logits: at least 1).
    image : int
        Position of the image with the largest absolute difference.
    """

    absolute: float
    relative: float
    image: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences between a model's predictions and the reference, at one batch size.

    Parameters
    ----------
    batch_size : int
        Images per batch; the last batch may have fewer.
    logits, probabilities : Difference
        The largest differences.
    agreement : float
        Share of the images that get the same class.
    widest_margin : float or None
        Among images that get another class, the largest distance between the reference's two largest probabilities;
        None if there are none.
    """

    batch_size: int
    logits: Difference
    probabilities: Difference
    agreement: float
    widest_margin: float | None


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
        Absolute tolerance of probabilities; the relative tolerance of logits is `LOGIT_FACTOR` times as large.
    """

    images: int
    comparisons: tuple[Comparison, ...]
    tolerance: float

    @property
    def logit_tolerance(self) -> float:
        """Largest relative difference of a logit."""
        return self.tolerance * LOGIT_FACTOR

    def check(self) -> None:
        """Raise an error if a limit is exceeded; logits are checked first, then probabilities, then classes.

        Raises
        ------
        LogitError, ProbabilityError, ClassError
            The message states the difference, the image, the batch size and the limit.
        """
        for row in self.comparisons:
            if row.logits.relative > self.logit_tolerance:
                raise LogitError(_beyond("relative difference of a logit", row.logits, self.logit_tolerance, row))
        for row in self.comparisons:
            if row.probabilities.absolute > self.tolerance:
                raise ProbabilityError(_beyond("difference of a probability", row.probabilities, self.tolerance, row))
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
            "largest_probability_difference": max(row.probabilities.absolute for row in self.comparisons),
            "largest_logit_difference": max(row.logits.relative for row in self.comparisons),
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


def keras_predictions(model: Any, pixels: NDArray[np.uint8]) -> Predictions:
    """Predict uint8 pixels (N, height, width, 3) with a Keras network."""
    found = with_compared_tensors(model).predict(pixels, batch_size=256, verbose=0)
    return Predictions(**found)


def onnx_runner(proto: onnx.ModelProto) -> Callable[[NDArray[np.uint8], int], Predictions]:
    """Return a function that predicts pixels with a graph, at a given batch size.

    Raises
    ------
    LogitError
        If the graph has no tensor ``logits``.
    """
    exposed, names = expose_compared_tensors(proto)
    session = onnxruntime.InferenceSession(exposed.SerializeToString(), providers=["CPUExecutionProvider"])

    def predict(pixels: NDArray[np.uint8], batch_size: int) -> Predictions:
        batches = [
            session.run(names, {INPUT_NAME: pixels[start : start + batch_size]})
            for start in range(0, len(pixels), batch_size)
        ]
        parts = map(np.concatenate, zip(*batches, strict=True))
        return Predictions(**dict(zip(names, parts, strict=True)))

    return predict


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
        The graph, with a tensor ``logits``.
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
    LogitError
        If the graph has no tensor ``logits``.
    """
    run = onnx_runner(proto)
    comparisons = tuple(compare(reference, run(pixels, size), size) for size in batch_sizes(len(pixels)))
    return Parity(len(pixels), comparisons, tolerance)


def compare(reference: Predictions, predictions: Predictions, batch_size: int) -> Comparison:
    """Measure the differences between predictions and the reference."""
    second, best = np.sort(reference.probabilities, axis=1)[:, -2:].T
    changed = predictions.predicted != reference.predicted
    return Comparison(
        batch_size,
        _difference(reference.logits, predictions.logits, at_least=1),
        _difference(reference.probabilities, predictions.probabilities, at_least=0),
        float((~changed).mean()),
        float((best - second)[changed].max()) if changed.any() else None,
    )


def _difference(reference: NDArray[np.float32], values: NDArray[np.float32], *, at_least: float) -> Difference:
    distance = np.nan_to_num(np.abs(values - reference), nan=np.inf).max(axis=1)
    scale = np.maximum(np.abs(reference).max(axis=1), at_least)
    return Difference(float(distance.max()), float((distance / scale).max()), int(distance.argmax()))


def _beyond(what: str, difference: Difference, tolerance: float, row: Comparison) -> str:
    value = difference.relative if what.startswith("relative") else difference.absolute
    return (
        f"parity: the largest {what} is {value:.3g} (image {difference.image}) at batch size {row.batch_size}, "
        f"beyond the tolerance {tolerance:.3g}"
    )
