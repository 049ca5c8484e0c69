"""TIFF: each layout that is read shows the picture that it holds, and each other one is refused by name."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_painter import paint
from tiff_files import (
    BLACK_IS_ZERO,
    CIELAB,
    CMYK,
    DEFLATE,
    JPEG,
    PACKBITS,
    PALETTE,
    RGB,
    WHITE_IS_ZERO,
    YCBCR,
    samples_of,
    shown,
    tiff_of,
)

GALAXY = np.asarray(paint("unbarred_spiral", seed=1, size=36))[:, :35]

DECODER = Decoder(Resizer((64, 64), Preprocessing()))

LAYOUTS = [
    *[(WHITE_IS_ZERO, bits, ()) for bits in (1, 2, 4, 8)],
    *[(BLACK_IS_ZERO, bits, ()) for bits in (1, 2, 4, 8, 16)],
    (BLACK_IS_ZERO, 8, (1,)),
    (BLACK_IS_ZERO, 8, (2,)),
    *[(RGB, bits, extra) for bits in (8, 16) for extra in ((), (0,), (1,), (2,))],
    *[(PALETTE, bits, ()) for bits in (1, 2, 4, 8)],
    (CMYK, 8, ()),
    (CMYK, 16, ()),
]

STORAGE: list[dict[str, Any]] = [
    {},
    {"rows": 8},
    {"tile": 16},
    {"big": True},
    {"compression": DEFLATE, "rows": 8},
    {"compression": DEFLATE, "tile": 16},
    {"compression": PACKBITS, "rows": 1},
]


def galaxy_as(photometric: int, bits: int, extra: tuple[int, ...] = (), **options: Any) -> bytes:
    """Return a TIFF of the galaxy."""
    return tiff_of(samples_of(GALAXY, photometric, bits, extra), photometric, bits, extra=extra, **options)


def picture(content: bytes) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the decoded picture, before the resize."""
    return np.asarray(DECODER.decode_picture(content).rgb).astype(np.int64)


def reason(content: Any) -> str:
    """Return why an image is refused."""
    with pytest.raises(ImageError) as refused:
        DECODER.decode_picture(content)
    return str(refused.value)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("photometric", "bits", "extra"), LAYOUTS)
def test_a_layout_shows_its_picture(photometric: int, bits: int, extra: tuple[int, ...], order: str) -> None:
    """Pixel by pixel, in strips and tiles, compressed and not; BigTIFF of the other byte order is not read."""
    expected = shown(GALAXY, photometric, bits)
    for storage in STORAGE:
        if storage.get("big") and order == ">":
            continue
        found = picture(galaxy_as(photometric, bits, extra, order=order, **storage))
        assert np.abs(found - expected).max() <= 1, storage


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", [(), (2,)])
def test_colours_in_planes(bits: int, extra: tuple[int, ...]) -> None:
    """As tifffile writes an array of shape (3, H, W); of 16 bits, Pillow alone makes noise."""
    for order in "<>":
        for storage in STORAGE[:3] + STORAGE[4:]:
            content = galaxy_as(RGB, bits, extra, planar=2, order=order, **storage)
            assert np.array_equal(picture(content), GALAXY), storage


@pytest.mark.parametrize(("photometric", "bits"), [(WHITE_IS_ZERO, 16), (BLACK_IS_ZERO, 12)])
def test_grey_whose_range_or_sign_pillow_ignores(photometric: int, bits: int) -> None:
    """Pillow alone makes a negative of the one, and an almost black picture of the other."""
    for storage in STORAGE:
        found = picture(galaxy_as(photometric, bits, **storage))
        assert np.abs(found - shown(GALAXY, photometric, bits)).max() <= 1, storage


def test_predictors_and_reversed_bits() -> None:
    """Differences between neighbours are summed up; bits from the right are put in order."""
    for bits in (8, 16):
        content = galaxy_as(RGB, bits, compression=DEFLATE, predictor=2)
        assert np.array_equal(picture(content), GALAXY)
    for bits in (1, 2, 4, 8, 16):
        if bits == 16:
            content = galaxy_as(BLACK_IS_ZERO, bits, fill_order=2)
        else:
            content = galaxy_as(BLACK_IS_ZERO, bits, fill_order=2, compression=DEFLATE)
        assert np.abs(picture(content) - shown(GALAXY, BLACK_IS_ZERO, bits)).max() <= 1


@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, RGB, YCBCR])
def test_jpeg_within_a_tiff(photometric: int) -> None:
    """In strips and tiles; the colours are those of the JPEG."""
    for storage in (STORAGE[0], STORAGE[1], STORAGE[2]):
        found = picture(galaxy_as(photometric, 8, compression=JPEG, **storage))
        assert np.abs(found - shown(GALAXY, photometric, 8)).max() <= 16


