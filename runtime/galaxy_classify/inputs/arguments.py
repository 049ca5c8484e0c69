"""Arguments of the library: images as paths, PIL images, arrays or bytes, and numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.images.fits.flux import Flux
from galaxy_classify.inputs.remote import is_remote, read_remote
from galaxy_classify.inputs.source import Source
from galaxy_classify.text import one_line

PathLike = str | os.PathLike[str]


ImageLike = Image.Image | NDArray[np.uint8] | Flux | bytes | bytearray | memoryview


NamedImage = tuple[PathLike, ImageLike | Callable[[], bytes]]


def as_source(item: Any) -> Source:
    """Convert an input of `classify`, a path or a tuple (name, image), to a `Source`.

    Bytes alone are refused: they might be a path or an image.

    Raises
    ------
    UsageError
        If it is anything else.
    """
    if isinstance(item, str | os.PathLike):
        path = os.fsdecode(item)
        return Source(path, content=partial(read_remote, path) if is_remote(path) else None)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str | os.PathLike):
        name, image = item
        # The decoder takes a PIL image or an array as well as bytes.
        return Source(os.fsdecode(name), content=partial(_called, image) if callable(image) else lambda: image)
    raise UsageError(f"{type(item).__name__} is no path; an image in memory goes with a name: (name, image)")


def _called(read: Callable[[], bytes]) -> bytes:
    """Call a caller's function that reads an image; a file that it cannot read is an error of this input alone."""
    try:
        return read()
    except OSError as error:
        raise ImageError(f"cannot be read: {one_line(error)}") from None


def as_images(images: Any) -> Iterable[Any]:
    """Return the images of an argument that may be one image, several, or a stack of them (an array of 4 dimensions).

    Raises
    ------
    ImageError
        If it is anything else.
    """
    if isinstance(images, Image.Image | Flux | bytes | bytearray | memoryview) or (
        isinstance(images, np.ndarray) and images.ndim in (2, 3)
    ):
        return [images]
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise ImageError(f"array has shape {images.shape}, not (H, W, 3), (H, W) or (N, H, W, 3)")
    if not isinstance(images, Iterable):
        raise ImageError(f"is a {type(images).__name__}, not a PIL image, a NumPy array, bytes or a sequence of them")
    return images


def check_whole(name: str, value: object) -> None:
    """Raise `UsageError` unless a value is a whole number, of Python or of NumPy."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UsageError(f"{name} is {value!r}, it must be a whole number")


def check_number(name: str, value: object) -> None:
    """Raise `UsageError` unless a value is a number, of Python or of NumPy."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{name} is {value!r}, it must be a number")
