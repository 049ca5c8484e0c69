"""Hostile model files: what the inspection passes is read by ``onnx`` itself and must contain nothing that is refused.

The files are assembled field by field, as no library writes them: tags and numbers that are longer than needed or too
large, fields in wrong places, of wrong types, unknown, twice, and everything that a model may not have.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from fuzzing import EXAMPLES, FUZZ
from galaxy_classify.errors import ModelError
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inference.onnx_check import STANDARD_DOMAINS, check_onnx_file
from galaxy_export.standalone.graph import standalone_graph
from tiny_model import description, tiny_model

fuzz = settings(FUZZ, max_examples=3 * EXAMPLES)  # a thousandth of a second each

pytestmark = pytest.mark.slow

VARINT, FIXED64, LENGTH, START_GROUP, END_GROUP, FIXED32 = range(6)


def tensor(name: str = "t") -> TensorProto:
    """Return a small tensor."""
    return numpy_helper.from_array(np.arange(3, dtype=np.float32), name)


def external(name: str = "t") -> TensorProto:
    """Return a tensor whose values are in another file."""
    kept = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    kept.external_data.add(key="location", value="../../etc/passwd")
    return kept


def full_model() -> onnx.ModelProto:
    """Return a model with a field of each kind that a model may have."""
    proto = tiny_model()
    branch = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor())], "branch", [], [], [tensor()])
    shown = helper.make_tensor_value_info("c", TensorProto.FLOAT, ["n", 3])
    nodes = [
        helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch),
        helper.make_node("Constant", [], ["z"], value_floats=[1.0, 2.0]),
        helper.make_node("Optional", [], ["o"], type=helper.make_optional_type_proto(shown.type)),
        helper.make_node(
            "X", [], ["w"], tensors=[tensor()], graphs=[branch], strings=["a"], ints=[1], f=0.5, i=3, s="b"
        ),
    ]
    proto.graph.node.extend(nodes)
    proto.graph.value_info.extend([shown, helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [1])])
    annotation = proto.graph.quantization_annotation.add(tensor_name="t")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="s")
    return proto


def dangerous() -> list[Message]:
    """Return messages that hold what no model may have, each in the smallest message that can hold it."""
    sparse = helper.make_sparse_tensor(external(), tensor("i"), [5])
    foreign = helper.make_node("Evil", [], ["z"], domain="com.example")
    return [
        external(),
        TensorProto(data_location=TensorProto.EXTERNAL),
        foreign,
        helper.make_attribute("value", sparse),
        helper.make_attribute("values", [sparse]),
        helper.make_attribute("value", external()),
        helper.make_attribute("values", [external()]),
        helper.make_attribute("body", helper.make_graph([foreign], "g", [], [], [external()])),
        helper.make_attribute("bodies", [helper.make_graph([foreign], "g", [], [])]),
        onnx.GraphProto(sparse_initializer=[sparse]),
        onnx.ModelProto(functions=[helper.make_function("", "f", ["a"], ["b"], [foreign], [])]),
        onnx.ModelProto(training_info=[onnx.TrainingInfoProto(algorithm=helper.make_graph([foreign], "g", [], []))]),
        onnx.ModelProto(opset_import=[helper.make_opsetid("com.example", 1)]),
    ]


@dataclass
class Field:
    """A field of a message, with a value as it is or the fields of a message, and how it is written."""

    number: int
    wire_type: int
    value: int | bytes | list[Field]
    kind: Any = None
    tag_bytes: int = 0
    tag_excess: int = 0
    number_bytes: int = 0
    grouped: bool = False


def varint(value: int, length: int = 0) -> bytes:
    """Encode a number in at least `length` bytes."""
    encoded = bytearray()
    while value > 0x7F or len(encoded) + 1 < length:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def fields(message: Message) -> list[Field]:
    """Take a message to pieces."""
    found = []
    for descriptor, value in message.ListFields():
        values = value if isinstance(value, list) or hasattr(value, "append") or hasattr(value, "add") else [value]
        for item in values:
            if descriptor.message_type is not None:
                found.append(Field(descriptor.number, LENGTH, fields(item), descriptor.message_type))
            elif isinstance(item, float):
                found.append(Field(descriptor.number, FIXED32, np.float32(item).tobytes()))
            elif isinstance(item, int):
                found.append(Field(descriptor.number, VARINT, item % 2**64))
            else:
                found.append(Field(descriptor.number, LENGTH, item.encode() if isinstance(item, str) else item))
    return found


def encoded(message: list[Field]) -> bytes:
    """Write fields, each in its way."""
    parts = []
    for field in message:
        content = encoded(field.value) if isinstance(field.value, list) else field.value
        tag = field.number << 3 | field.wire_type
        if field.grouped and isinstance(content, bytes):
            parts += [varint(field.number << 3 | START_GROUP), content, varint(field.number << 3 | END_GROUP)]
            continue
        parts.append(varint(tag + (field.tag_excess << 32), field.tag_bytes))
        if isinstance(content, int):
            parts.append(varint(content, field.number_bytes))
        else:
            parts += [varint(len(content), field.number_bytes), content] if field.wire_type == LENGTH else [content]
    return b"".join(parts)


def messages(content: list[Field], kind: Any) -> Iterator[tuple[list[Field], Any]]:
    """Yield a message and all messages in it, with their descriptors."""
    yield content, kind
    for field in content:
        if isinstance(field.value, list):
            yield from messages(field.value, field.kind)


def odd_encoding(content: list[Field], chance: random.Random) -> None:
    """Write a field in a way that no library does."""
    field = chance.choice(content)
    match chance.randrange(8):
        case 0:
            field.tag_excess = chance.choice([1, 2, 7, 2**24])
        case 1:
            field.tag_bytes = chance.randint(2, 10)
        case 2:
            field.number_bytes = chance.randint(2, 11)
        case 3:
            field.wire_type = chance.randrange(8)
        case 4:
            field.grouped = True
        case 5 if isinstance(field.value, int):
            field.value += chance.choice([1, 2**31, 2**32, 2**63, 2**64])
        case 6:
            field.number = chance.choice([0, 1, 13, 14, 22, 2**28, 2**29 - 1, 2**29])
        case 7 if isinstance(field.value, bytes):
            field.value = chance.randbytes(chance.randrange(6))


def graft(chance: random.Random, all_messages: list[tuple[list[Field], Any]]) -> list[Field]:
    """Put something dangerous where a message of its kind stands, and return what was put in."""
    evil = chance.choice(EVIL)
    hosts = [content for content, kind in all_messages if kind is evil.DESCRIPTOR]
    if not hosts:
        return []
    added = fields(evil)
    host = chance.choice(hosts)
    position = chance.randint(0, len(host))
    host[position:position] = added
    return [field for message, _ in messages(added, evil.DESCRIPTOR) for field in message]


def assembled(number: int) -> bytes:
    """Return a model file with up to three oddities, often in a dangerous part."""
    chance = random.Random(number)
    model = fields(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 3)):
        everything = list(messages(model, onnx.ModelProto.DESCRIPTOR))
        grafted = graft(chance, everything) if chance.random() < 0.6 else []
        if grafted and chance.random() < 0.9:
            odd_encoding(grafted, chance)
        elif not grafted:
            content = chance.choice([content for content, _ in everything if content])
            odd_encoding(content, chance)
            if chance.random() < 0.3:
                content.insert(chance.randrange(len(content)), chance.choice(content))
    return encoded(model)


def refused_parts(message: Message) -> Iterator[str]:
    """Yield what a parsed model has and may not have, anywhere in it."""
    kind = message.DESCRIPTOR.name
    if kind in ("SparseTensorProto", "FunctionProto", "TrainingInfoProto"):
        yield kind
    if isinstance(message, TensorProto) and (message.external_data or message.data_location):
        yield "external data"
    if (
        isinstance(message, onnx.NodeProto | onnx.OperatorSetIdProto)
        and message.domain.encode() not in STANDARD_DOMAINS
    ):
        yield f"domain {message.domain!r}"
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for item in value if hasattr(value, "add") else [value]:
                yield from refused_parts(item)


def parsed(content: bytes) -> onnx.ModelProto | None:
    """Return what ``onnx`` reads, None if nothing."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return None
    return model


