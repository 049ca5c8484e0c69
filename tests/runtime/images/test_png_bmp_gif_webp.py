"""PNG, BMP, GIF and WebP: each kind of file shows the picture that it holds, or is refused by name."""

from __future__ import annotations

import io
import struct
import time
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from galaxy_classify.errors import ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_painter import paint
from raw_images import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, bmp_of, chunk, png_of

PICTURE = paint("unbarred_spiral", seed=1, size=37)

GALAXY = np.asarray(PICTURE)

DARK = GALAXY[..., :1]

DECODER = Decoder(Resizer((64, 64), Preprocessing()))


def picture(content: Any) -> NDArray[np.int64]:
    """Return the decoded picture, before the resize."""
    return np.asarray(DECODER.decode_picture(content).rgb).astype(np.int64)


def reason(content: Any) -> str:
    """Return why an image is refused."""
    with pytest.raises(ImageError) as refused:
        DECODER.decode_picture(content)
    return str(refused.value)


def grey(levels: NDArray[Any]) -> NDArray[np.int64]:
    """Return grey levels of shape (H, W, 1) as a picture."""
    return np.repeat(levels.astype(np.int64), 3, axis=2)


def saved(image: Image.Image, suffix: str, **options: Any) -> bytes:
    """Return an image as Pillow writes it."""
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("interlaced", [False, True])
def test_png_in_every_depth(interlaced: bool) -> None:
    """Levels of fewer bits are spread over the range, of more bits cut off."""
    for bits in (1, 2, 4, 8, 16):
        levels = DARK.astype(np.int64) >> (8 - bits) if bits <= 8 else DARK.astype(np.int64) * 257
        expected = grey(levels * 255 // (2**bits - 1))
        assert np.array_equal(picture(png_of(levels, bits, GREY, interlaced=interlaced)), expected), bits
    for bits in (8, 16):
        scale = 257 if bits == 16 else 1
        colours = GALAXY.astype(np.int64) * scale
        opaque = np.full_like(colours[..., :1], 255 * scale)
        assert np.array_equal(picture(png_of(colours, bits, RGB, interlaced=interlaced)), GALAXY)
        with_alpha = np.concatenate([colours, opaque], axis=2)
        assert np.array_equal(picture(png_of(with_alpha, bits, RGBA, interlaced=interlaced)), GALAXY)
        with_alpha = np.concatenate([colours[..., :1], opaque], axis=2)
        assert np.array_equal(picture(png_of(with_alpha, bits, GREY_ALPHA, interlaced=interlaced)), grey(DARK))
    for bits in (1, 2, 4, 8):
        indices = DARK.astype(np.int64) >> (8 - bits)
        colours = np.random.default_rng(0).integers(0, 256, (2**bits, 3), dtype=np.uint8)
        content = png_of(indices, bits, PALETTE, interlaced=interlaced, chunks=chunk(b"PLTE", colours.tobytes()))
        assert np.array_equal(picture(content), colours[indices[..., 0]])


def test_png_with_a_transparent_colour() -> None:
    """What is transparent becomes black, whatever colour is hidden under it."""
    levels = DARK.astype(np.int64)
    brightest = int(levels.max())
    expected = grey(np.where(levels == brightest, 0, levels))
    content = png_of(levels, 8, GREY, chunks=chunk(b"tRNS", struct.pack(">H", brightest)))
    assert np.array_equal(picture(content), expected)
    content = png_of(levels * 257, 16, GREY, chunks=chunk(b"tRNS", struct.pack(">H", brightest * 257)))
    assert np.array_equal(picture(content), expected)
    colours = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    alpha = bytes(255 if level != brightest else 0 for level in range(256))
    content = png_of(levels, 8, PALETTE, chunks=chunk(b"PLTE", colours.tobytes()) + chunk(b"tRNS", alpha))
    assert np.array_equal(picture(content), expected)


@pytest.mark.parametrize(("bits", "colour"), [(2, GREY), (4, GREY), (16, RGB)])
def test_png_with_a_transparent_colour_of_other_bits_is_refused(bits: int, colour: int) -> None:
    """Pillow compares it with levels that it has scaled, and so finds none or a wrong one."""
    samples = GALAXY.astype(np.int64) * 257 if colour == RGB else DARK.astype(np.int64) >> (8 - bits)
    transparent = struct.pack(">H", 1) * (3 if colour == RGB else 1)
    assert "transparent colour" in reason(png_of(samples, bits, colour, chunks=chunk(b"tRNS", transparent)))


def test_png_says_how_bright_its_levels_are() -> None:
    """Linear light shown as sRGB is a much darker picture."""
    levels = GALAXY.astype(np.int64)
    srgb = chunk(b"gAMA", struct.pack(">I", 45455))
    assert np.array_equal(picture(png_of(levels, 8, RGB, chunks=srgb)), GALAXY)
    linear = chunk(b"gAMA", struct.pack(">I", 100000))
    assert "gamma 1 in place" in reason(png_of(levels, 8, RGB, chunks=linear))
    assert np.array_equal(picture(png_of(levels, 8, RGB, chunks=linear + chunk(b"sRGB", b"\0"))), GALAXY)


def test_png_of_high_dynamic_range_is_refused() -> None:
    """Shown as sRGB it is a pale and dark picture."""
    levels = GALAXY.astype(np.int64)
    for transfer in (8, 16, 18):
        assert "light of another curve" in reason(
            png_of(levels, 8, RGB, chunks=chunk(b"cICP", bytes([9, transfer, 0, 1])))
        )
    for chunks in (chunk(b"cICP", bytes([1, 13, 0, 1])), chunk(b"cICP", b""), chunk(b"tEXt", b"a\0cICP")):
        assert np.array_equal(picture(png_of(levels, 8, RGB, chunks=chunks)), GALAXY)


def profile(curve: bytes) -> bytes:
    """Return a minimal ICC profile with a curve."""
    return bytes(128) + struct.pack(">I4sII", 1, b"rTRC", 144, len(curve)) + curve


CURVES = {
    "identity": b"curv" + bytes(8),
    "gamma 1": b"curv" + bytes(4) + struct.pack(">IH", 1, 256),
    "table": b"curv" + bytes(4) + struct.pack(">I3H", 3, 0, 32768, 65535),
    "function": b"para" + bytes(8) + struct.pack(">i", 65536),
}


@pytest.mark.parametrize("suffix", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_a_colour_profile_is_ignored_unless_it_is_linear(suffix: str) -> None:
    """Profiles of displays change colours a little; linear light is another picture."""
    for curve in CURVES.values():
        assert "far from sRGB" in reason(saved(PICTURE, suffix, icc_profile=profile(curve)))
    plain = picture(saved(PICTURE, suffix))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    table = profile(b"curv" + bytes(4) + struct.pack(">I3H", 3, 0, 14000, 65535))
    for good in (srgb, table, bytes(200), b"garbage" * 40, profile(b"xxxx")):
        assert np.array_equal(picture(saved(PICTURE, suffix, icc_profile=good)), plain)


@pytest.mark.parametrize("suffix", ["JPEG", "TIFF"])
def test_inks_with_a_profile_are_refused(suffix: str) -> None:
    """Their colours depend on it."""
    content = saved(PICTURE.convert("CMYK"), suffix, icc_profile=bytes(200))
    assert "profile of inks" in reason(content)


def test_large_chunks_of_text_and_profiles_cost_little() -> None:
    """A bomb in a chunk that is no picture is refused or passed over, in time and memory."""
    bomb = zlib.compress(bytes(60_000_000), 1)
    levels = GALAXY.astype(np.int64)
    for extra in (chunk(b"zTXt", b"a\0\0" + bomb), chunk(b"iCCP", b"a\0\0" + bomb), chunk(b"tEXt", bytes(10**7)) * 9):
        begin = time.process_time()
        try:
            assert np.array_equal(picture(png_of(levels, 8, RGB, chunks=extra)), GALAXY)
        except ImageError as error:
            assert str(error)  # noqa: PT017
        assert time.process_time() - begin < 1


def colour_rows(order: list[int], extra: int | None = None) -> list[bytes]:
    """Return the rows of the galaxy with its colours in an order, and perhaps a constant byte behind them."""
    rows = GALAXY[..., order]
    if extra is not None:
        rows = np.concatenate([rows, np.full_like(rows[..., :1], extra)], axis=2)
    return [row.tobytes() for row in rows]


@pytest.mark.parametrize("top_down", [False, True])
def test_bmp_in_every_depth(top_down: bool) -> None:
    """From below or from above; with palettes, masks and alpha."""
    width = GALAXY.shape[1]
    assert np.array_equal(picture(bmp_of(colour_rows([2, 1, 0]), width, 24, top_down=top_down)), GALAXY)
    assert np.array_equal(picture(bmp_of(colour_rows([2, 1, 0], 0), width, 32, top_down=top_down)), GALAXY)
    masks = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    content = bmp_of(
        colour_rows([0, 1, 2], 255), width, 32, masks=masks, compression=3, header_size=108, top_down=top_down
    )
    assert np.array_equal(picture(content), GALAXY)

    levels = GALAXY.astype(np.uint16) >> 3
    packed = (levels[..., 0] << 10 | levels[..., 1] << 5 | levels[..., 2]).astype("<u2")
    content = bmp_of([row.tobytes() for row in packed], width, 16, top_down=top_down)
    assert np.abs(picture(content) - levels.astype(np.int64) * 255 // 31).max() <= 1
    packed = (levels[..., 0] << 11 | (GALAXY[..., 1].astype(np.uint16) >> 2) << 5 | levels[..., 2]).astype("<u2")
    masks = struct.pack("<3I", 0xF800, 0x7E0, 0x1F)
    content = bmp_of([row.tobytes() for row in packed], width, 16, masks=masks, compression=3, top_down=top_down)
    assert np.abs(picture(content) - GALAXY).max() <= 8

    colours = np.random.default_rng(0).integers(0, 256, (256, 4), dtype=np.uint8)
    for bits in (1, 4, 8):
        indices = DARK[..., 0] >> (8 - bits)
        palette = colours[: 2**bits]
        places = np.arange(bits - 1, -1, -1)
        rows = [np.packbits(((row[:, None] >> places) & 1).astype(np.uint8)).tobytes() for row in indices]
        content = bmp_of(rows, width, bits, palette=palette.tobytes(), top_down=top_down)
        assert np.array_equal(picture(content), palette[indices][..., 2::-1]), bits


def test_bmp_in_runs_and_of_os2() -> None:
    """Run lengths of eight bits, and the oldest header."""
    palette = np.random.default_rng(0).integers(0, 256, (256, 4), dtype=np.uint8)
    runs = b"".join(b"".join(bytes([1, level]) for level in row) + b"\0\0" for row in DARK[::-1, :, 0]) + b"\0\1"
    content = bytearray(bmp_of([runs], GALAXY.shape[1], 8, palette=palette.tobytes(), compression=1))
    struct.pack_into("<i", content, 22, GALAXY.shape[0])
    assert np.array_equal(picture(bytes(content)), palette[DARK[..., 0]][..., 2::-1])
    content = bytearray(
        bmp_of([row.tobytes() for row in DARK[..., 0]], 37, 8, palette=palette[:, :3].tobytes(), header_size=12)
    )
    assert np.array_equal(picture(bytes(content)), palette[DARK[..., 0]][..., 2::-1])


def test_bmp_whose_grey_palette_does_not_fit_its_bits_is_refused() -> None:
    """Pillow leaves such a palette out, and then reads pixels of other bits than there are."""
    ramp = b"".join(bytes([level, level, level, 0]) for level in range(16))
    rows = [
        np.packbits(((row[:, None] >> np.arange(3, -1, -1)) & 1).astype(np.uint8)).tobytes() for row in DARK[..., 0]
    ]
    assert "BMP of 4 bits" in reason(bmp_of(rows, 37, 4, palette=ramp))
    two = bytes([0, 0, 0, 0, 255, 255, 255, 0])
    rows = [row.tobytes() for row in (DARK[..., 0] > 99).astype(np.uint8)]
    assert "BMP of 8 bits" in reason(bmp_of(rows, 37, 8, palette=two, colours=2))


def test_gif_with_a_transparent_colour_or_a_part_left_out() -> None:
    """What a first frame lets through is black; what it leaves out has no colour."""
    indexed = PICTURE.quantize(64)
    colours = np.asarray(indexed.convert("RGB")).astype(np.int64)
    assert np.array_equal(picture(saved(indexed, "GIF")), colours)
    assert np.array_equal(picture(saved(indexed, "GIF", interlace=1)), colours)
    sky = int(np.asarray(indexed)[0, 0])
    hidden = np.where((np.asarray(indexed) == sky)[..., None], 0, colours)
    assert np.array_equal(picture(saved(indexed, "GIF", transparency=sky)), hidden)
    content = bytearray(saved(indexed, "GIF"))
    struct.pack_into("<HH", content, 6, 60, 50)
    assert "first frame that covers a part" in reason(bytes(content))


def test_gif_with_many_frames_costs_what_one_does() -> None:
    """Only the first is decoded, and one more is looked for."""
    frames = [Image.new("P", (37, 37), number % 2) for number in range(2)]
    content = saved(PICTURE.quantize(64), "GIF", save_all=True, append_images=frames)
    end = content[:-1]
    frame = content[content.rindex(b"\x21\xf9") : -1]
    begin = time.process_time()
    assert DECODER.decode_picture(end + frame * 100_000 + b";").note == "first frame of several"
    assert time.process_time() - begin < 1


def test_webp_with_loss_without_and_with_alpha() -> None:
    """Transparent pixels become black."""
    assert np.array_equal(picture(saved(PICTURE, "WEBP", lossless=True)), GALAXY)
    assert np.abs(picture(saved(PICTURE, "WEBP", quality=98)) - GALAXY).mean() < 5
    alpha = np.zeros((37, 37, 1), np.uint8)
    alpha[5:30, 5:30] = 255
    image = Image.fromarray(np.concatenate([GALAXY, alpha], axis=2))
    for options in ({"lossless": True, "exact": True}, {"lossless": True}):
        assert np.array_equal(picture(saved(image, "WEBP", **options)), np.where(alpha, GALAXY, 0))
    animated = saved(PICTURE, "WEBP", lossless=True, save_all=True, append_images=[PICTURE.rotate(90)])
    assert np.array_equal(picture(animated), GALAXY)
