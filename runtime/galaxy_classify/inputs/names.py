"""Recognise images and containers by their suffix, and make safe relative paths for copies of them."""

from __future__ import annotations

import errno
import ntpath
import os
import re
from typing import Final

FITS_SUFFIXES: Final = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fz")
#: Suffixes of images in folders and archives. A file that the user names is classified whatever its suffix.
IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", *FITS_SUFFIXES)
COMPRESSED_TAR_SUFFIXES: Final = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
ARCHIVE_SUFFIXES: Final = (".tar", *COMPRESSED_TAR_SUFFIXES, ".zip")
#: They could move the cursor of a terminal that lists the copies.
CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_image_name(name: str) -> bool:
    """Return whether the name has the suffix of an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def is_archive_name(name: str) -> bool:
    """Return whether the name has the suffix of a tar or zip archive."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_parquet_name(name: str) -> bool:
    """Return whether the name has the suffix of a Parquet file."""
    return name.lower().endswith(".parquet")


def place_below(path: str) -> str:
    """Make a path relative and safe to append to a folder: without drive, root and leading ``..``.

    Examples
    --------
    >>> place_below("/survey/field_1/../m51.jpg"), place_below("../m51.jpg")
    ('survey/m51.jpg', 'm51.jpg')
    """
    parts = os.path.splitdrive(os.path.normpath(path))[1].split(os.sep)
    return os.path.join("", *(part for part in parts if part not in ("", os.pardir)))


def place_in_container(container: str, name: str) -> str:
    r"""Return the relative path for a sorted copy of an image in a container: below ``container``, whatever its name.

    The name comes from the container and may be hostile: it is made relative, and its control characters are replaced.

    Examples
    --------
    >>> place_in_container("cutouts.tar", "/etc/../field_1/\x1b[31mm51.jpg")
    'cutouts.tar/field_1/_[31mm51.jpg'
    """
    return os.path.join(container, place_below(CONTROL_CHARACTERS.sub("_", name)))


def make_folders(path: str) -> None:
    """Make a folder and those above it.

    Raises
    ------
    OSError
        If that fails, also where `os.makedirs` gives up, which calls itself for each folder.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except RecursionError:
        raise OSError(errno.ENAMETOOLONG, "lies in too many folders within each other") from None


def is_unsafe_name(name: str) -> bool:
    r"""Return whether unpacking a member of this name could write outside of the target folder, on any system.

    Examples
    --------
    >>> names = ("field_1/m51.jpg", "../m51.jpg", "/etc/m51.jpg", "C:m51.jpg", "a\\..\\m51.jpg")
    >>> [is_unsafe_name(name) for name in names]
    [False, True, True, True, True]
    """
    drive, rest = ntpath.splitdrive(name)
    return bool(drive) or rest.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", rest)
