"""Static int8 quantization of convolutional networks.

Convolutions take uint8 activations, on a scale that calibration images have set once and for all, and int8 weights,
with a scale for each output channel. The graph stays standard ONNX: pairs of QuantizeLinear and DequantizeLinear (QDQ),
which ONNX Runtime turns into integer convolutions. ONNX Runtime's own quantizer places the pairs; what is decided here
is the range of each activation, and what stays float32:

- The first convolutions, as many as it takes. The very first one sees raw pixels, and most galaxies are dark: their
  faint arms would fall between levels. What is lost early is lost to all that follows.
- The dense layer at the end, which is too small to gain from it.

Weights have 7 bits, for the reason that `galaxy_export.int8.dense` gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import INPUT_NAME
from galaxy_export.graph.canonical import make_canonical
from galaxy_export.parity import onnx_runner
from galaxy_train.networks.recipes import LOGITS

#: Least and largest value of each activation that is quantized, by the tensor's name.
Ranges = dict[str, tuple[float, float]]


#: Values beyond this percentile are clipped: the brightest pixel of one star would cost everyone else their levels.
PERCENTILE: Final = 99.997


#: Training images to measure ranges on.
CALIBRATION_IMAGES: Final = 512


#: Training images, at most, to compare classes on: a few hundred could not tell 99.8 % from 99.5 %.
COMPARED_IMAGES: Final = 4096


CALIBRATION_BATCH: Final = 64


#: Share of these whose class must stay. The guard asks for 99 % of others; of these the network is surer, because it
#: was trained on them.
MIN_TRAINING_AGREEMENT: Final = 0.998


QUANTIZED: Final = ("Conv", "Relu")


def has_convolutions(proto: onnx.ModelProto) -> bool:
    """Tell whether a graph is to be quantized here, or as a dense one."""
    return any(node.op_type == "Conv" for node in proto.graph.node)


def choose_images(pixels: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Return at most so many of the training images, drawn at random, always the same ones."""
    return pixels[np.sort(np.random.default_rng(0).permutation(len(pixels))[:count])]


@dataclass(frozen=True, slots=True)
class StaticQuantization:
    """What it takes, besides a network, to quantize it.

    Parameters
    ----------
    float_convolutions : int
        How many of the first convolutions stay float32.
    ranges : dict
        Least and largest value of each activation that is quantized, by the tensor's name; zero is always between.
    """

    float_convolutions: int
    ranges: Ranges


def calibrate(proto: onnx.ModelProto, pixels: NDArray[np.uint8]) -> StaticQuantization:
    """Measure the ranges of activations, and find out how many convolutions must stay float32.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph of a convolutional network.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        The training set.

    Returns
    -------
    StaticQuantization
        With ranges measured on `CALIBRATION_IMAGES` of the images, and as few convolutions in float32 as leave
        `MIN_TRAINING_AGREEMENT` of `COMPARED_IMAGES` in their class.

    Raises
    ------
    DataError
        If not even the last convolution can be quantized at that price, or there is only one.
    """
    measured = _measure(proto, _activations(proto, 1), choose_images(pixels, CALIBRATION_IMAGES))
    compared = choose_images(pixels, COMPARED_IMAGES)
    expected = onnx_runner(proto)(compared, CALIBRATION_BATCH).predicted
    convolutions = sum(node.op_type == "Conv" for node in proto.graph.node)
    for count in range(1, convolutions):
        recipe = StaticQuantization(count, {name: measured[name] for name in _activations(proto, count)})
        found = onnx_runner(quantize_convolutions(proto, recipe))(compared, CALIBRATION_BATCH).predicted
        if (found == expected).mean() >= MIN_TRAINING_AGREEMENT:
            return recipe
    raise DataError("--int8: the network loses too much however few of its convolutions are quantized")


def quantize_convolutions(proto: onnx.ModelProto, recipe: StaticQuantization) -> onnx.ModelProto:
    """Quantize the convolutions of a converted network.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph.
    recipe : StaticQuantization
        As `calibrate` gives it.

    Returns
    -------
    onnx.ModelProto
        A copy with integer convolutions. The same graph and recipe always give the same bytes.

    Raises
    ------
    DataError
        If the recipe is that of another network.
    """
    if sorted(recipe.ranges) != sorted(_activations(proto, recipe.float_convolutions)):
        raise DataError("int8: the ranges of activations are those of another network")
    quantized = onnx.ModelProto()
    quantized.CopyFrom(proto)
    limits = {name: tuple(np.array(limit, np.float32) for limit in pair) for name, pair in recipe.ranges.items()}
    quantizer = QDQQuantizer(
        quantized,
        per_channel=True,
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, limits),
        nodes_to_quantize=[node.name for node in _body(proto, recipe.float_convolutions)],
        nodes_to_exclude=[],
        op_types_to_quantize=list(QUANTIZED),
        extra_options={},
    )
    quantizer.quantize_model()
    result: onnx.ModelProto = quantizer.model.model
    make_canonical(result, keep=[LOGITS])
    onnx.checker.check_model(result, full_check=True)
    return result


def _measure(proto: onnx.ModelProto, names: list[str], pixels: NDArray[np.uint8]) -> Ranges:
    exposed = onnx.ModelProto()
    exposed.CopyFrom(proto)
    exposed.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    session = onnxruntime.InferenceSession(exposed.SerializeToString(), providers=["CPUExecutionProvider"])
    ranges = {}
    for name in names:  # one at a time, because all of them together need gigabytes
        (values,) = session.run([name], {INPUT_NAME: pixels})
        low, high = np.percentile(values, [100 - PERCENTILE, PERCENTILE])
        ranges[name] = (min(float(low), 0.0), max(float(high), 0.0))
    return ranges


def _body(proto: onnx.ModelProto, float_convolutions: int) -> list[onnx.NodeProto]:
    """Return what is quantized, from the first convolution on that does not stay float32."""
    places = [place for place, node in enumerate(proto.graph.node) if node.op_type == "Conv"]
    if not 0 < float_convolutions < len(places):
        raise DataError("--int8: the network has too few convolutions to gain from it")
    return [node for node in proto.graph.node[places[float_convolutions] :] if node.op_type in QUANTIZED]


def _activations(proto: onnx.ModelProto, float_convolutions: int) -> list[str]:
    """Return the tensors that go into and come out of what is quantized."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    names = [
        name
        for node in _body(proto, float_convolutions)
        for name in (node.input[0], *node.output)
        if name not in constants
    ]
    return list(dict.fromkeys(names))
