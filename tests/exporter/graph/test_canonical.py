"""One network, one form of the graph."""

from __future__ import annotations

import random

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from galaxy_export.graph.canonical import make_canonical


def graph(seed: int) -> onnx.ModelProto:
    """Build the same small graph with names, order of nodes and order of weights at random, and something unused."""
    chance = random.Random(seed)

    def name() -> str:
        return f"t{chance.randrange(10**9)}"

    doubled, shifted, clipped, unused, two, one, top = (name() for _ in range(7))
    nodes = [
        helper.make_node("Mul", ["images", two], [doubled], name=name()),
        helper.make_node("Add", [doubled, one], [shifted], name=name(), doc_string=name()),
        helper.make_node("Clip", [shifted, "", top], [clipped], name=name()),
        helper.make_node("Sub", [clipped, doubled], ["logits"], name=name()),
        helper.make_node("Relu", ["logits"], ["probabilities"], name=name()),
        helper.make_node("Neg", [doubled], [unused], name=name()),
    ]
    weights = [
        numpy_helper.from_array(np.array(value, np.float32), tensor)
        for tensor, value in ((two, 2), (one, 1), (top, 9), (name(), 5))
    ]
    chance.shuffle(nodes)
    chance.shuffle(weights)
    shape = ["batch"]
    return helper.make_model(
        helper.make_graph(
            nodes,
            name(),
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape)],
            weights,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def test_names_and_order_do_not_matter() -> None:
    """However a converter numbers and sorts, the bytes are the same, and the graph still computes the same."""
    contents = set()
    for seed in range(20):
        proto = graph(seed)
        make_canonical(proto, keep=["logits"])
        onnx.checker.check_model(proto, full_check=True)
        contents.add(proto.SerializeToString(deterministic=True))
    assert len(contents) == 1
    session = onnxruntime.InferenceSession(contents.pop(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": np.array([0, 1, 3, 10], np.float32)})
    assert found.tolist() == [1, 1, 1, 0]


def test_kept_names_are_kept_and_unused_parts_are_dropped() -> None:
    """The gate finds its logits, and no dead weight is shipped."""
    proto = graph(0)
    make_canonical(proto, keep=["logits"])
    assert [node.op_type for node in proto.graph.node] == ["Mul", "Add", "Clip", "Sub", "Relu"]
    assert [list(node.output) for node in proto.graph.node][-2:] == [["logits"], ["probabilities"]]
    assert [tensor.name for tensor in proto.graph.initializer] == ["0/Mul/1", "1/Add/1", "2/Clip/2"]
