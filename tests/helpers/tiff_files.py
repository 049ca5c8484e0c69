"""Write TIFF files by hand, in every layout that the format has, right or wrong.

The tests must not rely on Pillow's writer: it writes few of the layouts that Pillow reads.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NONE, CCITT, LZW, JPEG, DEFLATE, PACKBITS = 1, 2, 5, 7, 8, 32773
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8

_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def samples_of(rgb: NDArray[np.uint8], photometric: int, bits: int, extra: tuple[int, ...] = ()) -> NDArray[Any]:
    """Return the samples, with shape (H, W, samples), by which a layout stores a picture.

    The further samples of `extra` are what shows best if they are mistaken for a colour: alpha is opaque, others are
    noise.
    """
    top = 2**bits - 1
    if photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE):
        colours = rgb[..., :1].astype(np.uint64)
    elif photometric == CMYK:
        colours = 255 - np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], axis=2).astype(np.uint64)
    else:
        colours = rgb.astype(np.uint64)
    levels = colours * top // 255 if photometric != PALETTE else colours >> max(0, 8 - bits)
    if photometric == WHITE_IS_ZERO:
        levels = top - levels
    noise = np.random.default_rng(0).integers(0, top + 1, rgb.shape[:2], dtype=np.uint64)
    further = [np.full_like(noise, top) if kind in (1, 2, 999) else noise for kind in extra]
    return np.concatenate([levels, *(plane[..., None] for plane in further)], axis=2)


def _packed(samples: NDArray[Any], bits: int, order: str, kind: str) -> bytes:
    """Pack lines of samples, shape (rows, samples in a row), into bytes; each line begins with a new byte."""
    if kind == "f":
        return (samples / (2.0**32 - 1 if bits >= 32 else 2.0**bits - 1)).astype(f"{order}f{bits // 8}").tobytes()
    if bits in (8, 16, 32, 64):
        return samples.astype(f"{order}{kind}{bits // 8}").tobytes()
    places = np.arange(bits - 1, -1, -1, dtype=np.uint64)
    spread = ((samples.astype(np.uint64)[..., None] >> places) & np.uint64(1)).astype(np.uint8)
    return np.packbits(spread.reshape(len(samples), -1), axis=1).tobytes()


def _pack_bits(data: bytes) -> bytes:
    parts = (data[start : start + 128] for start in range(0, len(data), 128))
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def _jpeg(block: NDArray[Any], photometric: int) -> bytes:
    buffer = io.BytesIO()
    pixels = block.astype(np.uint8)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, "JPEG", quality=100, subsampling=0, keep_rgb=photometric == RGB)
    return buffer.getvalue()


def _encoded(block: NDArray[Any], bits: int, order: str, kind: str, compression: int, predictor: int) -> bytes:
    """Encode a strip or tile, shape (rows, columns, samples)."""
    if predictor == 2:
        mask = 2**bits - 1
        block = block.astype(np.int64)
        block[:, 1:] = (block[:, 1:] - block[:, :-1]) & mask
    data = _packed(block.reshape(block.shape[0], -1), bits, order, kind)
    if compression in (DEFLATE, 32946):
        return zlib.compress(data)
    if compression == PACKBITS:
        return _pack_bits(data)
    return data


def tiff_of(
    samples: NDArray[Any],
    photometric: int,
    bits: int,
    *,
    order: str = "<",
    extra: tuple[int, ...] = (),
    planar: int = 1,
    kind: str = "u",
    compression: int = NONE,
    predictor: int = 1,
    fill_order: int = 1,
    rows: int | None = None,
    tile: int | None = None,
    big: bool = False,
    tags: Mapping[int, tuple[int, tuple[int, ...]] | None] | None = None,
) -> bytes:
    """Return a TIFF file.

    Parameters
    ----------
    samples : ndarray of integers, shape (H, W, samples)
        As `samples_of` makes them.
    photometric, bits : int
        Of every sample.
    order : str
        ``<`` or ``>``.
    extra : tuple of int
        Kinds of the samples after the colours.
    planar : int
        1 for samples side by side, 2 for one plane after the other.
    kind : str
        ``u``, ``i`` or ``f``: of the numbers.
    compression, predictor, fill_order : int
        As the tags have them.
    rows : int, optional
        In a strip; by default all.
    tile : int, optional
        Edge of square tiles in place of strips.
    big : bool
        Whether it is a BigTIFF.
    tags : mapping, optional
        Further tags, type and values each, which replace those made here; None takes a tag away.
    """
    height, width, channels = samples.shape
    planes = [samples] if planar == 1 else [samples[..., number : number + 1] for number in range(channels)]
    blocks: list[NDArray[Any]] = []
    for plane in planes:
        if tile is None:
            step = rows or height
            blocks += [plane[top : top + step] for top in range(0, height, step)]
            continue
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                whole = np.zeros((tile, tile, plane.shape[2]), plane.dtype)
                part = plane[top : top + tile, left : left + tile]
                whole[: part.shape[0], : part.shape[1]] = part
                blocks.append(whole)
    if compression == JPEG:
        encoded = [_jpeg(block, photometric) for block in blocks]
    else:
        encoded = [_encoded(block, bits, order, kind, compression, predictor) for block in blocks]
    if fill_order == 2:
        encoded = [data.translate(_REVERSED) for data in encoded]

    start = 16 if big else 8
    offsets = [*accumulate(map(len, encoded), initial=start)][:-1]
    found: dict[int, tuple[int, tuple[int, ...]] | None] = {
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, (bits,) * channels),
        259: (3, (compression,)),
        262: (3, (photometric,)),
        266: (3, (fill_order,)),
        277: (3, (channels,)),
        284: (3, (planar,)),
        339: (3, ({"u": 1, "i": 2, "f": 3}[kind],) * channels),
    }
    if tile is None:
        found |= {273: (4, tuple(offsets)), 278: (4, (rows or height,)), 279: (4, tuple(map(len, encoded)))}
    else:
        found |= {322: (4, (tile,)), 323: (4, (tile,)), 324: (4, tuple(offsets)), 325: (4, tuple(map(len, encoded)))}
    if extra:
        found[338] = (3, extra)
    if predictor != 1:
        found[317] = (3, (predictor,))
    if photometric == PALETTE:
        ramp = tuple(number * (256 >> min(bits, 8)) * 257 for number in range(2 ** min(bits, 8)))
        found[320] = (3, ramp * 3)
    found |= tags or {}
    return _with_directory(b"".join(encoded), {tag: value for tag, value in found.items() if value}, order, big)


def _with_directory(data: bytes, tags: Mapping[int, tuple[int, tuple[int, ...]]], order: str, big: bool) -> bytes:
    """Put a header before pixels and a directory behind them."""
    letters = b"II" if order == "<" else b"MM"
    start, count, offset, inline = (16, "Q", "Q", 8) if big else (8, "I", "I", 4)
    data += b"\0" * (len(data) % 2)
    behind = start + len(data)
    head = struct.pack(f"{order}2sHHHQ" if big else f"{order}2sHI", letters, *((43, 8, 0) if big else (42,)), behind)
    entry_size = 4 + 2 * inline
    values_at = behind + (8 if big else 2) + entry_size * len(tags) + inline
    entries, values = b"", b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}{'?BcHI'[kind]}", *numbers)
        if len(packed) > inline:
            place = values_at + len(values)
            values += packed + b"\0" * (len(packed) % 2)
            packed = struct.pack(f"{order}{offset}", place)
        entries += struct.pack(f"{order}HH{count}", tag, kind, len(numbers)) + packed.ljust(inline, b"\0")
    number = struct.pack(f"{order}{'Q' if big else 'H'}", len(tags))
    return head + data + number + entries + b"\0" * inline + values


def shown(rgb: NDArray[np.uint8], photometric: int, bits: int) -> NDArray[np.int64]:
    """Return the picture that a file of `samples_of` shows, shape (H, W, 3), with the levels that its bits allow."""
    picture = rgb.astype(np.int64)
    if photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE):
        picture = np.repeat(picture[..., :1], 3, axis=2)
    if bits >= 8:
        return picture
    top = 2**bits - 1
    levels = picture * top // 255 if photometric != PALETTE else picture >> (8 - bits)
    if photometric == WHITE_IS_ZERO:
        levels = top - (top - levels)
    return levels * (255 // top) if photometric != PALETTE else levels * (256 >> bits)
