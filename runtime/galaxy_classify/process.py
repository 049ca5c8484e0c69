"""Process-wide settings: memory allocator, warnings, Pillow's pixel limit. Only the commands make them."""

from __future__ import annotations

import ctypes
import warnings
from typing import Final

from galaxy_classify.defaults import MAX_PIXELS


def prepare_process(max_pixels: int) -> None:
    """Set up a process of the command; Pillow's own limit must not be lower than `max_pixels`."""
    from PIL import Image

    keep_freed_memory()
    silence_libtiff()
    # Pillow and Astropy warn on stderr of what the image's row says already.
    warnings.filterwarnings("ignore", module=r"(PIL|astropy)\.")
    Image.MAX_IMAGE_PIXELS = max(max_pixels, MAX_PIXELS)


def silence_libtiff() -> None:
    """Keep libtiff from writing to the standard error stream what the image's row says already.

    It does so by itself, below Python, and Pillow offers no way to stop it. Where its library cannot be reached through
    Pillow's, as on Windows, the lines go on being written.
    """
    from PIL import _imaging

    try:
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, TypeError, AttributeError):
        return
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    set_handler(None)


#: ``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1


_MMAP_THRESHOLD: Final = -3


#: The largest value that glibc takes for either.
_KEPT_BYTES: Final = 32 * 1024 * 1024


def keep_freed_memory() -> None:
    """Keep freed memory for reuse instead of returning it to the system.

    A decoded survey image has half a megabyte. By default glibc may give that back when it is freed, only to ask for it
    again for the next image; the system then clears it page by page, which took as long as the decoding itself. This is
    a setting of the whole process, so it is the command's to make, not the library's. Other C libraries are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
