"""Measure the margin of the input that a network crops away, so that the runtime need not compute it."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from galaxy_classify.inference.contract import INPUT_NAME

#: Height and width, among the input's axes (batch, height, width, channels).
SPATIAL_AXES = (1, 2)


def unseen_margin(proto: onnx.ModelProto) -> int:
    """Return how many pixels along each edge of the input have no influence on the output.

    The margin is read from the graph: it is what a Slice at the start crops, if no other node uses the input. It is 0
    if there is no such node, or if the node crops nothing at one of the edges.
    """
    users = [node for node in proto.graph.node if INPUT_NAME in node.input]
    if len(users) != 1 or users[0].op_type != "Slice":
        return 0
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    names = list(users[0].input)[1:]
    if any(name not in constants for name in names):
        return 0
    starts, ends, *others = (constants[name] for name in names)
    axes = others[0] if others else np.arange(len(starts))
    if len(others) > 1 and (others[1] != 1).any():
        return 0
    shape = [dimension.dim_value for dimension in proto.graph.input[0].type.tensor_type.shape.dim]
    margins = dict.fromkeys(SPATIAL_AXES, 0)
    for axis, start, end in zip(axes, starts, ends, strict=True):
        if int(axis) not in SPATIAL_AXES:
            continue
        edge = shape[int(axis)]
        low, high, _ = slice(int(start), int(end)).indices(edge)
        margins[int(axis)] = min(low, edge - high)
    return min(margins.values())
