"""Model files that must not reach ONNX Runtime."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from galaxy_classify.errors import ModelError
from galaxy_classify.inference import onnx_check as onnxfile
from galaxy_classify.inference.embedded import ModelSource, embedded_models
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inference.onnx_check import check_onnx_file
from galaxy_classify.inference.wire import write_varint
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


def sparse_constant(proto: onnx.ModelProto) -> None:
    """Keep a sparse tensor in a Constant node, with its values in another file."""
    values = TensorProto(name="s", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    values.external_data.add(key="location", value="../../etc/passwd")
    tensor = onnx.SparseTensorProto(
        values=values, indices=numpy_helper.from_array(np.zeros(1, np.int64), "i"), dims=[5]
    )
    proto.graph.node.append(helper.make_node("Constant", [], ["x"], sparse_value=tensor))


def for_training(proto: onnx.ModelProto) -> None:
    """Bring graphs for training along."""
    proto.training_info.add().algorithm.CopyFrom(helper.make_graph([], "algorithm", [], []))


def opaque_type(proto: onnx.ModelProto) -> None:
    """Give a value a type of another domain."""
    proto.graph.value_info.add(name="v").type.ParseFromString(b"\x3a\x04\x0a\x02ev")


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
        (sparse_constant, "the file has sparse tensors"),
        (for_training, "the file has graphs for training"),
        (opaque_type, "a value has a type that is not of ai.onnx"),
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


def field(number: int, value: int | bytes, tag_excess: int = 0, tag_bytes: int = 0) -> bytes:
    """Encode a field by hand; its tag may be too large, or longer than needed."""
    tag = bytearray(write_varint((number << 3 | (0 if isinstance(value, int) else 2)) + (tag_excess << 32)))
    while len(tag) < tag_bytes:
        tag[-1] |= 0x80
        tag.append(0)
    return bytes(tag) + (write_varint(value) if isinstance(value, int) else write_varint(len(value)) + value)


def by_hand(*more: bytes, in_graph: bytes = b"") -> bytes:
    """Return the tiny model with more fields, at its end and in its graph."""
    proto = tiny_model()
    graph = proto.graph.SerializeToString()
    proto.ClearField("graph")
    return b"".join([proto.SerializeToString(), field(7, graph + in_graph), *more])


ELSEWHERE = field(13, field(1, b"location") + field(2, b"/etc/passwd"))
TENSOR = field(1, 3) + field(2, 1) + field(8, b"x")


@pytest.mark.parametrize("excess", [1, 2**4, 2**31 - 1])
@pytest.mark.parametrize(
    "hidden",
    [
        lambda excess: by_hand(in_graph=field(5, TENSOR + field(13, ELSEWHERE[2:], excess) + field(14, 1, excess))),
        lambda excess: by_hand(in_graph=field(5, TENSOR + ELSEWHERE, excess)),
        lambda excess: by_hand(in_graph=field(1, field(4, b"Evil") + field(7, b"com.example", excess))),
        lambda excess: by_hand(in_graph=field(1, field(4, b"Constant") + field(5, field(22, TENSOR, excess)))),
        lambda excess: by_hand(field(25, b"", excess)),
        lambda excess: by_hand(field(8, field(1, b"com.example", excess) + field(2, 1))),
    ],
)
def test_tags_that_protobuf_cuts_to_32_bits_are_refused(hidden: Callable[[int], bytes], excess: int) -> None:
    """Field 13 plus 2^29 is unknown to a careful reader, and external data to protobuf."""
    with pytest.raises(ModelError, match="the file is damaged or incomplete"):
        check_onnx_file(hidden(excess))


@pytest.mark.parametrize("length", [2, 5, 8])
def test_tags_that_are_longer_than_needed_are_read_as_protobuf_does(length: int) -> None:
    """They are no disguise, and ONNX Runtime gets the short form."""
    with pytest.raises(ModelError, match="kept in another file"):
        check_onnx_file(by_hand(in_graph=field(5, TENSOR + field(14, 1, tag_bytes=length))))
    with pytest.raises(ModelError, match=r"an operator belongs to 'com\.example'"):
        check_onnx_file(by_hand(in_graph=field(1, field(7, b"com.example", tag_bytes=length))))
    plain, long = (check_onnx_file(by_hand(field(2, b"me", tag_bytes=tag_bytes))) for tag_bytes in (0, length))
    assert long == plain


@pytest.mark.parametrize("location", [1, 2, 2**32, 2**32 + 1, 2**64 - 1])
def test_a_tensor_is_in_the_file_whatever_number_says_otherwise(location: int) -> None:
    """Protobuf keeps 32 bits of the number that says where a tensor is."""
    with pytest.raises(ModelError, match="kept in another file"):
        check_onnx_file(by_hand(in_graph=field(5, TENSOR + field(14, location))))


def test_what_the_check_does_not_know_is_not_passed_on() -> None:
    """Unknown fields, and settings of a session that ONNX Runtime may take from the metadata."""
    settings = field(14, field(1, b"ort_config") + field(2, b'{"session_options": {"enable_profiling": true}}'))
    unknown = field(100, b"?") + field(99, 7)
    extra = by_hand(settings, unknown, in_graph=unknown + field(5, TENSOR + unknown))
    checked = check_onnx_file(extra)
    assert checked == check_onnx_file(by_hand(in_graph=field(5, TENSOR)))
    assert onnx.load_from_string(extra).metadata_props[-1].key == "ort_config"


@pytest.mark.parametrize(
    "content",
    [
        by_hand(field(7, b"")),  # a second graph, which protobuf adds to the first
        by_hand(field(7, 1)),  # a number for a graph
        by_hand(in_graph=field(5, 1)),
        by_hand(in_graph=b"\x0b\x0c"),  # a group
        by_hand(field(2, b"me")[:-1]),  # a text that ends too late
    ],
)
def test_hand_made_nonsense_is_refused(content: bytes) -> None:
    """Nothing that writes ONNX files produces it."""
    with pytest.raises(ModelError, match="not a usable ONNX model"):
        check_onnx_file(content)


def test_types_are_not_nested_endlessly() -> None:
    """A type of ten thousand levels is an error, not the end of Python's stack."""
    kind = b""
    for _ in range(5000):
        kind = field(4, field(1, kind))
    with pytest.raises(ModelError, match="messages are nested deeper than 64"):
        check_onnx_file(by_hand(in_graph=field(13, field(2, kind))))


