"""Read and write messages in the wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/).

Decoders disagree about encodings that no writer produces. What this module accepts, it reads as protobuf's own decoders
do, and it writes only the shortest form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from galaxy_classify.errors import ModelError

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5
#: Protobuf cuts a longer tag to 32 bits, so that it reads another field than the one that the tag names.
TAG_BITS: Final = 32

_ONE_BYTE: Final = tuple(bytes([value]) for value in range(0x80))

#: Value of a field: an int for a varint, else the bytes of a number, text, packed array or message.
Value = int | memoryview
Chunks = list[bytes | memoryview]


def read_fields(message: memoryview) -> Iterator[tuple[int, int, Value]]:
    """Yield the number, wire type and value of each field of a message.

    Raises
    ------
    ModelError
        If the message ends too early, or has groups, which ONNX does not use, or tags of more than 32 bits.
    """
    position = 0
    while position < len(message):
        tag, position = read_varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if number == 0 or tag >> TAG_BITS:
            raise damaged()
        if wire_type == VARINT:
            value, position = read_varint(message, position)
            yield number, wire_type, value
            continue
        if wire_type == LENGTH:
            length, position = read_varint(message, position)
        elif wire_type in (FIXED64, FIXED32):
            length = 8 if wire_type == FIXED64 else 4
        else:
            raise damaged()
        if position + length > len(message):
            raise damaged()
        yield number, wire_type, message[position : position + length]
        position += length


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Decode the variable-length integer at a position (seven bits a byte), and return it and the position after it."""
    if position < len(message) and (value := message[position]) < 0x80:  # most have one byte
        return value, position + 1
    value = 0
    # Ten bytes hold 64 bits. A longer run of continuation bytes is no valid integer.
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise damaged()


def write_varint(value: int) -> bytes:
    r"""Encode an integer in as few bytes as possible.

    Examples
    --------
    >>> write_varint(300)
    b'\xac\x02'
    """
    if value < 0x80:
        return _ONE_BYTE[value]
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def write_field(number: int, wire_type: int, value: Value) -> Chunks:
    """Encode a field; large values are not copied."""
    tag = write_varint(number << 3 | wire_type)
    if isinstance(value, int):
        return [tag + write_varint(value)]
    return [tag + write_varint(len(value)) if wire_type == LENGTH else tag, value]


def write_message(number: int, content: Chunks) -> Chunks:
    """Encode a field whose value is a message."""
    return [write_varint(number << 3 | LENGTH) + write_varint(size(content)), *content]


def size(chunks: Iterable[bytes | memoryview]) -> int:
    """Return the number of bytes of encoded fields."""
    return sum(map(len, chunks))


def damaged() -> ModelError:
    """Return the error for a file that does not follow the wire format."""
    return ModelError("not a usable ONNX model: the file is damaged or incomplete")
