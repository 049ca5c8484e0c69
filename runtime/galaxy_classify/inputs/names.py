"""What the name of a file says: whether it is taken for an image or a container, and where a copy of it belongs."""

from __future__ import annotations

import ntpath
import os
import re
from typing import Final

FITS_SUFFIXES: Final = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fz")


#: Suffixes by which a file in a folder is taken for an image. A file named outright needs none of them.
IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", *FITS_SUFFIXES)


COMPRESSED_TAR_SUFFIXES: Final = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


ARCHIVE_SUFFIXES: Final = (".tar", *COMPRESSED_TAR_SUFFIXES, ".zip")


CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_image_name(name: str) -> bool:
    """Tell whether a file in a folder or an archive is taken for an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def is_archive_name(name: str) -> bool:
    """Tell whether a file is taken for an archive of images."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_parquet_name(name: str) -> bool:
    """Tell whether a file is taken for a Parquet file."""
    return name.lower().endswith(".parquet")


def place_below(path: str) -> str:
    """Return a path as one below another folder: without its root, and without leading steps upwards.

    Examples
    --------
    >>> place_below("/survey/field_1/../m51.jpg"), place_below("../m51.jpg")
    ('survey/m51.jpg', 'm51.jpg')
    """
    parts = os.path.splitdrive(os.path.normpath(path))[1].split(os.sep)
    return os.path.join("", *(part for part in parts if part not in ("", os.pardir)))


def place_in_container(container: str, name: str) -> str:
    r"""Return where a sorted copy of an image in a container belongs, whatever the container calls it.

    Parameters
    ----------
    container : str
        Place of the container; its copies lie in a folder of that name.
    name : str
        What the container calls the image; it may be hostile.

    Returns
    -------
    str
        A relative path below `container`, without control characters.

    Examples
    --------
    >>> place_in_container("cutouts.tar", "/etc/../field_1/\x1b[31mm51.jpg")
    'cutouts.tar/field_1/_[31mm51.jpg'
    """
    return os.path.join(container, place_below(CONTROL_CHARACTERS.sub("_", name)))


def leads_out(name: str) -> bool:
    r"""Tell whether a member's name would lead out of the folder that its archive is unpacked into, on any system.

    Examples
    --------
    >>> [leads_out(name) for name in ("field_1/m51.jpg", "../m51.jpg", "/etc/m51.jpg", "C:m51.jpg", "a\\..\\m51.jpg")]
    [False, True, True, True, True]
    """
    drive, rest = ntpath.splitdrive(name)
    return bool(drive) or rest.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", rest)
