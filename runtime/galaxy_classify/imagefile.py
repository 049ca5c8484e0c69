"""Open an image file, or say in a few words why it cannot be used."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from galaxy_classify.contract import Preprocessing
from galaxy_classify.errors import ImageError
from galaxy_classify.preprocessing import model_pixels

#: Pillow registers more than 40 formats; these are the ones that galaxy images come in.
FORMATS: Final = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")

#: Pillow's own threshold for a possible decompression bomb; beyond it Pillow only warns, and we refuse.
MAX_PIXELS: Final = 89_478_485


def read_model_pixels(path: str, size: tuple[int, int], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Decode an image file in full and turn it into a model's input.

    Parameters
    ----------
    path : str
        Image file.
    size : tuple of (int, int)
        Height and width that the model wants, in pixels.
    preprocessing : Preprocessing
        Crop and resize of the model.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB pixels.

    Raises
    ------
    ImageError
        If the file cannot be read, is not a whole image in one of `FORMATS`, or is no picture of
        anything; the message is a short reason that does not repeat the path.
    """
    with _open_regular_file(path) as file, image_errors(), Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ImageError(f"too many pixels: {image.width} x {image.height}, at most {MAX_PIXELS:,} are decoded")
        # Image.open reads the header alone: only a full load shows that a file was cut short.
        image.load()
        return model_pixels(image, size, preprocessing)


@contextmanager
def image_errors() -> Iterator[None]:
    """Turn whatever Pillow raises on a bad image into an `ImageError`.

    Raises
    ------
    ImageError
        With a short reason.
    """
    try:
        yield
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"not an image in a supported format ({', '.join(FORMATS)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"too many pixels: at most {MAX_PIXELS:,} are decoded") from None
    except Exception as error:
        # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more on damaged files.
        raise ImageError(f"damaged or incomplete image: {_one_line(error)}") from error


def _open_regular_file(path: str) -> BinaryIO:
    """Look before opening: a pipe would block for ever and a device may never end."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()
            raise ImageError("is a folder, not an image")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not a regular file")
        if status.st_size == 0:
            raise ImageError("empty file")
        return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError("no such file") from None
    except PermissionError:
        raise ImageError("permission denied") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ImageError(f"cannot be opened: {reason or _one_line(error)}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
