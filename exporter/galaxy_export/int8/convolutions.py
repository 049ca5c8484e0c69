"""Static int8 quantization of convolutional networks.

Convolutions take uint8 activations with a fixed scale, measured on calibration images, and int8 weights with a scale
per output channel. The graph stays standard ONNX: pairs of QuantizeLinear and DequantizeLinear (QDQ), which ONNX
Runtime fuses into integer convolutions. ONNX Runtime's own quantizer inserts the pairs. This module chooses the range
of each activation, and what stays float32:

- The first convolutions, as many as necessary. Most galaxies are dark, and their faint arms may be lost between two
  levels, for all layers that follow.
- The dense layers at the end, and what lies between them: they are too small to gain from int8.

Weights have 7 bits, for the reason given in `galaxy_export.int8.dense`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from galaxy_classify.defaults import MIN_FAMILIARITY
from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import INPUT_NAME
from galaxy_export.graph.canonical import make_canonical
from galaxy_export.graph.convert import compared_tensors
from galaxy_export.graph.predictions import Predictions, onnx_runner
from galaxy_export.int8.biases import Corrections, correct_biases, mean_outputs, measure_corrections
from galaxy_export.int8.pixel_input import PIXEL_RANGE, find_pixel_input, read_bytes

#: Smallest and largest value of each quantized activation, by name of the tensor.
Ranges = dict[str, tuple[float, float]]


#: Values beyond this percentile are clipped, or the brightest pixel of one star would coarsen the levels for all.
PERCENTILE: Final = 99.997


#: Number of training images to measure ranges on.
CALIBRATION_IMAGES: Final = 512


#: Largest number of training images to compare classes on; a few hundred could not tell 99.5 % from the guard's 99 %.
COMPARED_IMAGES: Final = 4096


CALIBRATION_BATCH: Final = 64


#: Share of these images that must keep their class, and their side of `MIN_FAMILIARITY` if there is a familiarity.
#: Stricter than the guard's 99 % on other images, which would else be missed by chance, or because the network is more
#: confident on images it was trained on.
MIN_TRAINING_AGREEMENT: Final = 0.995


QUANTIZED: Final = ("Conv", "Relu")


def has_convolutions(proto: onnx.ModelProto) -> bool:
    """Tell whether a graph has convolutions, and is therefore quantized by this module."""
    return any(node.op_type == "Conv" for node in proto.graph.node)


def choose_images(pixels: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Return at most `count` training images, drawn at random, always the same ones."""
    return pixels[np.sort(np.random.default_rng(0).permutation(len(pixels))[:count])]


@dataclass(frozen=True, slots=True)
class StaticQuantization:
    """Settings that determine the quantization of a network.

    Parameters
    ----------
    float_convolutions : int
        Number of convolutions at the start that stay float32; with 0, the first one reads the bytes of the image.
    ranges : dict
        Smallest and largest value of each quantized activation, by name of the tensor; the range includes zero.
    corrections : dict
        What is added to the biases of quantized convolutions; files of earlier versions have none.
    """

    float_convolutions: int
    ranges: Ranges
    corrections: Corrections = field(default_factory=dict)


def calibrate(proto: onnx.ModelProto, pixels: NDArray[np.uint8]) -> StaticQuantization:
    """Measure the ranges of activations, and choose how many convolutions stay float32.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph of a convolutional network.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        The training set.

    Returns
    -------
    StaticQuantization
        Ranges measured on `CALIBRATION_IMAGES` of the images, and the smallest number of float32 convolutions with
        which `MIN_TRAINING_AGREEMENT` of `COMPARED_IMAGES` keep their class.

    Raises
    ------
    DataError
        If even quantizing only the last convolution changes too many classes, or there is only one.
    """
    start = find_pixel_input(proto)
    fewest = 0 if start else 1
    chosen = choose_images(pixels, CALIBRATION_IMAGES)
    measured = _measure(proto, _activations(proto, fewest), chosen)
    if start:
        measured[start.pixels] = PIXEL_RANGE
    means = mean_outputs(proto, chosen, CALIBRATION_BATCH)
    compared = choose_images(pixels, COMPARED_IMAGES)
    expected = onnx_runner(proto)(compared, CALIBRATION_BATCH)
    convolutions = sum(node.op_type == "Conv" for node in proto.graph.node)
    for count in range(fewest, convolutions):
        recipe = StaticQuantization(count, {name: measured[name] for name in _activations(proto, count)})
        plain = quantize_convolutions(proto, recipe)
        recipe = replace(recipe, corrections=measure_corrections(proto, means, plain, chosen, CALIBRATION_BATCH))
        found = onnx_runner(quantize_convolutions(proto, recipe))(compared, CALIBRATION_BATCH)
        if _agree(expected, found):
            return recipe
    raise DataError("--int8: the network changes too many classes, however few of its convolutions are quantized")


