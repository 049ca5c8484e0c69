"""Refuse, by name, the files of each format that Pillow decodes wrongly without an error, or takes too long for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.images import jpeg, tiff
from galaxy_classify.images.colour_space import check_colour_space

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

#: Transfer characteristics near that of sRGB, as ITU-T H.273 numbers them; 2 says that it is not known.
_LIKE_SRGB: Final = (1, 2, 4, 6, 13, 14, 15)


def check_file(file: BinaryIO, max_pixels: int) -> None:
    """Check an open, seekable file before Pillow opens it, and go back to its beginning.

    Raises
    ------
    ImageError
        If its picture would be wrong, or take too long.
    """
    head = file.read(4)
    file.seek(0)
    if tiff.is_tiff(head):
        tiff.check_file(file, max_pixels)
    elif jpeg.is_jpeg(head):
        jpeg.check_file(file)
    elif head == b"\x89PNG":
        _check_png_file(file)
    file.seek(0)


def load(image: Image.Image, max_pixels: int) -> Image.Image:
    """Check an image that Pillow has opened, decode it, and return it with levels of the usual range and sign.

    ``Image.open`` reads the header alone: only a full load shows that a file was cut short.

    Raises
    ------
    ImageError
        If its picture would be wrong.
    Exception
        Of any kind, if it is damaged.
    """
    check_colour_space(image)
    if image.format == "TIFF":
        return tiff.load(cast("TiffImageFile", image), max_pixels)
    if image.format in ("JPEG", "MPO"):
        jpeg.check_colours(image)
    elif image.format == "PNG":
        _check_png(image)
    elif image.format == "BMP":
        _check_bmp(image)
    elif image.format == "GIF":
        _check_gif(image)
    image.load()
    return image


def undecoded_file(image: Image.Image) -> BinaryIO | None:
    """Return the file of an image that Pillow has opened but not decoded."""
    return getattr(image, "fp", None) if getattr(image, "tile", None) else None


def _check_png_file(file: BinaryIO) -> None:
    """Refuse a PNG whose chunk ``cICP`` says that its light is linear or of high dynamic range: Pillow ignores it."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name == b"IDAT":
            return
        behind = file.tell() + length + 4
        if name == b"cICP" and length == 4:
            transfer = file.read(2)[-1:]
            if transfer and transfer[0] not in _LIKE_SRGB:
                raise ImageError(f"unsupported pixels: light of another curve (cICP {transfer[0]}); convert to sRGB")
        file.seek(behind)


def _check_png(image: Any) -> None:
    """Refuse a transparent colour whose level Pillow compares with levels that it has scaled to 8 bits."""
    transparent = image.info.get("transparency")
    if transparent is None or image.mode not in ("L", "RGB"):
        return
    levels = transparent if isinstance(transparent, tuple) else (transparent,)
    raw_mode = image.tile[0].args if image.tile else ""
    if raw_mode in ("RGB;16B", "L;2", "L;4") or max(levels) > 255:
        raise ImageError("unsupported pixels: a transparent colour that has not 8 bits; save it with an alpha channel")


def _check_bmp(image: Image.Image) -> None:
    """Refuse a grey palette that Pillow leaves out although the pixels have fewer or more bits than it then expects."""
    file = undecoded_file(image)
    if file is None:
        return
    file.seek(14)
    header = file.read(20)
    if len(header) < 20:
        return
    if struct.unpack_from("<I", header)[0] == 12:
        (bits,), compressed = struct.unpack_from("<H", header, 10), False
    else:
        (bits,), compressed = struct.unpack_from("<H", header, 14), struct.unpack_from("<I", header, 16)[0] in (1, 2)
    if (image.mode == "1" and (bits != 1 or compressed)) or (image.mode == "L" and bits != 8 and not compressed):
        raise ImageError(f"unsupported pixels: BMP of {bits} bits with a grey palette of others; save it as RGB or PNG")


def _check_gif(image: Any) -> None:
    """Refuse a first frame that is a part of the picture: Pillow gives the rest the first colour of the palette."""
    if image.tile and tuple(image.tile[0].extents) != (0, 0, *image.size):
        raise ImageError("unsupported pixels: a first frame that covers a part of the picture only; save it as PNG")
