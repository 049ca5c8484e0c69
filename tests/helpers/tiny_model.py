"""A small ONNX model, built by hand, that keeps the model contract: it classifies by mean colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from galaxy_classify.inference.contract import (
    GALAXY_MNIST_CLASSES,
    ModelDescription,
    Preprocessing,
    contract_version,
)


def description(**changes: Any) -> ModelDescription:
    """Return a valid description, with some fields changed."""
    fields: dict[str, Any] = {
        "name": "tiny",
        "version": "1.0.0",
        "classes": GALAXY_MNIST_CLASSES,
        "preprocessing": Preprocessing(),
        "training": {},
        "parity": {},
        "source_sha256": "0" * 64,
        "exported_with": {},
    }
    return ModelDescription(**(fields | changes))


def tiny_model(
    *,
    input_name: str = "images",
    input_type: int = TensorProto.UINT8,
    batch: int | str = "batch",
    size: tuple[int | str, int | str] = (64, 64),
    output_name: str = "probabilities",
    double_output: bool = False,
    extra_output: bool = False,
    metadata: dict[str, str] | None = None,
    not_a_number: bool = False,
    ending: Sequence[onnx.NodeProto] = (),
    familiarity: bool = False,
    embedding: bool = False,
    further: Sequence[onnx.NodeProto] = (),
    further_outputs: Sequence[onnx.ValueInfoProto] = (),
) -> onnx.ModelProto:
    """Build the model, or one that breaks a clause of the contract.

    Red images get class 0, green ones 1, blue ones 2, and grey ones about the same probability for all. The nodes of
    `ending` make the output, of "logits" or "softmax", in place of the last one. `familiarity` is the brightness of the
    image, 0 for black and 1 for white; `embedding` its mean red, green and blue, 0 to 1. The nodes of `further` make
    `further_outputs`, of "colour" (mean red, green and blue, 0 to 255), "brightness" (0 to 1) or "logits".
    """
    weights = np.array([[8, 0, 0, 0], [0, 8, 0, 0], [0, 0, 8, 0]], np.float32) / 255
    if not_a_number:
        weights[:] = np.nan
    output_type = TensorProto.DOUBLE if double_output else TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", [input_name], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["colour"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMean", ["colour"], ["level"], axes=[1], keepdims=0),
        helper.make_node("Div", ["level", "white"], ["brightness"]),
        helper.make_node("MatMul", ["colour", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["softmax"]),
        *(ending or [helper.make_node("Cast", ["softmax"], [output_name], to=output_type)]),
        *further,
    ]
    outputs = [helper.make_tensor_value_info(output_name, output_type, [batch, 4])]
    if extra_output:
        outputs.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 4]))
    if familiarity:
        nodes.append(helper.make_node("Identity", ["brightness"], ["familiarity"]))
        outputs.append(output_info("familiarity", [batch]))
    if embedding:
        nodes.append(helper.make_node("Div", ["colour", "white"], ["embedding"]))
        outputs.append(output_info("embedding", [batch, 3]))
    outputs += further_outputs
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, input_type, [batch, *size, 3])],
        outputs,
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array(255, np.float32), "white")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if metadata is None:
        metadata = description(contract=contract_version(output.name for output in outputs)).to_metadata()
    helper.set_model_props(proto, metadata)
    return proto


def output_info(name: str, shape: Sequence[int | str | None], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Return the declaration of an output."""
    return helper.make_tensor_value_info(name, kind, shape)


def save_tiny_model(path: Path, **changes: Any) -> Path:
    """Write the model, or one that breaks a clause, to a file."""
    onnx.save(tiny_model(**changes), path)
    return path
