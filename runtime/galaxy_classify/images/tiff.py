"""Read TIFF files in the layouts that are known to come out right, and refuse all others by name.

Pillow reads more layouts, some of them wrongly and without an error: 16-bit colours in planes as noise, 16-bit grey
with white at zero as a negative, 12-bit grey almost black. `tests/fuzz/test_fuzz_tiff_modes.py` compares each layout
that is read here with the same picture as RGB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from PIL import Image

from galaxy_classify.errors import ImageError

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

#: Photometric interpretations, as the TIFF 6.0 specification numbers them.
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6


_KINDS: Final = {
    WHITE_IS_ZERO: "grey with white at 0",
    BLACK_IS_ZERO: "grey",
    RGB: "RGB",
    PALETTE: "palette colours",
    4: "transparency mask",
    CMYK: "CMYK",
    YCBCR: "YCbCr",
    8: "CIELab",
    9: "ICCLab",
    10: "ITULab",
    32803: "camera raw",
    32844: "LogL",
    32845: "LogLuv",
    34892: "camera raw",
}


_FORMATS: Final = {1: "", 2: "signed ", 3: "float "}


_COLOURS: Final = {RGB: 3, CMYK: 4, YCBCR: 3, 8: 3, 9: 3, 10: 3, 32845: 3}


#: Kinds of samples behind the colours: unspecified, associated alpha (colours are multiplied by it), and alpha.
_UNSPECIFIED, _ASSOCIATED, _ALPHA = 0, 1, 2


#: Photometric interpretation, bits of each sample, and kinds of the samples behind the colours.
_LAYOUTS: Final = frozenset(
    [(WHITE_IS_ZERO, bits, ()) for bits in (1, 2, 4, 8, 16)]
    + [(BLACK_IS_ZERO, bits, ()) for bits in (1, 2, 4, 8, 12, 16)]
    + [(BLACK_IS_ZERO, 8, (_ASSOCIATED,)), (BLACK_IS_ZERO, 8, (_ALPHA,))]
    + [(RGB, bits, extra) for bits in (8, 16) for extra in ((), (_UNSPECIFIED,), (_ASSOCIATED,), (_ALPHA,))]
    + [(PALETTE, bits, ()) for bits in (1, 2, 4, 8)]
    + [(CMYK, 8, ()), (CMYK, 16, ()), (YCBCR, 8, ())]
)


#: Those of them that may also be stored one colour after the other.
_PLANES: Final = frozenset([(RGB, bits, extra) for bits in (8, 16) for extra in ((), (_ALPHA,))] + [(CMYK, 8, ())])


_RAW, _JPEG = 1, 7


_FAX: Final = (2, 3, 4)


#: Uncompressed, fax, LZW, JPEG, deflate, PackBits, deflate by its older number, LZMA, Zstandard.
_COMPRESSIONS: Final = (_RAW, *_FAX, 5, _JPEG, 8, 32773, 32946, 34925, 50000)


#: Marks an image of a caller that was decoded here, so that it can be classified again.
_SIXTEEN_BITS: Final = "galaxy_classify: 16-bit planes"


_LITTLE_ENDIAN: Final = b"II"


_SIGNATURES: Final = (b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"II+\0", b"MM\0+")


def is_tiff(head: bytes) -> bool:
    """Return whether a file is a TIFF, from its first bytes."""
    return head.startswith(_SIGNATURES)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a TIFF stores its first picture: what its tags say, with the defaults of the specification."""

    order: bytes
    width: int
    height: int
    photometric: int
    bits: tuple[int, ...]
    extra: tuple[int, ...]
    formats: tuple[int, ...]
    samples: int
    planar: int
    compression: int
    fill_order: int

    def __str__(self) -> str:
        bits = "/".join(map(str, sorted(set(self.bits))))
        kind = _FORMATS.get(self.formats[0], "untyped ") if len(set(self.formats)) == 1 else "mixed "
        parts = [f"{bits}-bit {kind}{_KINDS.get(self.photometric, f'photometric interpretation {self.photometric}')}"]
        if self.extra or self.samples != self.colours:
            parts.append(f"{self.samples} samples a pixel")
        if self.planar != 1:
            parts.append("in planes")
        if self.order != _LITTLE_ENDIAN:
            parts.append("big-endian")
        if self.fill_order != 1:
            parts.append("bits reversed")
        if self.compression != _RAW:
            parts.append(f"compression {self.compression}")
        return ", ".join(parts)

    @property
    def colours(self) -> int:
        """Number of samples before the extra ones."""
        return _COLOURS.get(self.photometric, 1)

    @property
    def is_known(self) -> bool:
        """Whether Pillow reads this layout right, with the help of `load`."""
        key = (self.photometric, self.bits[0], self.extra)
        grey_16 = self.photometric == WHITE_IS_ZERO and self.bits[0] == 16
        return (
            key in _LAYOUTS
            and set(self.bits) == {self.bits[0]}
            and set(self.formats) == {1}
            and self.samples == self.colours + len(self.extra)
            and self._has_known_order(key)
            and self._has_known_compression()
            and (not (self.bits[0] == 12 or grey_16) or (self.order == _LITTLE_ENDIAN and self.fill_order == 1))
        )

    def _has_known_order(self, key: tuple[int, int, tuple[int, ...]]) -> bool:
        if self.planar == 2:
            if self.samples > 1:
                return key in _PLANES and self.fill_order == 1
            # With a single sample there is no difference, but Pillow takes the first letter of the raw mode.
            plain = self.photometric in (BLACK_IS_ZERO, PALETTE) and self.bits[0] == 8 and self.fill_order == 1
            return plain or (self.compression != _RAW and self.fill_order == 1)
        return self.planar == 1 and (self.fill_order == 1 or (self.fill_order == 2 and self.samples == 1))

    def _has_known_compression(self) -> bool:
        if self.photometric == YCBCR:
            return self.compression == _JPEG and self.planar == 1
        if self.compression in _FAX:
            return self.bits == (1,) and self.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO)
        if self.compression == _JPEG:
            plain = self.photometric in (BLACK_IS_ZERO, RGB) and not self.extra
            return self.bits[0] == 8 and plain and self.fill_order == 1
        return self.compression in _COMPRESSIONS


