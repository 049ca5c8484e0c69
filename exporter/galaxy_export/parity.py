"""The parity gate: an exported graph must answer as the network that it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from galaxy_classify.contract import INPUT_NAME, OUTPUT_NAME
from galaxy_classify.errors import ParityError
from galaxy_export.conversion import expose_logits, with_logits
from galaxy_train.recipes import LOGITS

#: Honest exports differ by 4e-7 (MLP) to 1e-6 (CNN) in probability.
PROBABILITY_TOLERANCE: Final = 1e-5
#: Logits are compared relative to their size, and may differ by this much more than probabilities.
LOGIT_FACTOR: Final = 10
MIDDLE_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says about a set of images.

    Parameters
    ----------
    logits, probabilities : ndarray of float32, shape (N, classes)
        Before temperature and softmax, and after.
    """

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The class index of each image."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a model's answers are from the reference, at one batch size.

    Parameters
    ----------
    batch_size : int
        Images in a batch; the last one may hold fewer.
    probability : float
        Largest absolute difference of a probability.
    logit : float
        Largest difference of a logit, relative to the image's largest logit (at least 1).
    agreement : float
        Share of the images that get the same class. Where the reference's two best probabilities are closer
        than the tolerance, either counts as the same.
    """

    batch_size: int
    probability: float
    logit: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Parity:
    """A passed parity gate.

    Parameters
    ----------
    images : int
        How many were compared.
    comparisons : tuple of Comparison
        One for each batch size.
    tolerance : float
        For probabilities; that for logits is `LOGIT_FACTOR` times as large.
    """

    images: int
    comparisons: tuple[Comparison, ...]
    tolerance: float

    def to_metadata(self) -> dict[str, Any]:
        """Return what the model file says of its proof."""
        return {
            "images": self.images,
            "batch_sizes": [comparison.batch_size for comparison in self.comparisons],
            "largest_probability_difference": max(comparison.probability for comparison in self.comparisons),
            "largest_logit_difference": max(comparison.logit for comparison in self.comparisons),
            "class_agreement": min(comparison.agreement for comparison in self.comparisons),
            "probability_tolerance": self.tolerance,
            "logit_tolerance": self.tolerance * LOGIT_FACTOR,
        }


def batch_sizes(images: int) -> list[int]:
    """Return the batch sizes to check: single images, a middle size, and one that leaves a ragged last batch.

    Examples
    --------
    >>> batch_sizes(1008)
    [1, 64]
    >>> batch_sizes(1024)
    [1, 64, 63]
    """
    middle = min(MIDDLE_BATCH, images // 2)
    ragged = next(size for size in range(middle, 0, -1) if size == 1 or images % size)
    return list(dict.fromkeys((1, middle, ragged)))


def keras_answers(model: Any, pixels: NDArray[np.uint8]) -> Answers:
    """Return what a Keras network says.

    Parameters
    ----------
    model : keras.Model
        Built by a recipe.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        RGB pixels.
    """
    logits, probabilities = with_logits(model).predict(pixels, batch_size=256, verbose=0)
    return Answers(logits, probabilities)


def onnx_runner(proto: onnx.ModelProto) -> Callable[[NDArray[np.uint8], int], Answers]:
    """Return a function that gives a graph's answers on pixels, at a batch size."""
    session = onnxruntime.InferenceSession(expose_logits(proto).SerializeToString(), providers=["CPUExecutionProvider"])

    def answer(pixels: NDArray[np.uint8], batch_size: int) -> Answers:
        batches = [
            session.run([LOGITS, OUTPUT_NAME], {INPUT_NAME: pixels[start : start + batch_size]})
            for start in range(0, len(pixels), batch_size)
        ]
        logits, probabilities = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        return Answers(logits, probabilities)

    return answer


def check_parity(
    reference: Answers,
    proto: onnx.ModelProto,
    pixels: NDArray[np.uint8],
    tolerance: float = PROBABILITY_TOLERANCE,
) -> Parity:
    """Compare a graph with the network that it came from, at several batch sizes.

    Parameters
    ----------
    reference : Answers
        What the network says about `pixels`.
    proto : onnx.ModelProto
        The graph, with a tensor ``logits``.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Real or realistic galaxies: on noise the softmax saturates and hides errors.
    tolerance : float, optional
        Largest difference of a probability.

    Returns
    -------
    Parity
        The differences, all within tolerance.

    Raises
    ------
    ParityError
        If the graph answers differently; the message gives the difference and the tolerance.
    """
    run = onnx_runner(proto)
    comparisons = tuple(compare(reference, run(pixels, size), size, tolerance) for size in batch_sizes(len(pixels)))
    for comparison in comparisons:
        refuse_beyond("logit (relative)", comparison.logit, tolerance * LOGIT_FACTOR, comparison.batch_size)
        refuse_beyond("probability", comparison.probability, tolerance, comparison.batch_size)
        if comparison.agreement < 1:
            raise ParityError(
                f"parity: at batch size {comparison.batch_size} only {comparison.agreement:.4%} of the images "
                "get the class that the trained model gives, all must"
            )
    return Parity(len(pixels), comparisons, tolerance)


def compare(reference: Answers, answers: Answers, batch_size: int, tolerance: float) -> Comparison:
    """Measure how far answers are from the reference; what is not a number counts as infinitely far."""
    scale = np.maximum(np.abs(reference.logits).max(axis=1, keepdims=True), 1)
    second, best = np.sort(reference.probabilities, axis=1)[:, -2:].T
    same = (answers.predicted == reference.predicted) | (best - second < tolerance)
    return Comparison(
        batch_size,
        largest(answers.probabilities - reference.probabilities),
        largest((answers.logits - reference.logits) / scale),
        float(same.mean()),
    )


def largest(differences: NDArray[np.float32]) -> float:
    """Return the largest absolute difference; what is not a number counts as infinite."""
    return float(np.nan_to_num(np.abs(differences), nan=np.inf).max())


def refuse_beyond(what: str, difference: float, tolerance: float, batch_size: int) -> None:
    """Raise a `ParityError` that names a difference and its tolerance, if it is beyond."""
    if difference > tolerance:
        raise ParityError(
            f"parity: the largest difference of a {what} is {difference:.3g} at batch size {batch_size}, "
            f"beyond the tolerance {tolerance:.3g}"
        )
