"""The part of its input that a network does not look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from galaxy_export.graph.margin import unseen_margin
from galaxy_export.graph.predictions import onnx_runner


def sliced(starts: list[int], ends: list[int], axes: list[int] | None, steps: list[int] | None = None) -> int:
    """Return the margin of a graph that begins with this slice of 64 x 48 pixels."""
    inputs = {"starts": starts, "ends": ends} | ({"axes": axes} if axes else {}) | ({"steps": steps} if steps else {})
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 64, 48, 3])
    part = helper.make_tensor_value_info("part", TensorProto.UINT8, None)
    constants = [numpy_helper.from_array(np.array(value), name) for name, value in inputs.items()]
    nodes = [helper.make_node("Slice", ["images", *inputs], ["part"])]
    return unseen_margin(helper.make_model(helper.make_graph(nodes, "slice", [images], [part], constants)))


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps", "margin"),
    [
        ([8, 8], [56, 40], [1, 2], None, 8),
        ([8, 8], [-8, -8], [1, 2], None, 8),
        ([0, 8, 6, 0], [2**31 - 1, -8, -9, 2**31 - 1], [0, 1, 2, 3], None, 6),
        ([0, 5, 7, 0], [9, 59, 41, 3], None, None, 5),
        ([8, 0], [56, 48], [1, 2], None, 0),
        ([8], [56], [1], None, 0),
        ([8, 8], [56, 40], [1, 2], [2, 2], 0),
    ],
)
def test_a_slice_at_the_beginning_is_a_margin(
    starts: list[int], ends: list[int], axes: list[int] | None, steps: list[int] | None, margin: int
) -> None:
    """The narrowest edge counts, however the slice is written; every second pixel is no margin."""
    assert sliced(starts, ends, axes, steps) == margin


def test_a_network_that_sees_everything_has_none(tiny_model: Path) -> None:
    """A model that takes the mean of all pixels depends on every one."""
    assert unseen_margin(onnx.load(tiny_model)) == 0


@pytest.mark.slow
def test_nothing_depends_on_the_margin_of_the_cnn(cnn_graph: Callable[[], onnx.ModelProto]) -> None:
    """Noise in the margin changes no digit; a pixel further in, it does."""
    proto = cnn_graph()
    margin = unseen_margin(proto)
    random = np.random.default_rng(0)
    plain = random.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    run = onnx_runner(proto)
    for width, same in ((margin, True), (margin + 1, False)):
        noisy = random.integers(0, 256, plain.shape, dtype=np.uint8)
        noisy[:, width:-width, width:-width] = plain[:, width:-width, width:-width]
        assert np.array_equal(run(noisy, 4).probabilities, run(plain, 4).probabilities) is same
    assert margin == 8
