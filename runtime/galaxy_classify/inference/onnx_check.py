"""Check the bytes of an ONNX file before ONNX Runtime, which is native code, parses them.

The runtime does not depend on the ``onnx`` package, so this reads the file itself. ONNX Runtime does not get the file's
own bytes, but the fields that were checked here, written anew: what this check does not know, or would read otherwise
than ONNX Runtime does, never gets there. Field names and numbers are those of onnx.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from galaxy_classify.errors import ModelError
from galaxy_classify.inference.contract import METADATA_PREFIX
from galaxy_classify.inference.wire import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    Chunks,
    Value,
    damaged,
    read_fields,
    write_field,
    write_message,
)

#: Models for cutouts of 64 or 224 px are far smaller; a larger file is a mistake or an attack.
MAX_MODEL_BYTES: Final = 512 * 1024 * 1024
#: Limit on parsing time. A graph of a thousand layers has about ten thousand fields.
MAX_FIELDS: Final = 1_000_000
#: Attributes of If and Loop contain graphs, which may nest; the limit keeps the recursion shallow.
MAX_DEPTH: Final = 8
#: Messages in messages: a graph in a graph is three of them, and types may nest as well. Protobuf allows 100.
MAX_MESSAGES_DEEP: Final = 64
MAX_IR_VERSION: Final = 10
OPSETS: Final = (17, 18)
STANDARD_DOMAINS: Final = (b"", b"ai.onnx")

#: Numbers of fields that are checked further.
_GRAPH: Final = 7
_OPSET_IMPORT: Final = 8
_METADATA: Final = ("ModelProto", 14)

_NUMBER: Final = frozenset({VARINT})
_NUMBERS: Final = frozenset({VARINT, LENGTH})  # one by one, or packed
_FLOAT: Final = frozenset({FIXED32})
_FLOATS: Final = frozenset({FIXED32, LENGTH})
_DOUBLES: Final = frozenset({FIXED64, LENGTH})
_TEXT: Final = frozenset({LENGTH})  # text or bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A field that no model may have, and why."""

    reason: str


_EXTERNAL: Final = Refused("a tensor is kept in another file (external data)")
_SPARSE: Final = Refused("the file has sparse tensors")

#: Fields of each message that a model may have: how the value is encoded, the message that it is, or why it is refused.
#: Fields that are missing here (documentation of nodes, hints for several devices) are left out.
_MESSAGES: Final[dict[str, dict[int, frozenset[int] | str | Refused]]] = {
    "ModelProto": {
        1: _NUMBER,  # ir_version
        2: _TEXT,  # producer_name
        3: _TEXT,  # producer_version
        4: _TEXT,  # domain
        5: _NUMBER,  # model_version
        6: _TEXT,  # doc_string
        7: "GraphProto",
        8: "OperatorSetIdProto",
        14: "StringStringEntryProto",  # metadata_props
        20: Refused("the file has graphs for training"),
        25: Refused("the file defines its own functions, only standard operators are allowed"),
    },
    "OperatorSetIdProto": {1: _TEXT, 2: _NUMBER},  # domain, version
    "StringStringEntryProto": {1: _TEXT, 2: _TEXT},  # key, value
    "GraphProto": {
        1: "NodeProto",
        2: _TEXT,  # name
        5: "TensorProto",  # initializer
        10: _TEXT,  # doc_string
        11: "ValueInfoProto",  # input
        12: "ValueInfoProto",  # output
        13: "ValueInfoProto",  # value_info
        14: "TensorAnnotation",  # quantization_annotation
        15: _SPARSE,  # sparse_initializer
    },
    "NodeProto": {
        1: _TEXT,  # input
        2: _TEXT,  # output
        3: _TEXT,  # name
        4: _TEXT,  # op_type
        5: "AttributeProto",
        7: _TEXT,  # domain
    },
    "AttributeProto": {
        1: _TEXT,  # name
        2: _FLOAT,  # f
        3: _NUMBER,  # i
        4: _TEXT,  # s
        5: "TensorProto",  # t
        6: "GraphProto",  # g
        7: _FLOATS,
        8: _NUMBERS,  # ints
        9: _TEXT,  # strings
        10: "TensorProto",  # tensors
        11: "GraphProto",  # graphs
        14: "TypeProto",  # tp
        15: "TypeProto",  # type_protos
        20: _NUMBER,  # type
        21: _TEXT,  # ref_attr_name
        22: _SPARSE,  # sparse_tensor
        23: _SPARSE,  # sparse_tensors
    },
    "TensorProto": {
        1: _NUMBERS,  # dims
        2: _NUMBER,  # data_type
        4: _FLOATS,  # float_data
        5: _NUMBERS,  # int32_data
        6: _TEXT,  # string_data
        7: _NUMBERS,  # int64_data
        8: _TEXT,  # name
        9: _TEXT,  # raw_data
        10: _DOUBLES,  # double_data
        11: _NUMBERS,  # uint64_data
        13: _EXTERNAL,  # external_data
        14: _NUMBER,  # data_location
    },
    "TensorAnnotation": {1: _TEXT, 2: "StringStringEntryProto"},  # tensor_name, quant_parameter_tensor_names
    "ValueInfoProto": {1: _TEXT, 2: "TypeProto"},  # name, type
    "TypeProto": {
        1: "TypeProto.Tensor",
        4: "TypeProto.Sequence",
        5: "TypeProto.Map",
        6: _TEXT,  # denotation
        7: Refused("a value has a type that is not of ai.onnx"),  # opaque_type
        8: _SPARSE,  # sparse_tensor_type
        9: "TypeProto.Optional",
    },
    "TypeProto.Tensor": {1: _NUMBER, 2: "TensorShapeProto"},  # elem_type, shape
    "TypeProto.Sequence": {1: "TypeProto"},
    "TypeProto.Map": {1: _NUMBER, 2: "TypeProto"},  # key_type, value_type
    "TypeProto.Optional": {1: "TypeProto"},
    "TensorShapeProto": {1: "TensorShapeProto.Dimension"},
    "TensorShapeProto.Dimension": {1: _NUMBER, 2: _TEXT, 3: _TEXT},  # dim_value, dim_param, denotation
}


