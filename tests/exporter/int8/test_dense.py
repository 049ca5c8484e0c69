"""Dynamic int8 quantization of dense layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from galaxy_classify.errors import DataError
from galaxy_export.int8.dense import MIN_WEIGHTS, WEIGHT_LEVELS, quantize_dense

RANDOM = np.random.default_rng(0)
INPUTS = 96


def dense_graph(*, relu: bool = True, outputs: int = 64) -> onnx.ModelProto:
    """Build pixels / 255 → dense → ReLU → dense → output."""
    nodes = [
        helper.make_node("Cast", ["images"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w1"], ["d1"]),
        helper.make_node("Add", ["d1", "b1"], ["a1"]),
        helper.make_node("Relu" if relu else "Tanh", ["a1"], ["h1"]),
        helper.make_node("MatMul", ["h1", "w2"], ["out"]),
    ]
    tensors: dict[str, NDArray[Any]] = {
        "scale": np.array(1 / 255, np.float32),
        "shape": np.array([-1, INPUTS], np.int64),
        "w1": RANDOM.normal(0, 0.1, (INPUTS, 128)).astype(np.float32),
        "b1": RANDOM.normal(0, 0.1, 128).astype(np.float32),
        "w2": RANDOM.normal(0, 0.1, (128, outputs)).astype(np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 3, 8, 4])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", outputs])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(proto: onnx.ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run a graph."""
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(None, {"images": images})[0]
    return result


def test_int8_is_close_to_float() -> None:
    """The error is that of rounding weights to a 64th of their range, averaged over the inputs."""
    proto = dense_graph()
    images = RANDOM.integers(0, 255, (40, 3, 8, 4), dtype=np.uint8)
    expected = run(proto, images)
    error = np.abs(run(quantize_dense(proto), images) - expected).max()
    assert error > 0
    assert error < 0.05 * np.abs(expected).max()


def test_an_images_answer_does_not_depend_on_its_neighbours() -> None:
    """A dark galaxy beside a bright star gets the answer that it gets alone, to the bit."""
    proto = quantize_dense(dense_graph())
    images = RANDOM.integers(0, 255, (40, 3, 8, 4), dtype=np.uint8)
    images[::2] //= 30
    together = run(proto, images)
    alone = np.concatenate([run(proto, images[index : index + 1]) for index in range(len(images))])
    assert np.array_equal(together, alone)


def test_an_all_black_image_does_not_divide_by_zero() -> None:
    """A row of zeros has no range to scale by."""
    proto = dense_graph()
    black = np.zeros((1, 3, 8, 4), np.uint8)
    assert run(quantize_dense(proto), black) == pytest.approx(run(proto, black), abs=0.02)


def test_weights_leave_room_for_processors_without_vnni() -> None:
    """Two products must fit into 16 bit, or old processors saturate silently."""
    weights = [
        numpy_helper.to_array(tensor)
        for tensor in quantize_dense(dense_graph()).graph.initializer
        if tensor.data_type == TensorProto.INT8
    ]
    assert len(weights) == 2
    assert max(int(np.abs(values.astype(int)).max()) for values in weights) == WEIGHT_LEVELS
    assert np.iinfo(np.int16).max >= 2 * 255 * WEIGHT_LEVELS


def test_small_layers_stay_float() -> None:
    """The last layer of a classifier has little to gain and something to lose."""
    outputs = MIN_WEIGHTS // 128 - 1
    kinds = [node.op_type for node in quantize_dense(dense_graph(outputs=outputs)).graph.node]
    assert kinds.count("MatMul") == kinds.count("MatMulInteger") == 1


@pytest.mark.parametrize(
    ("proto", "reason"),
    [
        (dense_graph(relu=False), "takes activations that may be negative"),
    ],
)
def test_what_cannot_be_quantized_is_refused(proto: onnx.ModelProto, reason: str) -> None:
    """A wrong graph is worse than a large one."""
    with pytest.raises(DataError, match=reason):
        quantize_dense(proto)


def test_a_network_without_large_layers_is_refused() -> None:
    """There is nothing to gain, and the user should know."""
    proto = dense_graph()
    del proto.graph.initializer[:]
    with pytest.raises(DataError, match="no dense layer"):
        quantize_dense(proto)
