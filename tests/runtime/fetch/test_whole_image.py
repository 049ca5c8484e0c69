"""Whether an answer is a whole image."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from astropy.io import fits

from cutout_server import fits_cutout, jpeg
from fits_galaxies import compressed, fits_bytes
from galaxy_classify.fetch.failures import NoCutoutError, TemporaryError
from galaxy_classify.fetch.services import CutoutFormat
from galaxy_classify.fetch.whole_image import check_image

JPG, FITS = CutoutFormat
SMALL = fits_cutout(20)
NOISE = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)


@pytest.mark.parametrize("behind", [b"", b"\0" * 20, b"\r\n"])
def test_a_whole_jpeg_passes(behind: bytes) -> None:
    """Also with what some servers send behind it, and a pixel smaller than asked for, as Galaxy Zoo 2's were."""
    check_image(jpeg() + behind, JPG, 424)
    check_image(jpeg(0, 423) + behind, JPG, 424)
    check_image(jpeg(0, 100) + behind, JPG, None)


def test_a_jpeg_that_is_cut_off_or_damaged_does_not() -> None:
    """Wherever it ends; and where the end is there but its tables are not."""
    content = jpeg(0, 64)
    for length in (3, 100, 600, len(content) - 1):
        with pytest.raises(TemporaryError, match="no end marker"):
            check_image(content[:length], JPG, 64)
    with pytest.raises(NoCutoutError, match=r"damaged or incomplete image|cannot identify"):
        check_image(content[:200] + content[-2:], JPG, 64)


def test_a_whole_fits_file_passes() -> None:
    """As the Legacy Surveys' viewer sends it, compressed, and with the image in an extension."""
    check_image(SMALL, FITS, 20)
    check_image(compressed(NOISE), FITS, 40)
    extension = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(NOISE), fits.BinTableHDU.from_columns([])])
    check_image(fits_bytes(extension), FITS, 40)
    check_image(SMALL + b"\0" * 100, FITS, None)


@pytest.mark.parametrize("content", [SMALL, compressed(NOISE)], ids=["plain", "compressed"])
def test_a_fits_file_that_is_cut_off_does_not(content: bytes) -> None:
    """Wherever it ends, up to the zeros that fill the last block."""
    with fits.open(io.BytesIO(content), disable_image_compression=True) as hdus:
        end = sum(hdu.fileinfo()["datLoc"] + hdu.size for hdu in hdus[-1:])
    edges = [10, 80, 2879, 2880, 2881, end - 1]
    for length in [*edges, *random.Random(0).sample(range(81, end), 40)]:
        with pytest.raises(NoCutoutError, match=r"cut off|without an image|sent no FITS"):
            check_image(content[:length], FITS, None)
    check_image(content[:end], FITS, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (fits_bytes(fits.PrimaryHDU()), "a FITS file without an image"),
        (fits_cutout(21)[:0] + fits_cutout(30), "30 x 30 pixels, not 20 x 20"),
        (SMALL.replace(b"NAXIS2  ", b"NOAXIS2 "), "its header has no NAXIS2"),
        (SMALL.replace(b"BITPIX  ", b"NOBITS  "), "its header has no BITPIX"),
        (jpeg(), "sent no FITS but JPEG"),
        (b"\x1f\x8b" + bytes(50), "sent no FITS but gzip"),
        (b"no coverage at\n this \x1b[31m position", r"sent no FITS but 'no coverage at this \\x1b"),
    ],
)
def test_what_is_no_fits_image_is_named(content: bytes, message: str) -> None:
    """The row says what came instead, in characters that are safe to print."""
    with pytest.raises(NoCutoutError, match=message) as caught:
        check_image(content, FITS, 20)
    assert not isinstance(caught.value, TemporaryError)
