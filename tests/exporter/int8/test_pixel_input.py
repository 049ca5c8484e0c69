"""The first convolution of an int8 network reads bytes, if they are its pixels."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from galaxy_classify.errors import DataError
from galaxy_export.graph.canonical import make_canonical
from galaxy_export.int8.pixel_input import PixelInput, find_pixel_input, read_bytes


def network(*, scale: float = 1 / 255, offset: float = 0, without: str = "") -> onnx.ModelProto:
    """Return a graph that scales bytes, and convolves them."""
    values = {"Mul": scale, "Add": offset}
    nodes, constants, name = [], [numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "kernel")], "images"
    for operator in ("Cast", "Mul", "Add", "Transpose"):
        if operator == without:
            continue
        options = {"Cast": {"to": TensorProto.FLOAT}, "Transpose": {"perm": [0, 3, 1, 2]}}.get(operator, {})
        inputs = [name]
        if operator in values:
            constants.append(numpy_helper.from_array(np.array(values[operator], np.float32), f"{operator}/1"))
            inputs.append(f"{operator}/1")
        nodes.append(helper.make_node(operator, inputs, [operator], **options))  # type: ignore[arg-type]
        name = operator
    nodes.append(helper.make_node("Conv", [name, "kernel"], ["maps"]))
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 2, 2, 3])
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, None)
    opset = helper.make_opsetid("", 17)
    return helper.make_model(
        helper.make_graph(nodes, "pixels", [images], [maps], constants), opset_imports=[opset], ir_version=8
    )


def quantized(proto: onnx.ModelProto, scale: float) -> onnx.ModelProto:
    """Quantize the pixels, as ONNX Runtime's quantizer does."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    copy.graph.initializer.extend(
        [numpy_helper.from_array(np.float32(scale), "scale"), numpy_helper.from_array(np.uint8(0), "zero")]  # type: ignore[arg-type]
    )
    conv = copy.graph.node[-1]
    copy.graph.node.append(helper.make_node("QuantizeLinear", [conv.input[0], "scale", "zero"], ["levels"]))
    copy.graph.node.append(helper.make_node("DequantizeLinear", ["levels", "scale", "zero"], ["restored"]))
    conv.input[0] = "restored"
    return copy


@pytest.mark.parametrize("without", ["", "Add"])
def test_bytes_are_the_pixels(without: str) -> None:
    """Without cast and scaling each byte gives what the float graph makes of it, to the last bit but one."""
    proto = network(without=without)
    start = find_pixel_input(proto)
    assert start == PixelInput("images", "Transpose", (0, 3, 1, 2))
    changed = quantized(proto, 1 / 255)
    read_bytes(changed, start)
    make_canonical(changed, keep=[])
    assert [node.op_type for node in changed.graph.node] == ["Transpose", "DequantizeLinear", "Conv"]
    pixels = np.arange(252, dtype=np.uint8).reshape(-1, 2, 2, 3)
    before, after = (
        onnxruntime.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"images": pixels}
        )[0]
        for each in (proto, changed)
    )
    assert after == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"scale": 1 / 127.5}, {"offset": -1.0}, {"without": "Mul"}, {"without": "Transpose"}, {"without": "Cast"}],
)
def test_anything_but_scaled_bytes_stays_as_it_is(options: dict[str, float | str]) -> None:
    """Other pixels would have to be quantized."""
    assert find_pixel_input(network(**options)) is None  # type: ignore[arg-type]


def test_another_range_is_refused() -> None:
    """The levels of a narrower range are not the bytes."""
    proto = network()
    start = find_pixel_input(proto)
    assert start is not None
    with pytest.raises(DataError, match="the range of the pixels is not 0 to 1"):
        read_bytes(quantized(proto, 0.97 / 255), start)
