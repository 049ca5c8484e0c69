"""Set up a process that belongs to the command: its memory allocator, its warnings, Pillow's limit."""

from __future__ import annotations

import ctypes
import warnings
from typing import Final

from galaxy_classify.defaults import MAX_PIXELS


def prepare_process(max_pixels: int) -> None:
    """Set what holds for the whole process; the library leaves it alone.

    Parameters
    ----------
    max_pixels : int
        Images with more pixels are refused; Pillow's own limit must not undercut it.
    """
    from PIL import Image

    keep_freed_memory()
    # What Pillow and Astropy warn of, a row says.
    warnings.filterwarnings("ignore", module=r"(PIL|astropy)\.")
    Image.MAX_IMAGE_PIXELS = max(max_pixels, MAX_PIXELS)


#: ``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1


_MMAP_THRESHOLD: Final = -3


#: The largest value that glibc takes for either.
_KEPT_BYTES: Final = 32 * 1024 * 1024


def keep_freed_memory() -> None:
    """Let freed memory be used again instead of being given back to the system.

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
