"""Measure how long Pillow takes to decode a JPEG, by where in memory the row buffer of its decoder lies.

Run ``python benchmarks/pillow_row_buffer.py`` (ten seconds; glibc, Pillow with libjpeg-turbo). What it is about stands
in docs/explanation/pillow-row-buffer.md. It writes addresses of its own into the decoder, by knowledge of how Pillow 13
lays that out: good for a measurement only.
"""

from __future__ import annotations

import argparse
import collections
import ctypes
import io
import random
import statistics
import struct
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image, features

#: Bytes of the decoder's state that are looked through.
STATE_BYTES = 192
#: Blocks of which those are freed that lie right for the row buffer.
HOLES = 64


def drawn_jpeg() -> bytes:
    """Return a drawn JPEG of 424 px."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
    from galaxy_painter import KINDS, paint

    encoded = io.BytesIO()
    paint(KINDS[0], seed=1).save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def buffer_slot(decoder: object, width: int) -> Any:
    """Return where a decoder keeps the address of its row buffer: behind 32 bits a pixel and the bytes of a row."""
    state = ctypes.string_at(id(decoder), STATE_BYTES)
    place = state.index(struct.pack("<ii", 32, 4 * width)) + 8
    while not struct.unpack_from("<Q", state, place)[0]:
        place += 8
    return ctypes.c_uint64.from_address(id(decoder) + place)


def decode(jpeg: bytes, address: int | None = None) -> tuple[int, float]:
    """Decode a JPEG, with the row buffer at an address or where it is; return that and microseconds of CPU time."""
    image: Any = Image.open(io.BytesIO(jpeg))
    ((name, extents, offset, arguments),) = image.tile
    image.load_prepare()
    decoder = Image._getdecoder(image.mode, name, arguments, image.decoderconfig)
    decoder.setimage(image.im, extents)
    slot = buffer_slot(decoder, image.width)
    own = slot.value
    if address is not None:
        slot.value = address
    started = time.thread_time_ns()
    consumed, error = decoder.decode(jpeg[offset:])
    spent = time.thread_time_ns() - started
    slot.value = own  # which the decoder frees
    if consumed >= 0 or error:
        sys.exit("the JPEG is damaged")
    decoder.cleanup()
    return own if address is None else address, spent / 1000


def make_holes(width: int) -> None:
    """Leave free blocks for the row buffer at 16 bytes above a multiple of 32, each between two blocks in use.

    As its neighbours stay in use, glibc never merges such a hole with others, and a request of its size gets it first.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    # Of two sizes that differ by 16, one is an odd multiple of 16, so that every second block lies right.
    blocks = [(libc.malloc(4 * width), libc.malloc(4 * width + 16))[0] for _ in range(HOLES)]
    for block in blocks:
        if block % 32 == 16:
            libc.free(block)


def print_times(times: dict[str, list[float]]) -> None:
    """Print the quickest and the median decoding for each place of the buffer, and how often it was there."""
    number = sum(map(len, times.values()))
    print(f"| {'row buffer':34} | share | quickest, µs | median, µs |\n| {'-' * 34} | ---: | ---: | ---: |")
    for name, found in sorted(times.items()):
        share = f"{100 * len(found) / number:.0f} %"
        print(f"| {name:34} | {share} | {min(found):.0f} | {statistics.median(found):.0f} |")


def times_as_it_comes(jpeg: bytes, turns: int) -> dict[str, list[float]]:
    """Decode a JPEG while objects of random sizes come and go, as in a program that does something else as well."""
    times: dict[str, list[float]] = collections.defaultdict(list)
    random.seed(0)
    held: list[bytes] = []
    for _ in range(turns):
        held = [*held[-20:], bytes(random.randrange(4000))]  # noqa: S311 - not for secrets
        address, spent = decode(jpeg)
        times["a multiple of 32" if address % 32 == 0 else "16 bytes above a multiple of 32"].append(spent)
    return times


def main() -> None:
    """Measure with chosen addresses, with the addresses that come about, and with holes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", type=Path, help="a colour JPEG to decode instead of a drawn one")
    parser.add_argument("--turns", type=int, default=500)
    arguments = parser.parse_args()
    jpeg = drawn_jpeg() if arguments.image is None else arguments.image.read_bytes()
    width, height = Image.open(io.BytesIO(jpeg)).size
    print(f"Pillow {Image.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}; {width} x {height} pixels")  # type: ignore[attr-defined]
    memory = ctypes.create_string_buffer(4 * width + 128)
    base = -(-ctypes.addressof(memory) // 64) * 64
    times: dict[str, list[float]] = collections.defaultdict(list)
    for _ in range(arguments.turns):
        for above in (0, 16, 32, 48):
            times[f"{above:2} bytes above a multiple of 64"].append(decode(jpeg, base + above)[1])
    print("\nAt chosen addresses:\n")
    print_times(times)
    print("\nWhere it comes to lie:\n")
    print_times(times_as_it_comes(jpeg, arguments.turns))
    make_holes(width)
    print("\nWith holes for it:\n")
    print_times(times_as_it_comes(jpeg, arguments.turns))


if __name__ == "__main__":
    main()
