"""Write PNG and BMP files by hand, in layouts that Pillow reads but does not write."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6

#: The seven passes of an interlaced PNG: first column and row, and steps.
_ADAM7: Final = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _lines(samples: NDArray[Any], bits: int) -> bytes:
    """Pack samples of shape (rows, columns, samples), each line behind a filter byte."""
    if bits >= 8:
        packed = [row.astype(f">u{bits // 8}").tobytes() for row in samples]
    else:
        places = np.arange(bits - 1, -1, -1)
        packed = [np.packbits(((row.reshape(-1, 1) >> places) & 1).astype(np.uint8)).tobytes() for row in samples]
    return b"".join(b"\0" + row for row in packed)


def png_of(samples: NDArray[Any], bits: int, colour: int, *, interlaced: bool = False, chunks: bytes = b"") -> bytes:
    """Return a PNG of samples with shape (H, W, samples); `chunks` stand before the pixels."""
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    passes = [samples[top::down, left::across] for left, top, across, down in _ADAM7] if interlaced else [samples]
    data = zlib.compress(b"".join(_lines(part, bits) for part in passes if part.size))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp_of(
    rows: list[bytes], width: int, bits: int, *, palette: bytes = b"", masks: bytes = b"", compression: int = 0,
    top_down: bool = False, header_size: int = 40, colours: int = 0,
) -> bytes:  # fmt: skip
    """Return a BMP whose rows, from above, are given as bytes; they are padded to four bytes unless compressed."""
    height = len(rows)
    if compression in (1, 2):
        data = rows[0] if height == 1 else b"".join(reversed(rows))
    else:
        data = b"".join(row + b"\0" * (-len(row) % 4) for row in (rows if top_down else reversed(rows)))
    if header_size == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        header = struct.pack(
            "<IiiHHIIiiII", header_size, width, -height if top_down else height, 1, bits, compression, len(data),
            2835, 2835, colours, 0,
        )  # fmt: skip
        if header_size > 40:
            header += masks.ljust(header_size - 40, b"\0")
    behind = palette if header_size != 40 else masks + palette
    start = 14 + len(header) + len(behind)
    return struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start) + header + behind + data