def check_onnx_file(content: bytes) -> bytes:
    """Check the clauses of the model contract that an ONNX Runtime session does not show, and write the file anew.

    Returns
    -------
    bytes
        The same model for ONNX Runtime: the fields that were checked, and of the metadata those of the contract.

    Raises
    ------
    ModelError
        If the file is too large, is no ONNX file, uses operators other than the standard ones, keeps tensors
        in other files, or has an IR version or opset that the contract does not allow.
    """
    if len(content) > MAX_MODEL_BYTES:
        raise ModelError(f"contract: the file has {len(content):,} bytes, the limit is {MAX_MODEL_BYTES:,}")
    return b"".join(_Inspector().message("ModelProto", memoryview(content)))


class _Inspector:
    """Parse the nested messages of one file, refuse what the contract does not allow, and write the rest anew."""

    def __init__(self) -> None:
        self._fields = 0
        self._messages_deep = 0
        self._graphs_deep = 0

    def message(self, name: str, message: memoryview) -> Chunks:
        """Check a message of this name, and return its fields as they are written for ONNX Runtime."""
        if self._messages_deep > MAX_MESSAGES_DEEP:
            raise ModelError(f"contract: messages are nested deeper than {MAX_MESSAGES_DEEP}")
        self._messages_deep += 1
        known = _MESSAGES[name]
        checked: Chunks = []
        # Of a field that is no list and occurs twice, the last value counts.
        last: dict[int, Value] = {}
        for number, wire_type, value in read_fields(message):
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise ModelError(f"not a usable ONNX model: it has more than {MAX_FIELDS:,} fields")
            kind = known.get(number)
            if kind is None:
                continue
            if isinstance(kind, Refused):
                raise ModelError(f"contract: {kind.reason}")
            if wire_type not in (_TEXT if isinstance(kind, str) else kind):
                raise damaged()
            if name == "ModelProto" and number == _GRAPH and number in last:
                raise ModelError("not a usable ONNX model: it has more than one graph")
            last[number] = value
            checked += (
                self._submessage(name, number, kind, value)
                if isinstance(kind, str) and isinstance(value, memoryview)
                else write_field(number, wire_type, value)
            )
        self._check(name, last)
        self._messages_deep -= 1
        return checked

    def _submessage(self, name: str, number: int, kind: str, value: memoryview) -> Chunks:
        self._graphs_deep += kind == "GraphProto"
        if self._graphs_deep > MAX_DEPTH:
            raise ModelError(f"contract: graphs are nested deeper than {MAX_DEPTH}")
        content = self.message(kind, value)
        self._graphs_deep -= kind == "GraphProto"
        if (name, number) == _METADATA and not _is_of_the_contract(value):
            return []
        return write_message(number, content)

    def _check(self, name: str, values: dict[int, Value]) -> None:
        """Check the values of a message's fields."""
        if name == "ModelProto":
            if _GRAPH not in values or _OPSET_IMPORT not in values:
                raise ModelError("not a usable ONNX model: it has no graph or no opset")
            if (version := values.get(1, 0)) not in range(1, MAX_IR_VERSION + 1):
                raise ModelError(f"contract: IR version is {version}, at most {MAX_IR_VERSION} is allowed")
        elif name == "OperatorSetIdProto":
            domain = values.get(1, b"")
            if domain not in STANDARD_DOMAINS:
                raise ModelError(f"contract: the file imports operators of {_text(domain)}, only ai.onnx is allowed")
            if (version := values.get(2, 0)) not in OPSETS:
                raise ModelError(f"contract: opset is {version}, not {' or '.join(map(str, OPSETS))}")
        elif name == "NodeProto":
            if (domain := values.get(7, b"")) not in STANDARD_DOMAINS:
                raise ModelError(f"contract: an operator belongs to {_text(domain)}, not to ai.onnx")
        elif name == "TensorProto" and values.get(14):
            raise ModelError(f"contract: {_EXTERNAL.reason}")


def _is_of_the_contract(entry: memoryview) -> bool:
    """Tell whether an entry of the metadata belongs to the contract.

    ONNX Runtime can be told to take settings of a session from other entries.
    """
    key = b""
    for number, _, value in read_fields(entry):
        if number == 1 and isinstance(value, memoryview):
            key = bytes(value)
    return key.startswith(METADATA_PREFIX.rstrip(".").encode())


def _text(domain: Value | bytes) -> str:
    return repr(bytes(domain)[:40].decode("utf-8", "backslashreplace")) if not isinstance(domain, int) else str(domain)
