"""Decode an image into the pixels that a model sees, or say in a few words why it cannot be used."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from galaxy_classify.defaults import MAX_PIXELS
from galaxy_classify.errors import ImageError
from galaxy_classify.images.crop import Picture
from galaxy_classify.images.fits.band_files import is_joined
from galaxy_classify.images.fits.flux import Flux
from galaxy_classify.images.fits.options import AS_IN_HEADERS, FitsOptions
from galaxy_classify.images.formats import (
    FORMATS,
    SIGNATURE_BYTES,
    image_errors,
    may_be_fits,
    why_not_an_image,
)
from galaxy_classify.images.open_file import open_steady_file
from galaxy_classify.images.pillow_faults import check_file, load, undecoded_file
from galaxy_classify.images.pixels import CONSTANT, are_constant, picture_of, pixels_of
from galaxy_classify.images.resize import Resizer
from galaxy_classify.images.turbo import TurboDecoder

if TYPE_CHECKING:
    from galaxy_classify.images.fits.picture import FitsDecoder

FIRST_FRAME: Final = "first frame of several"

#: Held while an image that the caller has opened is decoded; an image belongs to one of them.
LOADING: Final = [Lock() for _ in range(64)]


def _free_locks() -> None:
    """Free the locks in a forked process, where the threads that held them are gone."""
    LOADING[:] = [Lock() for _ in LOADING]


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_free_locks)


@dataclass(frozen=True, slots=True)
class ModelInput:
    """An image as a model sees it.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        RGB pixels in the model's size.
    note : str
        Remark for the image's row, such as that only its first frame was used; usually empty.
    doubt : str
        Why no prediction for this image can be trusted; usually empty.
    """

    pixels: NDArray[np.uint8]
    note: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decode image files, encoded images and arrays for one model.

    Every method but `decode_batch` raises `ImageError` if the image cannot be used. The message is a short reason that
    does not repeat the path.

    Parameters
    ----------
    resizer : Resizer
        Knows the model's input size and its crop.
    max_pixels : int, optional
        Images with more pixels are refused before they are decoded.
    fits : FitsOptions, optional
        How FITS files are read and coloured.
    turbo : TurboDecoder, optional
        Decodes ordinary JPEGs of a batch, with the pixels of an exact `resizer`.
    """

    resizer: Resizer
    max_pixels: int = MAX_PIXELS
    fits: FitsOptions = AS_IN_HEADERS
    turbo: TurboDecoder | None = None

    def decode_batch(self, images: Sequence[str | bytes]) -> list[ModelInput | str]:
        """Decode image files and encoded images; of those that cannot be used, return the reason."""
        if self.turbo is None:
            return [self._decode_or_say_why(image) for image in images]
        pixels, decoded = self.turbo.decode([None if self._is_of_bands(image) else image for image in images])
        constant = are_constant(pixels, self.resizer.preprocessing.margin)
        return [
            (CONSTANT if constant[number] else ModelInput(pixels[number]))
            if decoded[number]
            else self._decode_or_say_why(image)
            for number, image in enumerate(images)
        ]

    def read(self, path: str) -> ModelInput:
        """Decode an image file, crop it and resize it; a constant image is refused."""
        return self._model_input(self.read_picture(path))

    def decode(self, image: Any) -> ModelInput:
        """Do the same with an image in memory: encoded bytes, a PIL image or an array."""
        return self._model_input(self.decode_picture(image))

    def read_picture(self, path: str) -> Picture:
        """Decode an image file in full, before the resize.

        With a pattern in `fits`, a path with ``{band}`` stands for the FITS files of all bands.
        """
        if self._is_of_bands(path):
            return self._fits_decoder().read_bands(path)
        with open_steady_file(path) as file:
            return self.decode_file(file)

    def decode_picture(self, image: Any) -> Picture:
        """Decode an image in memory, before the resize.

        Parameters
        ----------
        image : bytes-like object, PIL image, Flux, or ndarray of uint8 with shape (H, W, 3) or (H, W)
            Bytes are an encoded image, as a file holds it. A PIL image need not be loaded yet.
        """
        if isinstance(image, bytes | bytearray | memoryview):
            return self.decode_file(io.BytesIO(bytes(image)))
        if isinstance(image, Flux):
            with image_errors():
                return self._fits_decoder().colour_flux(image)
        with image_errors():
            loaded = self._load_opened(image) if isinstance(image, Image.Image) else _image_of_array(image)
            return picture_of(loaded, self.resizer)

    def decode_file(self, file: BinaryIO) -> Picture:
        """Decode an image from an open, seekable file, before the resize."""
        with image_errors():
            head = file.read(SIGNATURE_BYTES)
            file.seek(0)
            if may_be_fits(head):
                picture = self._fits_decoder().decode(file)
                if picture is not None:
                    return picture
            check_file(file, self.max_pixels)
        try:
            with image_errors(), Image.open(file, formats=FORMATS) as image:
                note = FIRST_FRAME if getattr(image, "is_animated", False) else ""
                return picture_of(self._load(image), self.resizer, note)
        except UnidentifiedImageError:
            raise ImageError(why_not_an_image(head)) from None

    def _is_of_bands(self, image: str | bytes) -> bool:
        """Tell whether an image is a path that stands for the FITS files of all bands."""
        return self.fits.pattern is not None and isinstance(image, str) and is_joined(image)

    def _decode_or_say_why(self, image: str | bytes) -> ModelInput | str:
        # The reason, not the exception: its traceback would hold the images of the whole batch, until the next garbage
        # collection.
        try:
            return self.read(image) if isinstance(image, str) else self.decode(image)
        except ImageError as error:
            return str(error)

    def _model_input(self, picture: Picture) -> ModelInput:
        return ModelInput(pixels_of(picture, self.resizer), picture.note, picture.doubt)

    def _load(self, image: Image.Image) -> Image.Image:
        """Decode a PIL image if it is not too large, and one that Pillow decodes right."""
        if image.width * image.height > self.max_pixels:
            raise ImageError(f"too many pixels: {image.width} x {image.height}, the limit is {self.max_pixels:,}")
        return load(image, self.max_pixels)

    def _load_opened(self, image: Image.Image) -> Image.Image:
        """Do the same with an image of the caller, whose file has not been checked.

        The caller may have several threads, and name one image several times. Two threads that decode it at once would
        read its file from under each other, and one would see a picture that is half done.
        """
        with LOADING[(id(image) >> 6) % len(LOADING)]:
            file = undecoded_file(image)
            if file is not None:
                place = file.tell()
                file.seek(0)
                check_file(file, self.max_pixels)
                file.seek(place)
            return self._load(image)

    def _fits_decoder(self) -> FitsDecoder:
        # Imported when the first FITS file turns up: most runs have none, and start faster without.
        from galaxy_classify.images.fits.picture import FitsDecoder

        return FitsDecoder(self.resizer, self.max_pixels, self.fits)


def _image_of_array(array: Any) -> Image.Image:
    """Check that an object is an array of 8-bit pixels, and wrap it as a PIL image."""
    if not isinstance(array, np.ndarray):
        raise ImageError(
            f"is a {type(array).__name__}, not a PIL image, a NumPy array or bytes; for files use classify()"
        )
    if np.ma.is_masked(array):
        raise ImageError("array has masked pixels; fill them first")
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise ImageError("array has NaN or infinite values")
    if array.dtype != np.uint8:
        flux = "; fluxes are given as Flux(array, bands=…)" if array.dtype.kind == "f" else ""
        raise ImageError(f"array has dtype {array.dtype}, not uint8 (0 to 255){flux}")
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] != 3):
        raise ImageError(f"array has shape {array.shape}, not (H, W, 3) or (H, W)")
    return Image.fromarray(array)
