"""What callers of the API may pass for images and paths, and what is said of anything else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.imagefile import load_within

PathLike = str | os.PathLike[str]
ImageLike = Image.Image | NDArray[np.uint8]


def as_path(path: Any) -> str:
    """Return a path as text.

    Parameters
    ----------
    path : str or path-like
        What a caller gave.

    Raises
    ------
    UsageError
        If it is anything else; bytes are refused because they might as well be an encoded image.
    """
    if isinstance(path, str | os.PathLike):
        return os.fsdecode(path)
    raise UsageError(f"{type(path).__name__} is no path; for images in memory use predict_proba()")


def as_images(images: Any) -> Iterable[Any]:
    """Return images one by one.

    Parameters
    ----------
    images : PIL image, ndarray, or an iterable of them
        One image, or many; an array is a stack if it has four dimensions.

    Raises
    ------
    ImageError
        If it is neither.
    """
    if isinstance(images, Image.Image) or (isinstance(images, np.ndarray) and images.ndim in (2, 3)):
        return [images]
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise ImageError(f"array has shape {images.shape}, not (H, W, 3), (H, W) or (N, H, W, 3)")
    if not isinstance(images, Iterable):
        raise ImageError(f"is a {type(images).__name__}, not a PIL image, a NumPy array or a sequence of them")
    return images


def as_decoded(image: Any, max_pixels: int) -> Image.Image:
    """Return an image as a decoded PIL image.

    Parameters
    ----------
    image : PIL image, or ndarray of uint8 with shape (H, W, 3) or (H, W)
        What a caller gave; a PIL image may be undecoded yet.
    max_pixels : int
        Images with more pixels are not decoded.

    Raises
    ------
    ImageError
        If it is anything else, too large, damaged, or has no finite values.
    """
    if isinstance(image, Image.Image):
        load_within(image, max_pixels)
        return image
    if not isinstance(image, np.ndarray):
        raise ImageError(f"is a {type(image).__name__}, not a PIL image or a NumPy array; for files use classify()")
    if np.issubdtype(image.dtype, np.floating) and not np.isfinite(image).all():
        raise ImageError("array has NaN or infinite values")
    if image.dtype != np.uint8:
        raise ImageError(f"array has dtype {image.dtype}, not uint8 (0 to 255)")
    if image.ndim != 2 and (image.ndim != 3 or image.shape[2] != 3):
        raise ImageError(f"array has shape {image.shape}, not (H, W, 3) or (H, W)")
    return Image.fromarray(image)
