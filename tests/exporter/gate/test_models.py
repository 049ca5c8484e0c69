"""What models take and give: dtypes, precision, functions of all forms; and the progress of a long comparison."""

from __future__ import annotations

import io
import sys
from collections import namedtuple
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from galaxy_classify.errors import DataError, OutputError
from galaxy_export.gate import command
from galaxy_export.gate.models.function import Function
from galaxy_export.parity import assert_parity


def identity(kind: int) -> onnx.ModelProto:
    """Return a model that gives what it takes."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    tensors = [helper.make_tensor_value_info(name, kind, ["batch", 3]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "identity", tensors[:1], tensors[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


NUMBERS = np.arange(30).reshape(10, 3)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (TensorProto.FLOAT, NUMBERS / 7),
        (TensorProto.DOUBLE, (NUMBERS / 7).astype(np.float32)),
        (TensorProto.FLOAT16, NUMBERS / 7),
        (TensorProto.INT8, NUMBERS),
        (TensorProto.UINT8, NUMBERS.astype(np.int8)),
        (TensorProto.INT64, NUMBERS.astype(np.uint16)),
        (TensorProto.BOOL, NUMBERS % 2 == 0),
        (TensorProto.STRING, NUMBERS.astype(str)),
    ],
)
def test_every_kind_of_values(kind: int, given: np.ndarray) -> None:
    """Numbers are given in the model's own precision; each kind is compared, and a wrong value is found."""
    assert_parity(identity(kind), lambda x: x, {"x": given})

    with pytest.raises(OutputError, match=r"output 'y' of sample \d at \[\d\] is "):
        assert_parity(identity(kind), lambda x: np.roll(x, 1, axis=1), {"x": given})


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (TensorProto.UINT8, NUMBERS - 1, "is int64 and has values that the candidate's uint8 cannot hold"),
        (TensorProto.FLOAT16, NUMBERS * 1e4, "is float64 and has values that the candidate's float16 cannot hold"),
        (TensorProto.INT64, NUMBERS / 7, "is float64, but the candidate takes int64"),
        (TensorProto.FLOAT, NUMBERS.astype(str), "but the candidate takes float32"),
    ],
)
def test_values_that_a_model_cannot_take(kind: int, given: np.ndarray, message: str) -> None:
    """What would be cut or wrapped is not compared as something else."""
    with pytest.raises(DataError, match=message):
        assert_parity(identity(kind), lambda x: x, {"x": given})


def test_a_reference_may_take_bytes_as_floats() -> None:
    """As where a converter has put the conversion of the pixels into the file."""
    pixels = NUMBERS.astype(np.uint8)
    assert_parity(lambda x: x.astype(np.float32), identity(TensorProto.FLOAT), pixels)


Pair = namedtuple("Pair", ["one", "two"])
ARRAY = np.zeros(2)


@pytest.mark.parametrize(
    ("result", "outputs"),
    [
        (ARRAY, [ARRAY]),
        ([0.0, 0.0], [ARRAY]),
        ((ARRAY, ARRAY + 1), [ARRAY, ARRAY + 1]),
        ([ARRAY, ARRAY + 1], [ARRAY, ARRAY + 1]),
        ({"one": ARRAY, 2: [1, 1]}, {"one": ARRAY, "2": ARRAY + 1}),
        (Pair(ARRAY, ARRAY + 1), {"one": ARRAY, "two": ARRAY + 1}),
    ],
)
def test_what_functions_return(result: Any, outputs: Any) -> None:
    """One array, several in order, or by name."""
    found = Function(lambda x: result, "f").run({"x": ARRAY})
    np.testing.assert_equal(found, outputs)


def test_how_functions_are_called() -> None:
    """By name where the names are its own, whatever the order; else in order; options keep their defaults."""
    given = {"a": np.ones(3), "b": np.zeros(3)}
    calls: list[Any] = [
        lambda b, a: a - b,
        lambda first, second, training=False: first - second if not training else None,
        lambda **arrays: arrays["a"] - arrays["b"],
        lambda *arrays: arrays[0] - arrays[1],
        np.subtract,
    ]
    for function in calls:
        (found,) = Function(function, "f").run(given)
        assert np.array_equal(np.asarray(found), np.ones(3))


@pytest.mark.parametrize(("patience", "shown"), [(0.0, True), (60.0, False)])
def test_progress_is_shown_to_those_who_wait(monkeypatch: pytest.MonkeyPatch, patience: float, shown: bool) -> None:
    """On a terminal, after two seconds; a quick comparison shows nothing."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(command, "PATIENCE", patience)
    monkeypatch.setenv("TERM", "xterm")
    with command._progress() as advance:
        advance(1200)
        advance(34)
    assert ("1,234 samples" in screen.getvalue()) == shown
    assert bool(screen.getvalue()) == shown
