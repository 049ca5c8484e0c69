"""Open an image file, or say in a few words why it cannot be used."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from galaxy_classify.defaults import MAX_PIXELS
from galaxy_classify.errors import ImageError
from galaxy_classify.images.crop import Picture
from galaxy_classify.images.fits.band_files import BROAD_BANDS, band_file, is_joined
from galaxy_classify.images.fits.colour import Plane, choose_colouring, default_bands
from galaxy_classify.images.fits.options import AS_IN_HEADERS, FitsOptions
from galaxy_classify.images.fits.picture import fits_picture, only_plane, picture_of_planes
from galaxy_classify.images.fits.reader import fits_content
from galaxy_classify.images.formats import FORMATS, SIGNATURE_BYTES, why_not_an_image
from galaxy_classify.images.open_file import open_regular_file
from galaxy_classify.images.pixels import model_pixels, picture_of, pixels_of
from galaxy_classify.images.resize import Resizer
from galaxy_classify.text import one_line

FIRST_FRAME: Final = "first frame of several"


@dataclass(frozen=True, slots=True)
class ModelInput:
    """An image file as a model sees it.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        RGB pixels in the model's size.
    note : str
        What should be known about the file although it could be used; empty as a rule.
    """

    pixels: NDArray[np.uint8]
    note: str = ""


def read_model_input(
    path: str, resizer: Resizer, max_pixels: int = MAX_PIXELS, fits: FitsOptions = AS_IN_HEADERS
) -> ModelInput:
    """Decode an image file in full and turn it into a model's input.

    Parameters
    ----------
    path : str
        Image file; or where `fits` has a pattern, a path with ``{band}`` for the FITS files of all bands.
    resizer : Resizer
        Resizes to the size that the model wants.
    max_pixels : int, optional
        Images with more pixels are not decoded.
    fits : FitsOptions, optional
        How FITS files are read and coloured.

    Returns
    -------
    ModelInput
        Pixels, and a note if the file holds more than one picture or is FITS.

    Raises
    ------
    ImageError
        If the file cannot be read, is not a whole image in one of `SUPPORTED`, or is no picture of
        anything; the message is a short reason that does not repeat the path.
    """
    return _model_input(read_picture(path, resizer, max_pixels, fits), resizer)


def decode_model_input(
    file: BinaryIO, resizer: Resizer, max_pixels: int = MAX_PIXELS, fits: FitsOptions = AS_IN_HEADERS
) -> ModelInput:
    """Decode an image from an open file, as `read_model_input` does.

    Parameters
    ----------
    file : binary file
        Encoded image; it must be seekable.
    resizer, max_pixels, fits
        As for `read_model_input`.

    Returns
    -------
    ModelInput
        Pixels, and a note if the file holds more than one picture or is FITS.

    Raises
    ------
    ImageError
        If it is not a whole image in one of `SUPPORTED`, or is no picture of anything.
    """
    return _model_input(decode_picture(file, resizer, max_pixels, fits), resizer)


def _model_input(picture: Picture, resizer: Resizer) -> ModelInput:
    return ModelInput(pixels_of(picture, resizer), picture.note)


def read_picture(path: str, resizer: Resizer, max_pixels: int, fits: FitsOptions) -> Picture:
    """Decode an image file in full, before the resize.

    Parameters
    ----------
    path, resizer, max_pixels, fits
        As for `read_model_input`.

    Returns
    -------
    Picture
        At least the part that the model sees.

    Raises
    ------
    ImageError
        As `read_model_input` does, but a constant image passes.
    """
    if fits.pattern is not None and is_joined(path):
        return _read_band_files(path, resizer, max_pixels, fits)
    with open_regular_file(path) as file:
        return decode_picture(file, resizer, max_pixels, fits)


def decode_picture(file: BinaryIO, resizer: Resizer, max_pixels: int, fits: FitsOptions) -> Picture:
    """Decode an image from an open file in full, before the resize.

    Parameters
    ----------
    file : binary file
        Encoded image; it must be seekable.
    resizer, max_pixels, fits
        As for `read_model_input`.

    Returns
    -------
    Picture
        At least the part that the model sees.

    Raises
    ------
    ImageError
        As `decode_model_input` does, but a constant image passes.
    """
    with image_errors():
        if content := fits_content(file, max_pixels):
            return fits_picture(content, resizer, max_pixels, fits)
    try:
        with image_errors(), Image.open(file, formats=FORMATS) as image:
            note = FIRST_FRAME if getattr(image, "is_animated", False) else ""
            load_within(image, max_pixels)
            return picture_of(image, resizer, note)
    except UnidentifiedImageError:
        file.seek(0)
        raise ImageError(why_not_an_image(file.read(SIGNATURE_BYTES))) from None


def _read_band_files(path: str, resizer: Resizer, max_pixels: int, fits: FitsOptions) -> Picture:
    there = [band for band in BROAD_BANDS if os.path.exists(band_file(path, band))]
    colouring = choose_colouring(fits.bands or default_bands(there, fits.recipe), fits.recipe)
    planes = [_read_band(band_file(path, band), band, max_pixels, fits) for band in colouring.bands]
    return picture_of_planes(colouring, planes, resizer)


def _read_band(path: str, band: str, max_pixels: int, fits: FitsOptions) -> Plane:
    if not os.path.exists(path):
        raise ImageError(f"no file for band {band}")
    try:
        with open_regular_file(path) as file, image_errors():
            return only_plane(file, max_pixels, fits)
    except ImageError as error:
        raise ImageError(f"{error} (band {band})") from None


def load_within(image: Image.Image, max_pixels: int) -> None:
    """Decode an image that was opened, if it is not too large.

    ``Image.open`` reads the header alone: only a full load shows that a file was cut short.

    Parameters
    ----------
    image : PIL.Image.Image
        An image that may not be decoded yet.
    max_pixels : int
        Images with more pixels are not decoded.

    Raises
    ------
    ImageError
        If the image has too many pixels, or is damaged.
    """
    if image.width * image.height > max_pixels:
        raise ImageError(f"too many pixels: {image.width} x {image.height}, the limit is {max_pixels:,}")
    with image_errors():
        image.load()


@contextmanager
def image_errors() -> Iterator[None]:
    """Turn what Pillow and astropy raise on a bad image into an `ImageError`, but for a format unknown to Pillow.

    Raises
    ------
    ImageError
        With a short reason.
    """
    try:
        yield
    except (ImageError, UnidentifiedImageError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError("too many pixels: more than Pillow's own limit") from None
    except Exception as error:
        # On damaged files Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more, and so does
        # astropy.
        raise ImageError(f"damaged or incomplete image: {one_line(error)}") from error


def as_model_input(image: Any, resizer: Resizer, max_pixels: int, fits: FitsOptions) -> ModelInput:
    """Turn an image in memory into a model's input.

    Parameters
    ----------
    image : PIL image, ndarray of uint8 with shape (H, W, 3) or (H, W), or bytes
        What a caller gave; a PIL image may be undecoded yet, bytes are an encoded image as a file holds it.
    resizer : Resizer
        Resizes to the size that the model wants.
    max_pixels : int
        Images with more pixels are not decoded.
    fits : FitsOptions
        How FITS content is read and coloured.

    Raises
    ------
    ImageError
        If it is anything else, too large, damaged, has no finite values, or is no picture of anything.
    """
    if isinstance(image, bytes):
        return decode_model_input(io.BytesIO(image), resizer, max_pixels, fits)
    return ModelInput(model_pixels(_decoded(image, max_pixels), resizer))


def _decoded(image: Any, max_pixels: int) -> Image.Image:
    if isinstance(image, Image.Image):
        load_within(image, max_pixels)
        return image
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"is a {type(image).__name__}, not a PIL image, a NumPy array or bytes; for files use classify()"
        )
    if np.issubdtype(image.dtype, np.floating) and not np.isfinite(image).all():
        raise ImageError("array has NaN or infinite values")
    if image.dtype != np.uint8:
        raise ImageError(f"array has dtype {image.dtype}, not uint8 (0 to 255)")
    if image.ndim != 2 and (image.ndim != 3 or image.shape[2] != 3):
        raise ImageError(f"array has shape {image.shape}, not (H, W, 3) or (H, W)")
    return Image.fromarray(image)