def test_no_file_is_taken_for_one_in_onnx_runtimes_own_format(tmp_path: Path) -> None:
    """ONNX Runtime knows its format by four bytes, which an ONNX file may have as well; nobody checks that format."""
    proto = tiny_model()
    proto.producer_name = "ORTM"
    content = check_onnx_file(proto.SerializeToString())
    assert content[4:8] == b"ORTM"
    (tmp_path / "a.onnx").write_bytes(content)
    assert OnnxModel(ModelSource(tmp_path / "a.onnx")).description.name == "tiny"


def test_a_file_of_another_writer_stays_the_same_model(tmp_path: Path) -> None:
    """As PyTorch writes them: documented, with shapes of all values, metadata of nodes, branches and quantization."""
    proto = tiny_model()
    proto.producer_name, proto.producer_version, proto.doc_string = "pytorch", "2.9.0", "exported"
    helper.set_model_props(proto, {"pkg": "torch"} | {entry.key: entry.value for entry in proto.metadata_props})
    for node in proto.graph.node:
        node.doc_string = 'File "model.py", line 3'
        node.metadata_props.add(key="namespace", value=": torch.nn.Module")
    shape = helper.make_tensor_value_info("colour", TensorProto.FLOAT, ["batch", 3])
    shape.type.denotation = "TENSOR"
    proto.graph.value_info.append(shape)
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value_floats=[1.0, -2.0])],
        "branch", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, [2])],
    )  # fmt: skip
    condition = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    proto.graph.node.append(helper.make_node("Constant", [], ["yes"], value=condition))
    proto.graph.node.append(helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch))
    proto.graph.quantization_annotation.add(tensor_name="y").quant_parameter_tensor_names.add(key="a", value="b")
    path = tmp_path / "a.onnx"
    onnx.save(proto, path)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    model = OnnxModel(ModelSource(path))
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert np.array_equal(model.run(pixels).probabilities, session.run(None, {"images": pixels})[0])
    checked = onnx.load_from_string(check_onnx_file(path.read_bytes()))
    onnx.checker.check_model(checked, full_check=True)
    for node in proto.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    del proto.metadata_props[0]
    assert checked == proto


def test_honest_files_pass() -> None:
    """The check does not stand in the way of the models that we ship, or of one built by hand."""
    tiny = tiny_model().SerializeToString()
    assert check_onnx_file(tiny) == tiny
    for source in embedded_models().values():
        checked = check_onnx_file(source.path.read_bytes())
        assert len(checked) > 0.99 * source.path.stat().st_size
        assert check_onnx_file(checked) == checked
