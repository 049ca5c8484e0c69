"""Model files that must not reach ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from galaxy_classify.errors import ModelError
from galaxy_classify.inference import onnx_check as onnxfile
from galaxy_classify.inference.embedded import ModelSource, embedded_models
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inference.onnx_check import check_onnx_file
from tiny_model import tiny_model


def external(proto: onnx.ModelProto) -> None:
    """Keep the weights in another file."""
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    tensor.ClearField("raw_data")


def external_in_attribute(proto: onnx.ModelProto) -> None:
    """Hide a reference to another file in a Constant node."""
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "x")
    tensor.external_data.add(key="location", value="weights.bin")
    proto.graph.node.append(helper.make_node("Constant", [], ["x"], value=tensor))


def external_in_branch(proto: onnx.ModelProto) -> None:
    """Hide it in the graph of an If node."""
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "x")
    tensor.data_location = TensorProto.EXTERNAL
    branch = helper.make_graph([], "branch", [], [], [tensor])
    proto.graph.node.append(helper.make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch))


def custom_operator(proto: onnx.ModelProto) -> None:
    """Use an operator of another domain."""
    proto.graph.node.append(helper.make_node("Evil", ["images"], ["z"], domain="com.example"))


def custom_import(proto: onnx.ModelProto) -> None:
    """Import operators of another domain."""
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def own_function(proto: onnx.ModelProto) -> None:
    """Define a function."""
    proto.functions.append(helper.make_function("", "f", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], []))


def sparse(proto: onnx.ModelProto) -> None:
    """Keep a sparse tensor."""
    values = numpy_helper.from_array(np.ones(1, np.float32), "s")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [5]))


def nested(proto: onnx.ModelProto) -> None:
    """Nest graphs in graphs."""
    graph = helper.make_graph([], "innermost", [], [])
    for _ in range(20):
        graph = helper.make_graph([helper.make_node("Loop", [], ["y"], body=graph)], "body", [], [])
    proto.graph.node.append(helper.make_node("Loop", [], ["y"], body=graph))


def newer_ir(proto: onnx.ModelProto) -> None:
    """Claim an IR version of the future."""
    proto.ir_version = 11


def newer_opset(proto: onnx.ModelProto) -> None:
    """Use an opset that the contract does not know."""
    proto.opset_import[0].version = 19


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        (external, "a tensor is kept in another file"),
        (external_in_attribute, "a tensor is kept in another file"),
        (external_in_branch, "a tensor is kept in another file"),
        (custom_operator, "an operator belongs to 'com.example', not to ai.onnx"),
        (custom_import, "the file imports operators of 'com.microsoft'"),
        (own_function, "the file defines its own functions"),
        (sparse, "the file has sparse tensors"),
        (nested, "graphs are nested deeper than 8"),
        (newer_ir, "IR version is 11, at most 10 is allowed"),
        (newer_opset, "opset is 19, not 17 or 18"),
    ],
)
def test_a_dangerous_or_unknown_file_is_refused_by_name(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], clause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused before a session is made, with the clause that it breaks."""
    proto = tiny_model()
    change(proto)
    path = tmp_path / "a.onnx"
    path.write_bytes(proto.SerializeToString())
    monkeypatch.setattr("onnxruntime.InferenceSession", None)
    with pytest.raises(ModelError, match=f"contract: {clause}") as refused:
        OnnxModel(ModelSource(path))
    assert str(path) in str(refused.value)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the wrong kind is not read into memory in full."""
    monkeypatch.setattr("galaxy_classify.inference.model.MAX_MODEL_BYTES", 1000)
    monkeypatch.setattr(onnxfile, "MAX_MODEL_BYTES", 1000)
    path = tmp_path / "a.onnx"
    with path.open("wb") as file:
        file.truncate(10**12)  # a sparse file: reading it would take an hour
    with pytest.raises(ModelError, match="the limit is 1,000"):
        OnnxModel(ModelSource(path))


def test_endless_fields_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a million tiny fields cannot keep the check busy for ever."""
    monkeypatch.setattr(onnxfile, "MAX_FIELDS", 1000)
    with pytest.raises(ModelError, match="more than 1,000 fields"):
        check_onnx_file(b"\x08\x08" * 1001)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x08", b"\x08\xff", b"\x0a\x7f", b"\x3a\x05ab", b"\xff" * 20, b"\x0b\x0c", b"\x00\x01", b"\x08\x08"],
)
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    """Every way in which the wire format can end too early or make no sense."""
    with pytest.raises(ModelError, match="not a usable ONNX model"):
        check_onnx_file(content)


def test_names_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    """ONNX Runtime lets them pass and stumbles when they are read (found by fuzzing)."""
    path = tmp_path / "a.onnx"
    path.write_bytes(tiny_model().SerializeToString().replace(b"galaxy_classify.parity", b"galaxy_classify\xffparity"))
    with pytest.raises(ModelError, match=r"a\.onnx: contract: a name or the metadata is not UTF-8"):
        OnnxModel(ModelSource(path))


def test_honest_files_pass() -> None:
    """The check does not stand in the way of the models that we ship, or of one built by hand."""
    check_onnx_file(tiny_model().SerializeToString())
    for source in embedded_models().values():
        check_onnx_file(source.path.read_bytes())
