"""Check the bytes of an ONNX file before ONNX Runtime, which is native code, parses them.

The runtime does not depend on the ``onnx`` package, so this reads the few fields that matter from the Protocol Buffers
wire format (https://protobuf.dev/programming-guides/encoding/); the field numbers are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from galaxy_classify.errors import ModelError

#: Models for cutouts of 64 or 224 px are far smaller; a larger file is a mistake or an attack.
MAX_MODEL_BYTES: Final = 512 * 1024 * 1024
#: Limit on parsing time. A graph of a thousand layers has about ten thousand fields.
MAX_FIELDS: Final = 1_000_000
#: Attributes of If and Loop contain graphs, which may nest; the limit keeps the recursion shallow.
MAX_DEPTH: Final = 8
MAX_IR_VERSION: Final = 10
OPSETS: Final = (17, 18)
STANDARD_DOMAINS: Final = (b"", b"ai.onnx")
#: TensorProto.DataLocation: the values are in another file.
EXTERNAL: Final = 1


Value = int | memoryview


def check_onnx_file(content: bytes) -> None:
    """Check the clauses of the model contract that an ONNX Runtime session does not show.

    Raises
    ------
    ModelError
        If the file is too large, is no ONNX file, uses operators other than the standard ones, keeps tensors
        in other files, or has an IR version or opset that the contract does not allow.
    """
    if len(content) > MAX_MODEL_BYTES:
        raise ModelError(f"contract: the file has {len(content):,} bytes, the limit is {MAX_MODEL_BYTES:,}")
    _Inspector().model(memoryview(content))


class _Inspector:
    """Parse the nested messages of one file, and refuse what the contract does not allow.

    Each method takes one message of onnx.proto; the numbers in its comparisons are field numbers of that message.
    """

    def __init__(self) -> None:
        self._fields = 0

    def model(self, message: memoryview) -> None:
        ir_version = 0
        opsets = []
        graphs = 0
        for number, value in self._read(message):
            if number == 1 and isinstance(value, int):  # ir_version
                ir_version = value
            elif number == 7 and isinstance(value, memoryview):  # graph
                graphs += 1
                self._graph(value, 1)
            elif number == 8 and isinstance(value, memoryview):  # opset_import
                opsets.append(self._opset(value))
            elif number == 25:  # functions
                raise ModelError("contract: the file defines its own functions, only standard operators are allowed")
        if graphs != 1 or not opsets:
            raise ModelError("not a usable ONNX model: it has no graph or no opset")
        if not 1 <= ir_version <= MAX_IR_VERSION:
            raise ModelError(f"contract: IR version is {ir_version}, at most {MAX_IR_VERSION} is allowed")
        for domain, version in opsets:
            if domain not in STANDARD_DOMAINS:
                raise ModelError(f"contract: the file imports operators of {_name(domain)!r}, only ai.onnx is allowed")
            if version not in OPSETS:
                raise ModelError(f"contract: opset is {version}, not {' or '.join(map(str, OPSETS))}")

    def _opset(self, message: memoryview) -> tuple[bytes, int]:
        domain, version = b"", 0
        for number, value in self._read(message):
            if number == 1 and isinstance(value, memoryview):  # domain
                domain = bytes(value)
            elif number == 2 and isinstance(value, int):  # version
                version = value
        return domain, version

    def _graph(self, message: memoryview, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ModelError(f"contract: graphs are nested deeper than {MAX_DEPTH}")
        for number, value in self._read(message):
            if not isinstance(value, memoryview):
                continue
            if number == 1:  # node
                self._node(value, depth)
            elif number == 5:  # initializer
                self._tensor(value)
            elif number == 15:  # sparse_initializer
                raise ModelError("contract: the file has sparse tensors")

    def _node(self, message: memoryview, depth: int) -> None:
        for number, value in self._read(message):
            if not isinstance(value, memoryview):
                continue
            if number == 5:  # attribute
                self._attribute(value, depth)
            elif number == 7 and bytes(value) not in STANDARD_DOMAINS:  # domain
                raise ModelError(f"contract: an operator belongs to {_name(bytes(value))!r}, not to ai.onnx")

    def _attribute(self, message: memoryview, depth: int) -> None:
        for number, value in self._read(message):
            if not isinstance(value, memoryview):
                continue
            if number in (5, 10):  # t, tensors
                self._tensor(value)
            elif number in (6, 11):  # g, graphs
                self._graph(value, depth + 1)

    def _tensor(self, message: memoryview) -> None:
        for number, value in self._read(message):
            if number == 13 or (number == 14 and value == EXTERNAL):  # external_data, data_location
                raise ModelError("contract: a tensor is kept in another file (external data)")

    def _read(self, message: memoryview) -> Iterator[tuple[int, Value]]:
        """Yield the number and value of each field: an int for a varint, else the bytes of a text, array or message."""
        position = 0
        while position < len(message):
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise ModelError(f"not a usable ONNX model: it has more than {MAX_FIELDS:,} fields")
            key, position = _varint(message, position)
            number, wire_type = key >> 3, key & 7
            if wire_type == 0:
                value, position = _varint(message, position)
                yield number, value
                continue
            if wire_type == 2:
                length, position = _varint(message, position)
            elif wire_type in (1, 5):
                length = 8 if wire_type == 1 else 4
            else:
                raise _damaged()
            if number == 0 or position + length > len(message):
                raise _damaged()
            yield number, message[position : position + length]
            position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Decode the variable-length integer at a position (seven bits a byte), and return it and the position after it."""
    value = 0
    # Ten bytes hold 64 bits. A longer run of continuation bytes is no valid integer.
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _damaged()


def _damaged() -> ModelError:
    return ModelError("not a usable ONNX model: the file is damaged or incomplete")


def _name(domain: bytes) -> str:
    return domain[:40].decode("utf-8", "backslashreplace")