def check_file(file: BinaryIO, max_pixels: int) -> None:
    """Read the tags of an open TIFF file, and check them as `check_tags` does."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    header = file.read(8)
    if 43 in header[2:4]:
        header += file.read(8)
    tags = ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    check_tags(tags, max_pixels)


def check_tags(tags: ImageFileDirectory_v2, max_pixels: int) -> Layout:
    """Return the layout that tags describe.

    Raises
    ------
    ImageError
        If it is none that comes out right, or the tags contradict each other.
    """
    layout = _layout(tags)
    if not layout.is_known:
        raise ImageError(
            f"unsupported pixels: TIFF of {layout}; save it with 8 or 16 bits, as grey or RGB, for example as PNG"
        )
    if layout.photometric == PALETTE and max(_numbers(tags, 320)) < 256:
        raise ImageError("unsupported pixels: TIFF whose palette has 8 bits in place of 16; save it as RGB")
    if layout.photometric == CMYK and _number(tags, 332, 1) != 1:
        raise ImageError("unsupported pixels: TIFF whose inks are not CMYK; save it as RGB")
    _check_parts(tags, layout, max_pixels)
    return layout


def _numbers(tags: ImageFileDirectory_v2, tag: int, default: Any = None) -> tuple[int, ...]:
    found = tags.get(tag, default)
    if found is None:
        raise ImageError(f"damaged or incomplete image: TIFF tag {tag} is missing")
    numbers = found if isinstance(found, tuple) else (found,)
    if not numbers or not all(isinstance(number, int) for number in numbers):
        raise ImageError(f"damaged or incomplete image: TIFF tag {tag} is no number")
    return numbers


def _number(tags: ImageFileDirectory_v2, tag: int, default: Any = None) -> int:
    return _numbers(tags, tag, default)[0]


def _layout(tags: ImageFileDirectory_v2) -> Layout:
    samples = _number(tags, 277, 1)
    bits = _numbers(tags, 258, 1)
    extra = _numbers(tags, 338) if 338 in tags else ()
    return Layout(
        order=tags.prefix,
        width=_number(tags, 256),
        height=_number(tags, 257),
        photometric=_number(tags, 262),
        bits=bits,
        extra=extra,
        formats=_numbers(tags, 339, 1),
        samples=samples,
        planar=_number(tags, 284, 1),
        compression=_number(tags, 259, 1),
        fill_order=_number(tags, 266, 1),
    )


def _check_parts(tags: ImageFileDirectory_v2, layout: Layout, max_pixels: int) -> None:
    """Check that there are as many strips or tiles as cover the picture once, and that each is long enough.

    Of too few, Pillow leaves the rest of the picture black; of too many, it decodes each, and a small file can list
    millions.
    """
    width, height = layout.width, layout.height
    tiled = 322 in tags and 273 not in tags
    if tiled:
        across, down = _number(tags, 322), _number(tags, 323)
        if across * down > max_pixels:
            raise ImageError(f"too many pixels: tiles of {across} x {down}, the limit is {max_pixels:,}")
    else:
        across, down = width, min(_number(tags, 278, height), height)
    if min(width, height, across, down) < 1:
        raise ImageError("damaged or incomplete image: its TIFF has no size")
    planes = layout.samples if layout.planar == 2 else 1
    rows = math.ceil(height / down)
    expected = math.ceil(width / across) * rows * planes
    offsets = _numbers(tags, 324 if tiled else 273)
    if len(offsets) != expected:
        part = "tiles" if tiled else "strips"
        raise ImageError(f"damaged or incomplete image: {len(offsets):,} TIFF {part}, not {expected:,}")
    counts = _numbers(tags, 325 if tiled else 279, (1,) * expected)
    if len(counts) != expected or 0 in offsets or 0 in counts:
        raise ImageError("damaged or incomplete image: its TIFF leaves out a part of the picture")
    if layout.compression == _RAW and (325 if tiled else 279) in tags:
        samples = 1 if layout.planar == 2 else layout.samples
        line = math.ceil(across * samples * layout.bits[0] / 8)
        last = down if tiled else height - (rows - 1) * down
        short = any(count < line * (last if number % rows == rows - 1 else down) for number, count in enumerate(counts))
        if short:
            raise ImageError("damaged or incomplete image: a part of its TIFF is too short")


def load(image: TiffImageFile, max_pixels: int) -> Image.Image:
    """Decode a TIFF that Pillow has opened, and return it with the range and sign of its levels as in other formats.

    Raises
    ------
    ImageError
        As `check_tags` does.
    Exception
        Of any kind, if it is damaged.
    """
    layout = check_tags(image.tag_v2, max_pixels)
    if layout.compression == _RAW and layout.planar == 2 and layout.bits[0] == 16:
        _decode_sixteen_bits(image, layout.order)
    image.load()
    if not image.mode.startswith("I;16"):
        return image
    levels = np.asarray(image).astype(np.uint16)
    if layout.bits[0] == 12:
        levels <<= 4
    if layout.photometric == WHITE_IS_ZERO:
        levels = ~levels
    return Image.fromarray(levels)


def _decode_sixteen_bits(image: TiffImageFile, order: bytes) -> None:
    """Make Pillow decode planes of 16 bits as such: it takes them for planes of 8 bits."""
    if image.tile:
        raw_mode = ";16L" if order == _LITTLE_ENDIAN else ";16B"
        tiles: list[Any] = [*image.tile]
        image.tile = [tile._replace(args=(tile.args[0] + raw_mode, *tile.args[1:])) for tile in tiles]
        image.info[_SIXTEEN_BITS] = True
    elif _SIXTEEN_BITS not in image.info:
        raise ImageError(
            "unsupported pixels: 16-bit planes that Pillow has loaded wrongly; give the file's path or bytes"
        )
