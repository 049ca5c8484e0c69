"""Put crop and resize before a model's graph."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import (
    IMAGE_INPUT,
    INPUT_NAME,
    PIXELS_NAME,
    ModelDescription,
)
from galaxy_export.graph.builder import GraphBuilder
from galaxy_export.graph.canonical import make_canonical
from galaxy_export.metadata import credit_of, set_metadata
from galaxy_export.standalone.preprocessing import SIZE_CHECK, add_preprocessing

OPSET = 17
#: That of ONNX 1.12, with which opset 17 came. In the first three versions, weights are inputs.
IR_VERSION = 8


def standalone_graph(
    model: onnx.ModelProto, description: ModelDescription, sha256: str, *, batched: bool
) -> onnx.ModelProto:
    """Return a model that takes whole images; the same model always gives the same bytes.

    Parameters
    ----------
    model : onnx.ModelProto
        A model that keeps the contract.
    description : ModelDescription
        Its metadata.
    sha256 : str
        Checksum of its file.
    batched : bool
        Whether it takes several images of equal size, or one.

    Raises
    ------
    DataError
        If the model wants another filter than Lanczos, or has graphs within its graph.
    """
    given, first = (INPUT_NAME, "batch") if batched else (IMAGE_INPUT, 1)
    builder = GraphBuilder()
    images = given if batched else builder.add("Unsqueeze", given, builder.integers([0]))
    # Weights may be among the inputs, too.
    (own_input,) = (tensor for tensor in model.graph.input if tensor.name == INPUT_NAME)
    height, width = (dim.dim_value for dim in own_input.type.tensor_type.shape.dim[1:3])
    add_preprocessing(builder, images, (height, width), description.preprocessing, PIXELS_NAME)

    own = _renamed(model.graph)
    for tensor in own.output:
        batch = tensor.type.tensor_type.shape.dim[0]
        batch.Clear()
        batch.CopyFrom(_dimension(first))
    shape: list[int | str | None] = ["height", "width", 3]
    proto = helper.make_model(
        helper.make_graph(
            [*builder.nodes, *own.node],
            "standalone",
            [helper.make_tensor_value_info(given, TensorProto.UINT8, ["batch", *shape] if batched else shape)],
            [*own.output, helper.make_tensor_value_info(PIXELS_NAME, TensorProto.UINT8, [first, height, width, 3])],
            [*builder.constants, *own.initializer],
        ),
        opset_imports=[helper.make_opsetid("", max(OPSET, *(entry.version for entry in model.opset_import)))],
        ir_version=max(model.ir_version, IR_VERSION),
    )
    make_canonical(proto, keep=[SIZE_CHECK])
    for node in proto.graph.node:
        if SIZE_CHECK in node.output:
            node.name = SIZE_CHECK
    set_metadata(proto, description.as_standalone(sha256), credit_of(model))
    return proto


def _renamed(graph: onnx.GraphProto) -> onnx.GraphProto:
    """Return a model's graph that takes `PIXELS_NAME` and has no other name in common with the steps before it."""
    if any(attribute.HasField("g") or attribute.graphs for node in graph.node for attribute in node.attribute):
        raise DataError("the model has a graph within a graph (If, Loop or Scan): it cannot be made standalone")
    renamed = onnx.GraphProto()
    renamed.CopyFrom(graph)
    names = {INPUT_NAME: PIXELS_NAME, "": ""} | {tensor.name: tensor.name for tensor in graph.output}
    for node in renamed.node:
        for ends in (node.input, node.output):
            ends[:] = [names.get(name, f"model/{name}") for name in ends]
    for tensor in renamed.initializer:
        tensor.name = names.get(tensor.name, f"model/{tensor.name}")
    return renamed


def _dimension(size: int | str) -> onnx.TensorShapeProto.Dimension:
    """Return a dimension: a size, or a name where it is not fixed."""
    if isinstance(size, int):
        return onnx.TensorShapeProto.Dimension(dim_value=size)
    return onnx.TensorShapeProto.Dimension(dim_param=size)
