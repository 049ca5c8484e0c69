"""The int8 guard: limit what quantization costs, and ensure that images do not depend on their batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.errors import QuantizationError
from galaxy_export.parity import PARITY_TOLERANCE, Predictions, batch_sizes, compare, onnx_runner
from galaxy_train.evaluation.metrics import expected_calibration_error

#: Smallest share of images whose class stays that of the float model.
MIN_AGREEMENT: Final = 0.99


#: Largest fall of the accuracy.
MAX_ACCURACY_LOSS: Final = 0.005


#: Largest rise of the expected calibration error.
MAX_CALIBRATION_LOSS: Final = 0.01


@dataclass(frozen=True, slots=True)
class QuantizationLoss:
    """The cost of int8, measured on labelled images.

    Parameters
    ----------
    agreement : float
        Share of the images whose class is that of the float model.
    accuracy, float_accuracy : float
        Accuracy of the int8 and of the float model.
    macro_recall : float
        Mean of the recalls of the int8 model.
    calibration_error, float_calibration_error : float
        Expected calibration error (15 bins) of the int8 and of the float model.
    probability : float
        Largest absolute difference of a probability.
    """

    agreement: float
    accuracy: float
    float_accuracy: float
    macro_recall: float
    calibration_error: float
    float_calibration_error: float
    probability: float


def check_quantization(
    reference: Predictions, proto: onnx.ModelProto, pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> QuantizationLoss:
    """Compare an int8 graph with the float model, and refuse one that costs too much.

    Parameters
    ----------
    reference : Predictions
        The float model's predictions for `pixels`.
    proto : onnx.ModelProto
        The int8 graph.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Real or realistic galaxies.
    labels : ndarray of int64, shape (N,)
        Their classes.

    Returns
    -------
    QuantizationLoss
        The cost, within `MIN_AGREEMENT`, `MAX_ACCURACY_LOSS` and `MAX_CALIBRATION_LOSS`.

    Raises
    ------
    QuantizationError
        If the cost is too high, or an image's probabilities depend on the others in its batch.
    """
    run = onnx_runner(proto)
    predictions = run(pixels, 1)
    for size in batch_sizes(len(pixels))[1:]:
        effect = compare(predictions, run(pixels, size), size).probabilities.absolute
        if effect > PARITY_TOLERANCE:
            raise QuantizationError(
                f"int8: an image's prediction depends on the others in its batch: at batch size {size} a probability "
                f"differs by {effect:.3g} from that of the image alone, the limit is {PARITY_TOLERANCE:.3g}"
            )
    loss_against_float = compare(reference, predictions, 1)
    loss = QuantizationLoss(
        agreement=loss_against_float.agreement,
        accuracy=float((predictions.predicted == labels).mean()),
        float_accuracy=float((reference.predicted == labels).mean()),
        macro_recall=float(
            np.mean([(predictions.predicted[labels == each] == each).mean() for each in np.unique(labels)])
        ),
        calibration_error=expected_calibration_error(labels, predictions.probabilities),
        float_calibration_error=expected_calibration_error(labels, reference.probabilities),
        probability=loss_against_float.probabilities.absolute,
    )
    if loss.agreement < MIN_AGREEMENT:
        raise QuantizationError(
            f"int8: {loss.agreement:.4%} of the classes agree with the float model, {MIN_AGREEMENT:.0%} must agree"
        )
    if loss.float_accuracy - loss.accuracy > MAX_ACCURACY_LOSS:
        raise QuantizationError(
            f"int8: accuracy falls from {loss.float_accuracy:.4f} to {loss.accuracy:.4f}, "
            f"by more than {MAX_ACCURACY_LOSS}"
        )
    if loss.calibration_error - loss.float_calibration_error > MAX_CALIBRATION_LOSS:
        raise QuantizationError(
            f"int8: the expected calibration error rises from {loss.float_calibration_error:.4f} to "
            f"{loss.calibration_error:.4f}, by more than {MAX_CALIBRATION_LOSS}"
        )
    return loss
