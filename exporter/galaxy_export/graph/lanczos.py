"""Build ``lanczos.onnx``, the graph with which the runtime resizes images.

``python -m galaxy_export.graph.lanczos`` rewrites the file; `galaxy_classify.images.resize` explains the method.
"""

from __future__ import annotations

from typing import Final

import onnx
from onnx import TensorProto, helper

from galaxy_classify.images.resize import BLOCKS, GRAPH_FILE
from galaxy_export.graph.builder import GraphBuilder
from galaxy_export.graph.canonical import make_canonical

OPSET: Final = 17


def lanczos_graph() -> onnx.ModelProto:
    """Return a graph that takes planes and the weights of both axes, and returns resized RGB pixels.

    Returns
    -------
    onnx.ModelProto
        Inputs ``planes``, uint8 (height, 3, width); starts, ends and weights of both axes as
        `galaxy_classify.images.resize.AxisWeights` has them, the columns' weights transposed; and ``lines``, the shape
        (height, 3 · columns). Output ``pixels``, uint8 (rows, columns, 3).
    """
    graph = GraphBuilder()
    # In Pillow's order: resize along the lines, round to integer levels, resize along the columns.
    lines = graph.add("Flatten", "planes", axis=2)
    sums = graph.add("Concat", *_products(graph, "column", lines, axis=1), axis=2)
    lines = graph.add("Reshape", _levels(graph, sums), "lines")
    sums = graph.add("Concat", *_products(graph, "row", lines, axis=0), axis=1)
    planes = graph.add("Reshape", graph.add("Flatten", _levels(graph, sums), axis=2), graph.integers([0, 3, -1]))
    graph.add("Transpose", planes, perm=[0, 2, 1], output="pixels")

    inputs = [
        helper.make_tensor_value_info("planes", TensorProto.UINT8, ["height", 3, "width"]),
        helper.make_tensor_value_info("lines", TensorProto.INT64, [2]),
    ]
    for axis in ("column", "row"):
        inputs += [
            helper.make_tensor_value_info(f"{axis}_starts", TensorProto.INT64, [BLOCKS]),
            helper.make_tensor_value_info(f"{axis}_ends", TensorProto.INT64, [BLOCKS]),
            helper.make_tensor_value_info(f"{axis}_weights", TensorProto.FLOAT, [BLOCKS, None, None]),
        ]
    output = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["rows", "columns", 3])
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "lanczos", inputs, [output], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
    make_canonical(proto, keep=[])
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _products(graph: GraphBuilder, name: str, pixels: str, axis: int) -> list[str]:
    """Multiply the pixels of each block by its weights; `axis` is the axis to sum over."""
    parts = [graph.split(f"{name}_{what}", BLOCKS, 0) for what in ("starts", "ends", "weights")]
    axes = graph.integers([axis])
    products = []
    for start, end, weights in zip(*parts, strict=True):
        needed = graph.add("Cast", graph.add("Slice", pixels, start, end, axes), to=TensorProto.FLOAT)
        factors = (needed, weights) if axis == 1 else (weights, needed)
        products.append(graph.add("MatMul", *factors))
    return products


def _levels(graph: GraphBuilder, sums: str) -> str:
    """Round sums to levels from 0 to 255, halves up, as Pillow does."""
    nearest = graph.add("Add", sums, graph.floats(0.5))
    clipped = graph.add("Clip", nearest, graph.floats(0.0), graph.floats(255.0))
    return graph.add("Cast", clipped, to=TensorProto.UINT8)  # truncates


if __name__ == "__main__":
    GRAPH_FILE.write_bytes(lanczos_graph().SerializeToString(deterministic=True))
