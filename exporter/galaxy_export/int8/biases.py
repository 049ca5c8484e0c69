"""Correct the biases of int8 convolutions, so that their mean output is that of the float network.

Rounding weights and activations shifts the mean of each feature a little, because most of an image is dark sky, which
always rounds the same way. The shifts of all layers add up. A bias can take them back (Nagel et al. 2019, "Data-Free
Quantization Through Weight Equalization and Bias Correction", section 4.2; here means are measured on images).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from galaxy_classify.inference.contract import INPUT_NAME

#: What to add to the bias of each convolution, channel by channel, by name of the convolution's output.
Corrections = dict[str, tuple[float, ...]]


def mean_outputs(proto: onnx.ModelProto, pixels: NDArray[np.uint8], batch_size: int) -> dict[str, NDArray[np.float64]]:
    """Return the mean output of each convolution that has a bias of its own, after the Relu that follows, if one does.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Images to measure on, `batch_size` at a time.

    Returns
    -------
    dict
        Mean over images and positions of each channel, by name of the convolution's output.
    """
    tensors = {}
    for output in _biases(proto):
        readers = _readers(proto, output)
        followed = [reader.op_type for reader in readers] == ["Relu"]
        tensors[output] = readers[0].output[0] if followed else output
    means = _means(proto, list(tensors.values()), pixels, batch_size)
    return dict(zip(tensors, means, strict=True))


def measure_corrections(
    proto: onnx.ModelProto,
    expected: dict[str, NDArray[np.float64]],
    quantized: onnx.ModelProto,
    pixels: NDArray[np.uint8],
    batch_size: int,
) -> Corrections:
    """Measure what to add to the biases of int8 convolutions, one after the other, each with those before it corrected.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph.
    expected : dict
        Its means from `mean_outputs`, on the same images.
    quantized : onnx.ModelProto
        The graph with int8 convolutions, not corrected; changed in place.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Images to measure on, `batch_size` at a time.
    """
    corrections: Corrections = {}
    producers = {name: node for node in quantized.graph.node for name in node.output}
    for node, integer in zip(_convolutions(proto), _convolutions(quantized), strict=True):
        if node.output[0] not in expected or integer.input[2] not in producers:
            continue  # it has no bias of its own, or stays float32
        # The levels of its output begin at zero if a Relu follows, so that there is none in the quantized graph.
        (levels,) = (each for each in _readers(quantized, integer.output[0]) if each.op_type == "QuantizeLinear")
        tensor = _readers(quantized, levels.output[0])[0].output[0]
        (found,) = _means(quantized, [tensor], pixels, batch_size)
        correction = _of_features(proto, node, expected[node.output[0]] - found)
        bias, scale = (_constant(quantized, name) for name in producers[integer.input[2]].input[:2])
        _add(bias, np.rint(correction / numpy_helper.to_array(scale)))
        corrections[node.output[0]] = tuple(map(float, correction))
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
    names = _biases(corrected)
    for output, correction in corrections.items():
        bias = _constant(corrected, names[output])
        if list(bias.dims) != [len(correction)]:
            raise ValueError(output)
        _add(bias, np.array(correction))
    return corrected


def _of_features(proto: onnx.ModelProto, node: onnx.NodeProto, of_channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the channels of each feature: its orientations, whose kernels are the same weights in other places.

    One correction for all of them keeps the network invariant under rotations and reflections.
    """
    kernels, biases = (numpy_helper.to_array(_constant(proto, name)) for name in node.input[1:3])
    weights = np.sort(kernels.reshape(len(kernels), -1), axis=1)
    _, feature = np.unique(np.column_stack([weights, biases]), axis=0, return_inverse=True)
    feature = feature.ravel()
    averages: NDArray[np.float64] = (np.bincount(feature, of_channels) / np.bincount(feature))[feature]
    return averages


def _means(
    proto: onnx.ModelProto, tensors: list[str], pixels: NDArray[np.uint8], batch_size: int
) -> list[NDArray[np.float64]]:
    """Return the mean of each channel of tensors over images and positions."""
    cut = onnx.ModelProto()
    cut.CopyFrom(proto)
    del cut.graph.output[:]
    cut.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in tensors)
    session = onnxruntime.InferenceSession(cut.SerializeToString(), providers=["CPUExecutionProvider"])
    sums = [
        [values.mean((2, 3)).sum(0, np.float64) for values in session.run(tensors, {INPUT_NAME: batch})]
        for batch in (pixels[start : start + batch_size] for start in range(0, len(pixels), batch_size))
    ]
    return [np.sum(of_batches, axis=0) / len(pixels) for of_batches in zip(*sums, strict=True)]


def _add(tensor: onnx.TensorProto, values: NDArray[Any]) -> None:
    found = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array((found + values).astype(found.dtype), tensor.name))


def _biases(proto: onnx.ModelProto) -> dict[str, str]:
    """Return the names of biases that only one convolution reads, by name of the convolution's output."""
    readers = Counter(name for node in proto.graph.node for name in node.input)
    return {
        node.output[0]: node.input[2]
        for node in _convolutions(proto)
        if len(node.input) > 2 and readers[node.input[2]] == 1
    }


def _constant(proto: onnx.ModelProto, name: str) -> onnx.TensorProto:
    found: onnx.TensorProto = next(tensor for tensor in proto.graph.initializer if tensor.name == name)
    return found


def _convolutions(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in proto.graph.node if node.op_type == "Conv"]


def _readers(proto: onnx.ModelProto, tensor: str) -> list[onnx.NodeProto]:
    return [node for node in proto.graph.node if tensor in node.input]
