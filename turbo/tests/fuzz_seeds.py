"""Draw the small JPEGs that the fuzz program damages: of every kind that the compiled code decodes, and some others."""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path

from PIL import Image, ImageFilter

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "4:1:1")


def draw(chance: random.Random) -> bytes:
    """Return a small JPEG of soft blobs and some noise."""
    size = chance.randint(16, 96), chance.randint(16, 96)
    image = Image.frombytes("RGB", (8, 8), chance.randbytes(192)).resize(size, Image.Resampling.BICUBIC)
    if chance.random() < 0.4:
        noise = Image.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1]))
        image = Image.blend(image, noise.filter(ImageFilter.GaussianBlur(1)), 0.3)
    options: dict[str, object] = {"quality": chance.randint(20, 97), "optimize": chance.random() < 0.3}
    options["progressive"] = chance.random() < 0.4
    kind = chance.random()
    if kind < 0.15:
        image = image.convert("L")
    elif kind < 0.2:
        image = image.convert("CMYK")
    elif kind < 0.3:
        options["keep_rgb"] = True
    else:
        options["subsampling"] = chance.choice(SUBSAMPLINGS)
    if chance.random() < 0.3:
        options["restart_marker_blocks"] = chance.randint(1, 12)
    if chance.random() < 0.1:
        options["comment"] = "a comment"
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", **options)
    return encoded.getvalue()


def main() -> None:
    """Write JPEGs into a folder: its name, and how many, are the arguments."""
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(number):
        folder.joinpath(f"{i:03}.jpg").write_bytes(draw(random.Random(i)))


if __name__ == "__main__":
    main()
