"""Refuse, by name, the files of each format that Pillow decodes wrongly without an error, or takes too long for."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from galaxy_classify.errors import ImageError
from galaxy_classify.images import jpeg
from galaxy_classify.images.colour_space import check_colour_space


def check_opened(image: Any) -> None:
    """Check an image that Pillow has opened, and perhaps decoded.

    Raises
    ------
    ImageError
        If its picture would be wrong, or take too long.
    """
    file: BinaryIO | None = getattr(image, "fp", None) if getattr(image, "tile", None) else None
    if image.format in ("JPEG", "MPO"):
        if file is not None:
            jpeg.check_file(file)
        jpeg.check_colours(image)
    elif image.format == "PNG":
        _check_png(image)
    elif image.format == "BMP" and file is not None:
        _check_bmp(image, file)
    check_colour_space(image)


def _check_png(image: Any) -> None:
    """Refuse a transparent colour whose level Pillow compares with levels that it has scaled to 8 bits."""
    transparent = image.info.get("transparency")
    if transparent is None or image.mode not in ("L", "RGB"):
        return
    levels = transparent if isinstance(transparent, tuple) else (transparent,)
    raw_mode = image.tile[0].args if image.tile else ""
    if raw_mode in ("RGB;16B", "L;2", "L;4") or max(levels) > 255:
        raise ImageError("unsupported PNG: a transparent colour without 8 bits; save it with an alpha channel")


def _check_bmp(image: Any, file: BinaryIO) -> None:
    """Refuse a grey palette that Pillow leaves out although the pixels have fewer or more bits than it then expects."""
    file.seek(14)
    header = file.read(20)
    if len(header) < 20:
        return
    if struct.unpack_from("<I", header)[0] == 12:
        (bits,), compressed = struct.unpack_from("<H", header, 10), False
    else:
        (bits,), compressed = struct.unpack_from("<H", header, 14), struct.unpack_from("<I", header, 16)[0] in (1, 2)
    if (image.mode == "1" and (bits != 1 or compressed)) or (image.mode == "L" and bits != 8 and not compressed):
        raise ImageError(f"unsupported BMP: {bits} bits with a palette of {image.mode!r}; save it as RGB or PNG")