def _agree(expected: Predictions, found: Predictions) -> bool:
    """Tell whether enough images keep their class, and stay on their side of the least familiarity if there is one."""
    kept = [found.predicted == expected.predicted]
    if found.familiarity is not None and expected.familiarity is not None:
        kept.append((found.familiarity < MIN_FAMILIARITY) == (expected.familiarity < MIN_FAMILIARITY))
    return all(share.mean() >= MIN_TRAINING_AGREEMENT for share in kept)


def quantize_convolutions(proto: onnx.ModelProto, recipe: StaticQuantization) -> onnx.ModelProto:
    """Quantize the convolutions of a converted network.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph.
    recipe : StaticQuantization
        Settings from `calibrate`.

    Returns
    -------
    onnx.ModelProto
        A copy with integer convolutions; the same graph and settings always give the same bytes.

    Raises
    ------
    DataError
        If the settings are those of another network.
    """
    if sorted(recipe.ranges) != sorted(_activations(proto, recipe.float_convolutions)):
        raise DataError("int8: the ranges of activations are those of another network")
    try:
        quantized = correct_biases(proto, recipe.corrections)
    except (KeyError, ValueError):
        raise DataError("int8: the corrections of biases are those of another network") from None
    start = find_pixel_input(proto)
    if recipe.float_convolutions == 0 and start is None:
        raise DataError("int8: the first convolution of this network does not read the pixels of the image")
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
    if recipe.float_convolutions == 0 and start:
        read_bytes(result, start)
    make_canonical(result, keep=compared_tensors(output.name for output in proto.graph.output))
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
    for name in names:  # one at a time, because all together need gigabytes
        (values,) = session.run([name], {INPUT_NAME: pixels})
        low, high = np.percentile(values, [100 - PERCENTILE, PERCENTILE])
        ranges[name] = (min(float(low), 0.0), max(float(high), 0.0))
    return ranges


def _body(proto: onnx.ModelProto, float_convolutions: int) -> list[onnx.NodeProto]:
    """Return the nodes to quantize, from the first convolution that does not stay float32."""
    places = [place for place, node in enumerate(proto.graph.node) if node.op_type == "Conv"]
    if not 0 <= float_convolutions < len(places) or len(places) < 2:
        raise DataError("--int8: the network has too few convolutions to gain from it")
    dense = _behind_dense_layers(proto)
    return [
        node
        for node in proto.graph.node[places[float_convolutions] :]
        if node.op_type in QUANTIZED and node.output[0] not in dense
    ]


def _behind_dense_layers(proto: onnx.ModelProto) -> set[str]:
    """Return the names of the tensors that are computed from the output of a dense layer."""
    found: set[str] = set()
    for node in proto.graph.node:
        if node.op_type == "MatMul" or not found.isdisjoint(node.input):
            found.update(node.output)
    return found


def _activations(proto: onnx.ModelProto, float_convolutions: int) -> list[str]:
    """Return the names of the input and output tensors of the nodes to quantize."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    names = [
        name
        for node in _body(proto, float_convolutions)
        for name in (node.input[0], *node.output)
        if name not in constants
    ]
    return list(dict.fromkeys(names))
