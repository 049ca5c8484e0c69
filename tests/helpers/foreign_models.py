"""A pair of models that are no galaxy models: two inputs, three outputs, and the ways to spoil one of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RANDOM = np.random.default_rng(7)
MEAN, SCALE = np.float32(3), np.float32(2)
WEIGHTS = RANDOM.normal(0, 0.3, (24, 5)).astype(np.float32)
COLOUR_WEIGHTS = RANDOM.normal(0, 0.3, (2, 5)).astype(np.float32)
HEAD = RANDOM.normal(0, 0.5, (5, 5)).astype(np.float32)

Change = Callable[[onnx.ModelProto], None]


def samples(count: int = 40) -> dict[str, np.ndarray]:
    """Return inputs of the pair."""
    random = np.random.default_rng(1)
    return {
        "pixels": random.uniform(0, 9, (count, 2, 4, 3)).astype(np.float32),
        "colours": random.normal(size=(count, 2)).astype(np.float32),
    }


def predict(pixels: np.ndarray, colours: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the outputs with NumPy."""
    normal = ((pixels - MEAN) / SCALE).reshape(len(pixels), -1)
    features = np.maximum(normal @ WEIGHTS + colours @ COLOUR_WEIGHTS, 0)
    powers = np.exp(features @ HEAD)
    scores = powers / powers.sum(axis=1, keepdims=True)
    return {"scores": scores, "features": features, "label": scores.argmax(axis=1)}


def node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    """Return a node with one output; its inputs are parted by blanks."""
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def graph(nodes: list[onnx.NodeProto], constants: dict[str, Any]) -> onnx.ModelProto:
    """Return a model with the inputs and outputs of the pair."""
    tensors = (helper.make_tensor_value_info(*each) for each in (
        ("pixels", TensorProto.FLOAT, ["batch", 2, 4, 3]), ("colours", TensorProto.FLOAT, ["batch", 2]),
        ("scores", TensorProto.FLOAT, ["batch", 5]), ("features", TensorProto.FLOAT, ["batch", 5]),
        ("label", TensorProto.INT64, ["batch"]),
    ))  # fmt: skip
    pixels, colours, *outputs = tensors
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    content = helper.make_graph(nodes, "foreign", [pixels, colours], outputs, weights)
    return helper.make_model(content, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def candidate() -> onnx.ModelProto:
    """Return the model step by step, as a converter leaves it."""
    nodes = [
        node("Sub", "pixels mean", "centred"),
        node("Div", "centred scale", "normal"),
        node("Flatten", "normal", "flat", axis=1),
        node("MatMul", "flat weights", "of pixels"),
        node("MatMul", "colours colour_weights", "of_colours"),
        helper.make_node("Add", ["of pixels", "of_colours"], ["sum"]),
        node("Relu", "sum", "features"),
        node("MatMul", "features head", "logits"),
        node("Softmax", "logits", "scores", axis=1),
        node("ArgMax", "scores", "label", axis=1, keepdims=0),
    ]
    return graph(nodes, {
        "mean": MEAN, "scale": SCALE, "weights": WEIGHTS, "colour_weights": COLOUR_WEIGHTS, "head": HEAD,
    })  # fmt: skip


def reference() -> onnx.ModelProto:
    """Return the same model with the normalisation within its weights, so that it rounds elsewhere."""
    nodes = [
        node("Flatten", "pixels", "flat", axis=1),
        node("Gemm", "flat weights bias", "of_pixels"),
        node("Gemm", "colours colour_weights of_pixels", "sum"),
        node("Relu", "sum", "features"),
        node("MatMul", "features head", "logits"),
        node("Softmax", "logits", "scores", axis=-1),
        node("ArgMax", "logits", "label", axis=1, keepdims=0),
    ]
    weights = WEIGHTS / SCALE
    return graph(nodes, {
        "weights": weights, "bias": -MEAN * weights.sum(axis=0), "colour_weights": COLOUR_WEIGHTS, "head": HEAD,
    })  # fmt: skip


def place(proto: onnx.ModelProto, operator: str) -> int:
    """Return where the first node of an operator is."""
    return next(number for number, each in enumerate(proto.graph.node) if each.op_type == operator)


def scaled(proto: onnx.ModelProto) -> None:
    """Scale a tensor by a thousandth."""
    tensor = next(each for each in proto.graph.initializer if len(each.dims) == 2)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.001), tensor.name))


