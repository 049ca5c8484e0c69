"""Let the first convolution of an int8 network read the bytes of the image.

A network scales bytes to pixels between 0 and 1. On that range 256 levels are the bytes themselves, so that quantizing
the pixels loses nothing, and neither a cast nor a quantization is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from galaxy_classify.errors import DataError

#: Factor from bytes to pixels that a network must have.
PIXEL_SCALE: Final = np.float32(1 / 255)


#: Range of the pixels, whose 256 levels are the bytes.
PIXEL_RANGE: Final = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class PixelInput:
    """The start of a network, from bytes to the input of the first convolution."""

    #: Name of the tensor of bytes.
    bytes: str
    #: Name of the tensor of pixels, the input of the first convolution.
    pixels: str
    #: Order of axes that turns the layout of the bytes into that of the pixels.
    permutation: tuple[int, ...]


def find_pixel_input(proto: onnx.ModelProto) -> PixelInput | None:
    """Find the start of a network; None if its first convolution takes anything but bytes times `PIXEL_SCALE`."""
    producers = {name: node for node in proto.graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    harmless = {"Mul": PIXEL_SCALE, "Add": np.float32(0)}
    pixels = name = next(node.input[0] for node in proto.graph.node if node.op_type == "Conv")
    found: dict[str, onnx.NodeProto] = {}
    while "Cast" not in found:
        node = producers.get(name)
        if node is None or node.op_type in found or node.op_type not in (*harmless, "Transpose", "Cast"):
            return None
        if node.op_type in harmless:
            constant = constants.get(node.input[1])
            if constant is None or constant.tolist() != harmless[node.op_type]:
                return None
        found[node.op_type] = node
        name = node.input[0]
    if "Mul" not in found or "Transpose" not in found:
        return None
    return PixelInput(name, pixels, tuple(found["Transpose"].attribute[0].ints))


def read_bytes(quantized: onnx.ModelProto, start: PixelInput) -> None:
    """Replace the quantization of the pixels by the bytes, in place; the nodes before it are no longer needed.

    Raises
    ------
    DataError
        If the pixels are quantized on another range than `PIXEL_RANGE`.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
    (node,) = (
        node for node in quantized.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == start.pixels
    )
    scale, zero = (constants[name].item() for name in node.input[1:3])
    if (scale, zero) != (PIXEL_SCALE, 0):
        raise DataError(f"int8: the range of the pixels is not {PIXEL_RANGE[0]:g} to {PIXEL_RANGE[1]:g}")
    quantized.graph.node.remove(node)
    quantized.graph.node.append(
        onnx.helper.make_node("Transpose", [start.bytes], list(node.output), perm=start.permutation)
    )
