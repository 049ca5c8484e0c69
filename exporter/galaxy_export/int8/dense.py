"""Dynamic int8 quantization of dense layers, image by image.

ONNX Runtime's own ``quantize_dynamic`` uses one scale for the activations of a whole batch, so that an image's
probabilities depend on the other images in it, and classes change with the batch size (``benchmarks/quantization.py``
measures this). Here each image, a row of the batch, has its own scale, and its probabilities are the same in any batch.

Weights use 129 of int8's 256 levels, -64 to 64. On x86 processors without VNNI, ONNX Runtime adds pairs of products in
16 bits, and 2 * 255 * 64 = 32,640 still fits below 32,767. With wider weights those processors would saturate silently
and predict other classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from galaxy_classify.errors import DataError

WEIGHT_LEVELS: Final = 64


ACTIVATION_LEVELS: Final = 255


#: Smaller weight tensors stay float32, because int8 gains nothing there.
MIN_WEIGHTS: Final = 4096


#: Smallest range of a row, so that a row of zeros does not lead to a division by zero.
TINY: Final = 1e-12


def quantize_dense(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Quantize the dense layers of a converted network.

    Parameters
    ----------
    proto : onnx.ModelProto
        Float32 graph whose dense layers take non-negative activations (pixels, or the output of a ReLU).

    Returns
    -------
    onnx.ModelProto
        A copy: int8 weights with a scale per column, uint8 activations with a scale per row of the batch.

    Raises
    ------
    DataError
        If no dense layer is large enough to gain from int8, or one takes activations that may be negative.
    """
    quantized = onnx.ModelProto()
    quantized.CopyFrom(proto)
    graph = quantized.graph
    signs = _Signs(proto)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    constants = [
        numpy_helper.from_array(np.array(ACTIVATION_LEVELS, np.float32), "int8/activation_levels"),
        numpy_helper.from_array(np.array(TINY, np.float32), "int8/tiny"),
    ]
    replaced: set[str] = set()
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights or weights[node.input[1]].size < MIN_WEIGHTS:
            nodes.append(node)
            continue
        if not signs.non_negative(node.input[0]):
            raise DataError(f"--int8: the dense layer {node.name} takes activations that may be negative")
        nodes += _dense_nodes(node)
        constants += _weight_constants(node.output[0], weights[node.input[1]])
        replaced.add(node.input[1])
    if not replaced:
        raise DataError("--int8: the network has no dense layer that is large enough to gain from it")
    kept = [tensor for tensor in graph.initializer if tensor.name not in replaced]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *constants])
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def _dense_nodes(matmul: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return the nodes that replace one MatMul: scale the rows, multiply integers, scale back."""
    activations, output = matmul.input[0], matmul.output[0]

    def name(part: str) -> str:
        return f"{output}/{part}"

    return [
        helper.make_node("ReduceMax", [activations], [name("row_max")], axes=[1], keepdims=1),
        helper.make_node("Max", [name("row_max"), "int8/tiny"], [name("row_range")]),
        helper.make_node("Div", [name("row_range"), "int8/activation_levels"], [name("row_scale")]),
        helper.make_node("Div", [activations, name("row_scale")], [name("scaled")]),
        helper.make_node("Round", [name("scaled")], [name("rounded")]),
        helper.make_node("Cast", [name("rounded")], [name("uint8")], to=onnx.TensorProto.UINT8),
        helper.make_node("MatMulInteger", [name("uint8"), name("weights")], [name("int32")]),
        helper.make_node("Cast", [name("int32")], [name("sums")], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [name("sums"), name("weight_scale")], [name("column_scaled")]),
        helper.make_node("Mul", [name("column_scaled"), name("row_scale")], [output]),
    ]


def _weight_constants(output: str, weights: NDArray[np.float32]) -> list[onnx.TensorProto]:
    scale = np.abs(weights).max(axis=0) / np.float32(WEIGHT_LEVELS)
    scale[scale == 0] = 1
    levels = np.rint(weights / scale).astype(np.int8)
    return [
        numpy_helper.from_array(levels, f"{output}/weights"),
        numpy_helper.from_array(scale.astype(np.float32), f"{output}/weight_scale"),
    ]


@dataclass(slots=True)
class _Signs:
    """Determine which tensors of a graph cannot be negative."""

    proto: onnx.ModelProto
    _producers: dict[str, onnx.NodeProto] = field(init=False)
    _constants: dict[str, onnx.TensorProto] = field(init=False)

    def __post_init__(self) -> None:
        self._producers = {name: node for node in self.proto.graph.node for name in node.output}
        self._constants = {tensor.name: tensor for tensor in self.proto.graph.initializer}

    def non_negative(self, tensor: str) -> bool:
        if tensor in self._constants:
            return bool((numpy_helper.to_array(self._constants[tensor]) >= 0).all())
        if tensor not in self._producers:
            return True  # the graph's input: unsigned pixels
        node = self._producers[tensor]
        if node.op_type in ("Relu", "Sigmoid", "Softmax"):
            return True
        if node.op_type in ("Cast", "Transpose", "Reshape", "Flatten", "Squeeze", "Identity"):
            return self.non_negative(node.input[0])
        return node.op_type in ("Add", "Mul") and all(map(self.non_negative, node.input))
