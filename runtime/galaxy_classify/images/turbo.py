"""Decode JPEGs with the compiled package galaxy-classify-turbo, if it is installed: Pillow's pixels, much faster."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.defaults import JpegDecoder
from galaxy_classify.errors import ImageError, MissingExtraError, UsageError
from galaxy_classify.extras import load_turbo
from galaxy_classify.images.open_file import open_steady_file
from galaxy_classify.inference.contract import Preprocessing

#: Whether the compiled code can open files itself. It takes names as bytes, which Windows does not have.
OPENS_FILES: Final = os.name == "posix"


class TurboDecoder:
    """Decode batches of ordinary JPEGs, crop and resize them, without Python's lock.

    Parameters
    ----------
    module : module
        ``galaxy_classify_turbo``.
    size : int
        Height and width of the model's input, in pixels.
    preprocessing : Preprocessing
        Of the model.
    max_pixels : int
        Images with more pixels are left to Pillow, which refuses them.
    """

    def __init__(self, module: Any, size: int, preprocessing: Preprocessing, max_pixels: int) -> None:
        self._module = module
        self._size = size
        self._view = {
            "size": size,
            "margin": preprocessing.margin,
            "crop": preprocessing.crop_fraction,
        }
        self._max_pixels = max_pixels
        self._of_thread = threading.local()

    def decode(self, images: Sequence[str | bytes | None]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Decode files and encoded images that are ordinary JPEGs.

        Parameters
        ----------
        images : sequence of str, bytes or None
            Paths, contents of files, and places to leave out.

        Returns
        -------
        pixels : ndarray of uint8, shape (images, size, size, 3)
            RGB pixels, zero in the margin.
        decoded : ndarray of bool, shape (images,)
            Whether each image could be decoded; the others are left to Pillow, which knows why.
        """
        workspace = getattr(self._of_thread, "workspace", None)
        if workspace is None:
            workspace = self._of_thread.workspace = self._module.new_workspace()
        if not OPENS_FILES:
            images = [_content(image) if isinstance(image, str) else image for image in images]
        pixels = np.zeros((len(images), self._size, self._size, 3), np.uint8)
        # Of images beyond Pillow's own limit, which the caller may change, Pillow has to say what becomes.
        max_pixels = min(self._max_pixels, Image.MAX_IMAGE_PIXELS or self._max_pixels, 2**63 - 1)
        decoded = self._module.decode(workspace, images, pixels, max_pixels=max_pixels, **self._view)
        return pixels, np.frombuffer(decoded, np.bool_)


def _content(path: str) -> bytes | None:
    try:
        with open_steady_file(path) as file:
            return file.read()
    except (ImageError, OSError):
        return None  # Pillow's way says why


def choose_turbo(
    wanted: str, size: tuple[int, int], preprocessing: Preprocessing, max_pixels: int
) -> TurboDecoder | None:
    """Return the compiled decoder if it is to be used for a model, or None for Pillow.

    Raises
    ------
    UsageError
        If it is asked for, and cannot decode for this model.
    MissingExtraError
        If it is asked for, and not installed.
    """
    if wanted == JpegDecoder.PILLOW:
        return None
    module, reason = load_turbo()
    if module is None:
        if wanted == JpegDecoder.TURBO:
            raise MissingExtraError(f"{reason}: run  pip install 'galaxy-classify[turbo]', or use the decoder pillow")
        return None
    if size[0] != size[1] or preprocessing.resample != "lanczos":
        if wanted == JpegDecoder.TURBO:
            raise UsageError(
                "the decoder turbo resizes to squares, with Lanczos, and this model has another input: use the decoder "
                "pillow"
            )
        return None
    return TurboDecoder(module, size[0], preprocessing, max_pixels)