@pytest.mark.parametrize("name", ["tiff_lzw", "zstd", "lzma", "group3", "group4", "tiff_ccitt"])
def test_compressions_that_need_an_encoder(name: str) -> None:
    """As Pillow's libtiff writes them."""
    image = Image.fromarray(GALAXY)
    if name in ("group3", "group4", "tiff_ccitt"):
        image = image.convert("1")
    buffer = io.BytesIO()
    try:
        image.save(buffer, "TIFF", compression=name)
    except OSError:
        pytest.skip("this build of libtiff has no such encoder")
    assert np.array_equal(picture(buffer.getvalue()), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (galaxy_as(RGB, 32, kind="f"), "32-bit float RGB"),
        (galaxy_as(BLACK_IS_ZERO, 32, kind="f"), "32-bit float grey"),
        (galaxy_as(BLACK_IS_ZERO, 32), "32-bit grey"),
        (galaxy_as(BLACK_IS_ZERO, 16, kind="i"), "16-bit signed grey"),
        (galaxy_as(BLACK_IS_ZERO, 8, kind="i"), "8-bit signed grey"),
        (galaxy_as(BLACK_IS_ZERO, 10), "10-bit grey"),
        (galaxy_as(BLACK_IS_ZERO, 12, order=">"), "12-bit grey, big-endian"),
        (galaxy_as(WHITE_IS_ZERO, 16, order=">"), "16-bit grey with white at 0, big-endian"),
        (galaxy_as(BLACK_IS_ZERO, 16, (0, 0), planar=2), "16-bit grey, 3 samples a pixel, in planes"),
        (galaxy_as(RGB, 8, (999,)), "8-bit RGB, 4 samples a pixel"),
        (galaxy_as(CIELAB, 8), "8-bit CIELab"),
        (galaxy_as(YCBCR, 8), "8-bit YCbCr"),
        (galaxy_as(CMYK, 16, planar=2), "16-bit CMYK, in planes"),
        (galaxy_as(RGB, 8, tags={262: (3, (32803,))}), "8-bit camera raw, 3 samples a pixel"),
        (galaxy_as(RGB, 8, tags={262: (3, (4711,))}), "8-bit photometric interpretation 4711, 3 samples a pixel"),
        (galaxy_as(RGB, 8, tags={259: (3, (34887,))}), "8-bit RGB, compression 34887"),
        (galaxy_as(RGB, 8, tags={259: (3, (6,))}), "8-bit RGB, compression 6"),
    ],
)
def test_another_layout_is_refused_by_name(content: bytes, what: str) -> None:
    """Most of these gave a row with a class and a wrong picture, or one that called the file damaged."""
    remedy = "save it with 8 or 16 bits, as grey or RGB, for example as PNG"
    assert reason(content) == f"unsupported pixels: TIFF of {what}; {remedy}"


def test_a_palette_of_eight_bits_and_foreign_inks_are_refused() -> None:
    """The one would be black, the other would have colours of its own."""
    assert "palette" in reason(galaxy_as(PALETTE, 8, tags={320: (3, tuple(range(256)) * 3)}))
    assert "inks" in reason(galaxy_as(CMYK, 8, tags={332: (3, (2,))}))


def test_a_picture_with_parts_left_out_is_refused() -> None:
    """What Pillow leaves black, or reads from another place, is no part of a galaxy."""
    whole = galaxy_as(RGB, 8, rows=12)
    assert np.array_equal(picture(whole), GALAXY)
    assert "2 TIFF strips, not 3" in reason(galaxy_as(RGB, 8, rows=12, tags={273: (4, (8, 9))}))
    assert "leaves out" in reason(galaxy_as(RGB, 8, rows=12, tags={279: (4, (1260, 0, 1260))}))
    assert "leaves out" in reason(galaxy_as(RGB, 8, rows=12, tags={273: (4, (8, 0, 8))}))
    assert "too short" in reason(galaxy_as(RGB, 8, rows=12, tags={279: (4, (1260, 1260, 1259))}))
    assert "tag 262 is missing" in reason(galaxy_as(RGB, 8, tags={262: None}))


def test_time_and_memory_are_bounded() -> None:
    """Each of 300,000 strips would be decoded; a tile of 4 gigapixels would be unpacked for 36 rows."""
    begin = time.process_time()
    assert "TIFF strips, not 2" in reason(galaxy_as(RGB, 8, rows=35, tags={273: (4, (8,) * 300_000)}))
    assert "too many pixels" in reason(galaxy_as(RGB, 8, tile=48, tags={322: (4, (65536,)), 323: (4, (65536,))}))
    assert time.process_time() - begin < 5


def test_an_image_that_pillow_has_opened_is_treated_as_its_file() -> None:
    """Also if it was decoded before; only where Pillow has made noise of it, the file is asked for."""
    for content in (galaxy_as(BLACK_IS_ZERO, 12), galaxy_as(WHITE_IS_ZERO, 16), galaxy_as(RGB, 16, planar=2)):
        opened = Image.open(io.BytesIO(content))
        for _ in range(2):
            assert np.array_equal(np.asarray(DECODER.decode_picture(opened).rgb), picture(content))
        opened = Image.open(io.BytesIO(content))
        opened.load()
        if opened.mode == "RGB":
            assert "give the file's path or bytes" in reason(opened)
        else:
            assert np.array_equal(np.asarray(DECODER.decode_picture(opened).rgb), picture(content))
    assert "8-bit CIELab" in reason(Image.open(io.BytesIO(galaxy_as(CIELAB, 8))))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_once(orientation: int) -> None:
    """Pillow turns a TIFF itself, other formats we do."""
    tags: dict[int, Any] = {274: (3, (orientation,))}
    found = picture(galaxy_as(RGB, 8, tags=tags))
    assert np.array_equal(found, picture(galaxy_as(RGB, 16, planar=2, tags=tags)))
    turned = Image.fromarray(GALAXY)
    exif = Image.Exif()
    exif[274] = orientation
    buffer = io.BytesIO()
    turned.save(buffer, "PNG", exif=exif)
    assert np.array_equal(found, picture(buffer.getvalue()))
