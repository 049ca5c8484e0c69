"""The int8 guard: limit what quantization costs, and ensure that images do not depend on their batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.defaults import MIN_FAMILIARITY
from galaxy_classify.errors import QuantizationError
from galaxy_classify.inference.contract import OUTPUT_NAME
from galaxy_export.galaxy_parity import Parity, class_agreement
from galaxy_export.gate.batches import batch_sizes
from galaxy_export.graph.comparison import PARITY_TOLERANCE, compare
from galaxy_export.graph.predictions import Predictions, onnx_runner
from galaxy_train.evaluation.metrics import expected_calibration_error

#: Smallest share of images whose class stays that of the float model.
MIN_AGREEMENT: Final = 0.99


#: Largest fall of the accuracy.
MAX_ACCURACY_LOSS: Final = 0.005


#: Largest rise of the expected calibration error.
MAX_CALIBRATION_LOSS: Final = 0.01


#: Smallest share of images that stay on their side of `MIN_FAMILIARITY`, as for classes.
MIN_FAMILIARITY_AGREEMENT: Final = 0.99


#: Largest rise of the share of images below `MIN_FAMILIARITY`. The trainer puts 2 % of galaxies there, so that int8
#: may flag a quarter more of them.
MAX_UNFAMILIAR_RISE: Final = 0.005


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
    familiarity_agreement : float or None
        Share of the images whose familiarity is on the same side of `MIN_FAMILIARITY` as the float model's; None for
        models without familiarity, as are the next two.
    unfamiliar, float_unfamiliar : float or None
        Share of the images below `MIN_FAMILIARITY`, of the int8 and of the float model.
    """

    agreement: float
    accuracy: float
    float_accuracy: float
    macro_recall: float
    calibration_error: float
    float_calibration_error: float
    probability: float
    familiarity_agreement: float | None = None
    unfamiliar: float | None = None
    float_unfamiliar: float | None = None

    def to_metadata(self) -> dict[str, float]:
        """Return the cost for the metadata of the model file, without what such a model does not have."""
        return {name: value for name, value in asdict(self).items() if value is not None}


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
        The cost, within the limits of this module.

    Raises
    ------
    QuantizationError
        If the cost is too high, or what an image gets depends on the others in its batch.
    """
    run = onnx_runner(proto)
    predictions = run(pixels, 1)
    _check_batches(predictions, run, pixels)
    loss_against_float = compare(reference, predictions, 1)
    loss = QuantizationLoss(
        agreement=class_agreement(loss_against_float).agreement,
        accuracy=float((predictions.predicted == labels).mean()),
        float_accuracy=float((reference.predicted == labels).mean()),
        macro_recall=float(
            np.mean([(predictions.predicted[labels == each] == each).mean() for each in np.unique(labels)])
        ),
        calibration_error=expected_calibration_error(labels, predictions.probabilities),
        float_calibration_error=expected_calibration_error(labels, reference.probabilities),
        probability=loss_against_float.differences[OUTPUT_NAME].absolute,
        **_familiarity_loss(reference, predictions),
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
    _check_familiarity(loss)
    return loss


def _check_batches(
    alone: Predictions, run: Callable[[NDArray[np.uint8], int], Predictions], pixels: NDArray[np.uint8]
) -> None:
    """Raise an error if predictions for batches differ from those for single images."""
    sizes = batch_sizes(len(pixels))[1:]
    rows = tuple(compare(alone, run(pixels, size), size) for size in sizes)
    effect = Parity(len(pixels), rows, PARITY_TOLERANCE)
    for measure in effect.measures:
        for row in rows:
            difference = row.differences[measure.field]
            if not difference.accepted:
                raise QuantizationError(
                    "int8: an image's prediction depends on the others in its batch: at batch size "
                    f"{row.batch_size} the largest {measure.name} from the image alone is "
                    f"{measure.of(difference):.3g}, the limit is {effect.limit(measure):.3g}"
                )


def _familiarity_loss(reference: Predictions, predictions: Predictions) -> dict[str, float]:
    if reference.familiarity is None or predictions.familiarity is None:
        return {}
    expected, found = (each < MIN_FAMILIARITY for each in (reference.familiarity, predictions.familiarity))
    return {
        "familiarity_agreement": float((found == expected).mean()),
        "unfamiliar": float(found.mean()),
        "float_unfamiliar": float(expected.mean()),
    }


def _check_familiarity(loss: QuantizationLoss) -> None:
    if loss.familiarity_agreement is None or loss.unfamiliar is None or loss.float_unfamiliar is None:
        return
    if loss.familiarity_agreement < MIN_FAMILIARITY_AGREEMENT:
        raise QuantizationError(
            f"int8: {loss.familiarity_agreement:.4%} of the images stay on their side of the familiarity "
            f"{MIN_FAMILIARITY}, {MIN_FAMILIARITY_AGREEMENT:.0%} must stay"
        )
    if loss.unfamiliar - loss.float_unfamiliar > MAX_UNFAMILIAR_RISE:
        raise QuantizationError(
            f"int8: the share of images below the familiarity {MIN_FAMILIARITY} rises from "
            f"{loss.float_unfamiliar:.4f} to {loss.unfamiliar:.4f}, by more than {MAX_UNFAMILIAR_RISE}"
        )
