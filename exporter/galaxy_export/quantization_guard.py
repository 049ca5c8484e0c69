"""The guard on int8: what quantization may cost, and that it does not make images depend on each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.errors import ParityError
from galaxy_export.parity import (
    MIDDLE_BATCH,
    PROBABILITY_TOLERANCE,
    Answers,
    batch_sizes,
    largest,
    onnx_runner,
    refuse_beyond,
)

#: What an int8 model may lose against the float one.
MIN_AGREEMENT: Final = 0.99
MAX_ACCURACY_LOSS: Final = 0.005


@dataclass(frozen=True, slots=True)
class QuantizationLoss:
    """What int8 costs, on labelled images.

    Parameters
    ----------
    agreement : float
        Share of the images whose class is that of the float model.
    accuracy, float_accuracy : float
        Of the int8 and of the float model.
    probability : float
        Largest absolute difference of a probability.
    """

    agreement: float
    accuracy: float
    float_accuracy: float
    probability: float


def check_quantization(
    reference: Answers, proto: onnx.ModelProto, pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> QuantizationLoss:
    """Compare an int8 graph with the float one that it was made from.

    Parameters
    ----------
    reference : Answers
        What the float model says about `pixels`.
    proto : onnx.ModelProto
        The int8 graph.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Real or realistic galaxies.
    labels : ndarray of int64, shape (N,)
        Their classes.

    Returns
    -------
    QuantizationLoss
        What was lost, within `MIN_AGREEMENT` and `MAX_ACCURACY_LOSS`.

    Raises
    ------
    ParityError
        If too much was lost, or an image's answer depends on the others in its batch.
    """
    run = onnx_runner(proto)
    answers = run(pixels, MIDDLE_BATCH)
    for size in batch_sizes(len(pixels)):
        batch_effect = largest(run(pixels, size).probabilities - answers.probabilities)
        refuse_beyond("probability (int8, against another batch size)", batch_effect, PROBABILITY_TOLERANCE, size)
    loss = QuantizationLoss(
        agreement=float((answers.predicted == reference.predicted).mean()),
        accuracy=float((answers.predicted == labels).mean()),
        float_accuracy=float((reference.predicted == labels).mean()),
        probability=largest(answers.probabilities - reference.probabilities),
    )
    if loss.agreement < MIN_AGREEMENT:
        raise ParityError(
            f"int8: {loss.agreement:.4%} of the classes agree with the float model, {MIN_AGREEMENT:.0%} must"
        )
    if loss.float_accuracy - loss.accuracy > MAX_ACCURACY_LOSS:
        raise ParityError(
            f"int8: accuracy falls from {loss.float_accuracy:.4f} to {loss.accuracy:.4f}, "
            f"by more than {MAX_ACCURACY_LOSS}"
        )
    return loss
