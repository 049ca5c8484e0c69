"""Random JPEGs of every kind that Pillow writes, whole and damaged.

Run as a script, it writes small ones for the program turbo/tests/fuzz.c, ``python tests/helpers/random_jpegs.py FOLDER
64``.
"""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image, ImageFile

MARKERS = bytes.fromhex("c0 c1 c2 c4 c9 d0 d3 d7 d8 d9 da db dc dd de e0 e1 e2 ee fe 00 ff")

EXTREMES = b"\x00\xff\x7f\x80\x01\xfe"


def encoded(image: Image.Image, **options: Any) -> bytes:
    """Return an image as the bytes of a JPEG."""
    buffer = io.BytesIO()
    # Pillow's guess of the size is too small for noise of high quality.
    with mock.patch.object(ImageFile, "MAXBLOCK", 1 << 21):
        image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def random_picture(chance: random.Random, least: int = 16, most: int = 440) -> Image.Image:
    """Return soft blobs, often with noise on them, in any shape."""
    size = chance.randint(least, most), chance.randint(least, most)
    if chance.random() < 0.3:
        size = size[0], size[0]
    blobs = chance.choice([3, 8, 20])
    image = Image.frombytes("RGB", (blobs, blobs), chance.randbytes(3 * blobs * blobs))
    image = image.resize(size, Image.Resampling.BICUBIC)
    if chance.random() < 0.5:
        noise = Image.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1]))
        image = Image.blend(image, noise, chance.choice([0.05, 0.2, 1.0]))
    return image


def random_jpeg(chance: random.Random, least: int = 16, most: int = 440) -> bytes:
    """Return a JPEG of an ordinary kind: whatever Pillow writes, and some samplings that it does not write."""
    image = random_picture(chance, least, most)
    options: dict[str, Any] = {
        "quality": chance.randint(20, 100),
        "progressive": chance.random() < 0.3,
        "optimize": chance.random() < 0.3,
    }
    kind = chance.random()
    if kind < 0.12:
        image = image.convert("L")
    elif kind < 0.2:
        options["keep_rgb"] = True
    elif kind < 0.4:
        return with_odd_sampling(image, chance.choice(list(ODD_SAMPLINGS)), **options)
    else:
        options["subsampling"] = chance.choice(["4:4:4", "4:2:2", "4:2:0"])
    restarts = chance.random()
    if restarts < 0.2:
        options["restart_marker_blocks"] = chance.randint(1, 50)
    elif restarts < 0.3:
        options["restart_marker_rows"] = chance.randint(1, 5)
    if chance.random() < 0.1:
        options["comment"] = b"a comment"
    return encoded(image, **options)


#: Columns and rows of luminance for each sample of a colour, for samplings that Pillow cannot write. Each has as many
#: blocks in a unit as the ordinary sampling beside it, so that the codes of that one can be read as this one.
ODD_SAMPLINGS = {(1, 2): ("4:2:2", (2, 1)), (4, 1): ("4:2:0", (2, 2)), (1, 4): ("4:2:0", (2, 2))}


def with_odd_sampling(image: Image.Image, sampling: tuple[int, int], **options: Any) -> bytes:
    """Return a JPEG with an unusual sampling; its picture is that of `image` with its blocks in another order."""
    ordinary, (columns, rows) = ODD_SAMPLINGS[sampling]
    across, down = (max(edge // (8 * factor), 2) for edge, factor in zip(image.size, (columns, rows), strict=True))
    whole = image.resize((across * 8 * columns, down * 8 * rows))
    content = bytearray(encoded(whole, subsampling=ordinary, **options))
    frame = max(content.find(b"\xff\xc0\x00\x11"), content.find(b"\xff\xc2\x00\x11"))
    content[frame + 5 : frame + 7] = (down * 8 * sampling[1]).to_bytes(2, "big")
    content[frame + 7 : frame + 9] = (across * 8 * sampling[0]).to_bytes(2, "big")
    content[frame + 11] = sampling[0] << 4 | sampling[1]
    return bytes(content)


def damaged(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return a JPEG with one fault, which may be a part of another one."""
    changed = bytearray(content)
    if len(changed) < 8:
        return content
    place = chance.randrange(min(len(changed), 640)) if chance.random() < 0.4 else chance.randrange(len(changed))
    markers = [i for i, byte in enumerate(content[:-1]) if byte == 0xFF and content[i + 1] >= 0xC0]
    kind = chance.randrange(8)
    if kind == 0:
        changed[place] ^= 1 << chance.randrange(8)
    elif kind == 1:
        changed[place] = chance.choice([chance.randrange(256), *EXTREMES])
    elif kind == 2:
        del changed[place : place + chance.randint(1, 64)]
    elif kind == 3:
        changed[place:place] = chance.randbytes(chance.randint(1, 64))
    elif kind == 4:
        del changed[place:]
    elif kind == 5:  # a part of another one in the place of a part
        start = chance.randrange(len(other))
        end = start + chance.randint(1, chance.choice([64, len(other)]))
        changed[place : chance.choice([place, chance.randrange(place, len(changed))])] = other[start:end]
    elif kind == 6 and markers:  # a length, or the first bytes of a segment
        place = min(chance.choice(markers) + 2 + chance.choice([0, 1, chance.randrange(14)]), len(changed) - 1)
        changed[place] = chance.choice([chance.randrange(256), *EXTREMES])
    else:  # another marker
        place = chance.choice([*markers[:8], *markers[-8:], min(place, len(changed) - 2)])
        changed[place : place + 2] = bytes([0xFF, chance.choice(MARKERS)])
    return bytes(changed)


def main() -> None:
    """Write small JPEGs into a folder: its name, and how many, are the arguments."""
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(number):
        folder.joinpath(f"{i:03}.jpg").write_bytes(random_jpeg(random.Random(i), most=96))


if __name__ == "__main__":
    main()