SEEDS = [tiny_model(), full_model()]
EVIL = dangerous()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_pieces_make_the_model_again(seed: int) -> None:
    """What is assembled without an oddity is the model, and passes: the search starts from valid files."""
    content = encoded(fields(SEEDS[seed]))
    assert parsed(content) == SEEDS[seed]
    assert parsed(check_onnx_file(content)) == SEEDS[seed]
    assert not list(refused_parts(SEEDS[seed]))
    assert all(list(refused_parts(evil)) for evil in EVIL)


def test_nothing_that_is_refused_passes_in_disguise() -> None:
    """Neither in the file as ``onnx`` reads it, nor in what ONNX Runtime gets of it; and nothing but a ModelError."""
    passed = 0

    @fuzz
    @given(st.integers(0, 2**48))
    def check(number: int) -> None:
        nonlocal passed
        content = assembled(number)
        try:
            checked = check_onnx_file(content)
        except ModelError:
            return
        passed += 1
        for model in (parsed(checked), parsed(content)):
            assert model is None or not list(refused_parts(model))
        assert check_onnx_file(checked) == checked

    check()
    assert passed > EXAMPLES // 5  # else the files are too broken to show anything


@pytest.mark.parametrize("make", [lambda chance: chance.randbytes(chance.randrange(200)), None])
def test_bytes_without_meaning_are_a_model_error(make: Callable[[random.Random], bytes] | None) -> None:
    """Noise, and valid files with a part overwritten by noise."""

    @fuzz
    @given(st.integers(0, 2**48))
    def check(number: int) -> None:
        chance = random.Random(number)
        if make is not None:
            content = make(chance)
        else:
            kept = bytearray(SEEDS[1].SerializeToString())
            start = chance.randrange(len(kept))
            kept[start : start + chance.randint(1, 8)] = chance.randbytes(chance.randrange(9))
            content = bytes(kept)
        try:
            checked = check_onnx_file(content)
        except ModelError:
            return
        for model in (parsed(checked), parsed(content)):
            assert model is None or not list(refused_parts(model))

    check()


@pytest.mark.parametrize("batched", [False, True])
def test_a_damaged_standalone_file_is_refused_or_runs(batched: bool, tmp_path: Path) -> None:
    """A few bytes of it are others: it is a model error, when it is loaded or run, or gives a row for each image."""
    about = description(contract="2")
    seed = standalone_graph(tiny_model(familiarity=True), about, "0" * 64, batched=batched).SerializeToString()
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    loaded = 0

    @fuzz
    @given(st.integers(0, 2**48))
    def check(number: int) -> None:
        nonlocal loaded
        chance = random.Random(number)
        content = bytearray(seed)
        for _ in range(chance.randint(1, 3)):
            content[chance.randrange(len(content))] = chance.choice([0, 1, 127, 255, chance.randrange(256)])
        (tmp_path / "model.onnx").write_bytes(content)
        try:
            model = OnnxModel(ModelSource(tmp_path / "model.onnx"))
            loaded += 1
            outputs = model.run(np.resize(images, (2, *model.input_size, 3)))
        except ModelError:
            return
        assert len(outputs.probabilities) == 2

    check()
    assert loaded > EXAMPLES // 20  # else nothing but the loading would be tried
