"""JPEG: every kind that is read shows its picture, within bounded time, and each other one is refused by name."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.jpeg import MOST_SCANS
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_painter import paint

GALAXY = paint("unbarred_spiral", seed=1, size=100)

DECODER = Decoder(Resizer((64, 64), Preprocessing()))


def jpeg(image: Image.Image = GALAXY, **options: Any) -> bytes:
    """Return an image as a JPEG with little loss."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 98, "subsampling": 0, **options})
    return buffer.getvalue()


def reason(content: Any) -> str:
    """Return why an image is refused."""
    with pytest.raises(ImageError) as refused:
        DECODER.decode_picture(content)
    return str(refused.value)


def difference(content: Any, image: Image.Image = GALAXY) -> float:
    """Return by how many levels a picture is off, at the worst pixel."""
    found = np.asarray(DECODER.decode_picture(content).rgb).astype(int)
    return float(np.abs(found - np.asarray(image.convert("RGB")).astype(int)).max())


def with_scans(content: bytes, number: int) -> bytes:
    """Repeat the header of the last scan, without data."""
    last = content.rindex(b"\xff\xda")
    length = int.from_bytes(content[last + 2 : last + 4], "big")
    return content[:-2] + content[last : last + 2 + length] * number + content[-2:]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"keep_rgb": True}, {"restart_marker_rows": 1}])
def test_ordinary_jpegs_show_their_picture(options: dict[str, Any]) -> None:
    """In one scan or ten, with colours converted or not."""
    assert difference(jpeg(**options)) <= 12


def test_grey_and_inverted_inks_show_their_picture() -> None:
    """With the marker of Adobe, Pillow is right to invert CMYK."""
    assert difference(jpeg(GALAXY.convert("L")), GALAXY.convert("L")) <= 12
    assert difference(jpeg(GALAXY.convert("CMYK"))) <= 12


def test_inks_that_may_be_inverted_are_refused() -> None:
    """Without the marker nothing says which they are, and Pillow inverts them always."""
    content = jpeg(GALAXY.convert("CMYK"))
    start = content.index(b"\xff\xee")
    length = int.from_bytes(content[start + 2 : start + 4], "big")
    assert "CMYK without an Adobe marker" in reason(content[:start] + content[start + 2 + length :])


@pytest.mark.parametrize("number", [MOST_SCANS, 5000])
@pytest.mark.parametrize("prefix", [b"", b"\xff", b"\xff\xfe\x00\x02", b"junk"])
def test_repeated_scans_are_refused_at_once(number: int, prefix: bytes) -> None:
    """Each takes as long as the picture has pixels: a small file took minutes, and filling bytes do not hide them."""
    content = jpeg(GALAXY.resize((2000, 2000)), progressive=True, quality=50)
    content = with_scans(content[:20] + prefix + content[20:], number)
    begin = time.process_time()
    assert "too many scans" in reason(content)
    assert "too many scans" in reason(Image.open(io.BytesIO(content)))
    assert time.process_time() - begin < 1


def test_scans_of_one_colour_each_are_counted() -> None:
    """Not only a progressive JPEG has several scans."""
    content = jpeg()
    start = content.index(b"\xff\xda")
    content = content[:start] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + content[start + 14 :]
    assert "too many scans" in reason(with_scans(content, MOST_SCANS))


def test_more_scans_than_usual_are_read() -> None:
    """Encoders differ."""
    assert difference(with_scans(jpeg(progressive=True), 60)) <= 12


@pytest.mark.parametrize(
    ("marker", "bits", "colours", "kind"),
    [
        (0xC3, 8, 3, "lossless"),
        (0xC9, 8, 3, "arithmetic coding"),
        (0xCA, 8, 3, "progressive, arithmetic coding"),
        (0xC1, 12, 3, "12 bits"),
        (0xC0, 8, 2, "2 colours"),
    ],
)
def test_another_kind_is_refused_by_name(marker: int, bits: int, colours: int, kind: str) -> None:
    """It was called damaged, or left to a decoder that is hardly ever used."""
    content = bytearray(jpeg())
    start = content.index(b"\xff\xc0")
    content[start + 1], content[start + 4], content[start + 9] = marker, bits, colours
    assert reason(bytes(content)) == f"unsupported pixels: JPEG, {kind}; save it as an ordinary JPEG or as PNG"


def test_of_several_pictures_the_first_is_classified() -> None:
    """As of any animation."""
    buffer = io.BytesIO()
    GALAXY.save(buffer, "MPO", save_all=True, append_images=[Image.new("RGB", (100, 100))], quality=98, subsampling=0)
    assert difference(buffer.getvalue()) <= 12
    assert DECODER.decode_picture(buffer.getvalue()).note == "first frame of several"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "garbage", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"MM\0*\0\0\0\x08\0\1"]
)
def test_exif_data_that_cannot_be_read_are_ignored(suffix: str, garbage: bytes) -> None:
    """In every format alike: JPEG was accepted, PNG refused."""
    buffer = io.BytesIO()
    GALAXY.save(buffer, suffix, exif=garbage)
    image = Image.open(io.BytesIO(buffer.getvalue()))
    assert difference(buffer.getvalue(), image) == 0
