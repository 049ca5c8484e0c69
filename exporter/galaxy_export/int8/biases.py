"""Correct the biases of int8 convolutions, so that their mean output is that of the float network.

Rounding weights and activations shifts the mean of each feature a little, because most of an image is dark sky, which
always rounds the same way. The shifts of all layers add up. A bias can take them back (Nagel et al. 2019, "Data-Free
Quantization Through Weight Equalization and Bias Correction", section 4.2; here means are measured on images).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from galaxy_classify.inference.contract import INPUT_NAME

#: What to add to the bias of each convolution, channel by channel, by name of the convolution's output.
Corrections = dict[str, tuple[float, ...]]


def measure_corrections(
    proto: onnx.ModelProto,
    first: int,
    pixels: NDArray[np.uint8],
    batch_size: int,
    quantize: Callable[[Corrections], onnx.ModelProto],
) -> Corrections:
    """Measure what to add to the biases of int8 convolutions, one after the other.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph.
    first : int
        Number of convolutions at the start that stay float32.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Images to measure on, `batch_size` at a time.
    quantize : callable
        Quantizes the graph with the corrections that are known so far.
    """
    corrections: Corrections = {}
    for place, node in list(enumerate(_convolutions(proto)))[first:]:
        if len(node.input) < 3:
            continue
        (reader,) = _readers(proto, node.output[0])
        expected = _means(proto, reader.output[0] if reader.op_type == "Relu" else node.output[0], pixels, batch_size)
        quantized = quantize(corrections)
        # The levels of a quantized convolution begin at zero where a Relu follows, so that no Relu is left.
        (levels,) = _readers(quantized, _convolutions(quantized)[place].output[0])
        found = _means(quantized, _readers(quantized, levels.output[0])[0].output[0], pixels, batch_size)
        corrections[node.output[0]] = tuple(map(float, _of_features(proto, node, expected - found)))
    return corrections


def correct_biases(proto: onnx.ModelProto, corrections: Corrections) -> onnx.ModelProto:
    """Return a copy of a float32 graph with the corrections added to its biases.

    Raises
    ------
    KeyError, ValueError
        If the corrections are those of another network.
    """
    corrected = onnx.ModelProto()
    corrected.CopyFrom(proto)
    biases = {tensor.name: tensor for tensor in corrected.graph.initializer}
    names = {node.output[0]: node.input[2] for node in _convolutions(corrected) if len(node.input) > 2}
    shared = [name for node in corrected.graph.node for name in node.input if name in names.values()]
    for output, correction in corrections.items():
        bias = biases[names[output]]
        values = numpy_helper.to_array(bias) + np.array(correction, np.float32)
        if len(values) != bias.dims[0] or shared.count(bias.name) > 1:
            raise ValueError(output)
        bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    return corrected


def _of_features(proto: onnx.ModelProto, node: onnx.NodeProto, of_channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the channels of each feature: its orientations, whose kernels are the same weights in other places.

    One correction for all of them keeps the network invariant under rotations and reflections.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    kernels, biases = constants[node.input[1]], constants[node.input[2]]
    weights = np.sort(kernels.reshape(len(kernels), -1), axis=1)
    _, feature = np.unique(np.column_stack([weights, biases]), axis=0, return_inverse=True)
    feature = feature.ravel()
    averages: NDArray[np.float64] = (np.bincount(feature, of_channels) / np.bincount(feature))[feature]
    return averages


def _means(proto: onnx.ModelProto, tensor: str, pixels: NDArray[np.uint8], batch_size: int) -> NDArray[np.float64]:
    """Return the mean of each channel of a tensor over images and positions."""
    cut = onnx.ModelProto()
    cut.CopyFrom(proto)
    del cut.graph.output[:]
    cut.graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(cut.SerializeToString(), providers=["CPUExecutionProvider"])
    sums = [
        session.run([tensor], {INPUT_NAME: pixels[start : start + batch_size]})[0].mean((2, 3)).sum(0, np.float64)
        for start in range(0, len(pixels), batch_size)
    ]
    means: NDArray[np.float64] = np.sum(sums, axis=0) / len(pixels)
    return means


def _convolutions(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in proto.graph.node if node.op_type == "Conv"]


def _readers(proto: onnx.ModelProto, tensor: str) -> list[onnx.NodeProto]:
    return [node for node in proto.graph.node if tensor in node.input]
