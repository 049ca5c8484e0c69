"""What callers of the API may pass for images and paths, and what is said of anything else."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.fits_options import FitsOptions
from galaxy_classify.imagefile import ModelInput, decode_model_input, load_within
from galaxy_classify.preprocessing import model_pixels
from galaxy_classify.remote import is_remote, read_remote
from galaxy_classify.resizing import Resizer

PathLike = str | os.PathLike[str]
ImageLike = Image.Image | NDArray[np.uint8] | bytes
NamedImage = tuple[PathLike, ImageLike | Callable[[], bytes]]


class Where(Enum):
    """Stands for the image of an input that is a path."""

    IN_FILE = "in the file of that name"


#: What `classify` works on: an input may have been read or even decoded already.
Given = ImageLike | Callable[[], bytes] | Where | ModelInput


def as_input(item: Any) -> tuple[str, Given]:
    """Return an input of `classify` as a name and an image, or where to find one.

    Parameters
    ----------
    item : str or path-like, or tuple of a name and an image
        What a caller gave.

    Raises
    ------
    UsageError
        If it is anything else; bytes alone are refused because they might be a path or an image.
    """
    if isinstance(item, str | os.PathLike):
        path = os.fsdecode(item)
        return path, partial(read_remote, path) if is_remote(path) else Where.IN_FILE
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str | os.PathLike):
        return os.fsdecode(item[0]), item[1]
    raise UsageError(f"{type(item).__name__} is no path; an image in memory goes with a name: (name, image)")


def as_images(images: Any) -> Iterable[Any]:
    """Return images one by one.

    Parameters
    ----------
    images : PIL image, ndarray, bytes, or an iterable of them
        One image, or many; an array is a stack if it has four dimensions.

    Raises
    ------
    ImageError
        If it is neither.
    """
    if isinstance(images, Image.Image | bytes) or (isinstance(images, np.ndarray) and images.ndim in (2, 3)):
        return [images]
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise ImageError(f"array has shape {images.shape}, not (H, W, 3), (H, W) or (N, H, W, 3)")
    if not isinstance(images, Iterable):
        raise ImageError(f"is a {type(images).__name__}, not a PIL image, a NumPy array, bytes or a sequence of them")
    return images


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