def outputs_swapped(proto: onnx.ModelProto) -> None:
    """Give the scores as features and the features as scores."""
    names = {"scores": "features", "features": "scores"}
    for each in proto.graph.node:
        each.input[:] = [names.get(name, name) for name in each.input]
        each.output[:] = [names.get(name, name) for name in each.output]


def softmax_over_the_batch(proto: onnx.ModelProto) -> None:
    """Take the softmax along the wrong axis."""
    proto.graph.node[place(proto, "Softmax")].attribute[0].i = 0


def axes_exchanged(proto: onnx.ModelProto) -> None:
    """Read the pixels as if height and width were exchanged."""
    number = place(proto, "Flatten")
    name = proto.graph.node[number].input[0]
    proto.graph.node[number].input[0] = "turned"
    proto.graph.node.insert(number, helper.make_node("Transpose", [name], ["turned"], perm=[0, 2, 1, 3]))


def normalisation_dropped(proto: onnx.ModelProto) -> None:
    """Leave out the subtraction and the division."""
    proto.graph.node[place(proto, "Flatten")].input[0] = "pixels"


def batch_fixed(proto: onnx.ModelProto) -> None:
    """Take single samples only."""
    for tensor in proto.graph.input:
        tensor.type.tensor_type.shape.dim[0].dim_value = 1


def batch_fixed_inside(proto: onnx.ModelProto) -> None:
    """Promise any batch, but reshape to a single sample."""
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, 24]), "shape"))
    number = place(proto, "Flatten")
    old = proto.graph.node[number]
    proto.graph.node[number].CopyFrom(helper.make_node("Reshape", [old.input[0], "shape"], list(old.output)))


def quantized_by_the_batch(proto: onnx.ModelProto) -> None:
    """Quantize the features with one scale for the whole batch, as ONNX Runtime's dynamic quantization does."""
    number = place(proto, "Relu")
    before = proto.graph.node[number].input[0]
    proto.graph.node[number].input[0] = "rounded"
    quantize = helper.make_node("DynamicQuantizeLinear", [before], ["levels", "step", "zero"])
    proto.graph.node.insert(number, helper.make_node("DequantizeLinear", ["levels", "step", "zero"], ["rounded"]))
    proto.graph.node.insert(number, quantize)


def output_missing(proto: onnx.ModelProto) -> None:
    """Lose the features."""
    del proto.graph.output[1]


def output_added(proto: onnx.ModelProto) -> None:
    """Give the logits as well."""
    proto.graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 5]))


def label_of_floats(proto: onnx.ModelProto) -> None:
    """Give labels as floats."""
    proto.graph.node[place(proto, "ArgMax")].output[0] = "whole"
    proto.graph.node.append(node("Cast", "whole", "label", to=TensorProto.FLOAT))
    proto.graph.output[2].type.tensor_type.elem_type = TensorProto.FLOAT


def label_of_two_axes(proto: onnx.ModelProto) -> None:
    """Keep the axis that the labels were found along."""
    attributes = {each.name: each for each in proto.graph.node[place(proto, "ArgMax")].attribute}
    attributes["keepdims"].i = 1
    proto.graph.output[2].type.tensor_type.shape.dim.add().dim_value = 1


def not_a_number(proto: onnx.ModelProto) -> None:
    """Divide by zero."""
    proto.graph.initializer.append(numpy_helper.from_array(np.array(np.nan, np.float32), "nan"))
    number = place(proto, "Softmax")
    proto.graph.node[number].input[0] = "broken"
    proto.graph.node.insert(number, node("Mul", "logits nan", "broken"))


def save_pair(folder: Path) -> None:
    """Write both files and samples, as ``candidate.onnx``, ``reference.onnx`` and ``samples.npz``."""
    folder.mkdir(exist_ok=True)
    onnx.save(candidate(), folder / "candidate.onnx")
    onnx.save(reference(), folder / "reference.onnx")
    np.savez(folder / "samples.npz", pixels=samples()["pixels"], colours=samples()["colours"])


if __name__ == "__main__":
    save_pair(Path(sys.argv[1]))
