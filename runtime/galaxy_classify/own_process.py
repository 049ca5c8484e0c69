"""Set up a process that belongs to the command: its own, or a Dask worker that runs a part of it."""

from __future__ import annotations

import warnings

from galaxy_classify.allocator import keep_freed_memory
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
