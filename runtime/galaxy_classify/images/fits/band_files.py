"""Match the files of an image that has a file for each band, such as ``m51-g.fits``, ``m51-r.fits`` and ``m51-z.fits``.

One path stands for all files of the image, with ``{band}`` where their names differ: ``m51-{band}.fits``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

from galaxy_classify.errors import UsageError
from galaxy_classify.images.fits.names import BROAD_BANDS

BAND: Final = "{band}"


IDENTIFIER: Final = "{id}"


class BandPattern:
    """Pattern of the names of files that hold one band each.

    Parameters
    ----------
    pattern : str
        File name without a folder: ``{id}`` stands for the image, ``{band}`` for the band.

    Raises
    ------
    UsageError
        If it does not hold ``{id}`` and ``{band}`` once each, or names a folder.

    Examples
    --------
    >>> pattern = BandPattern("{id}-{band}.fits")
    >>> pattern.match("m51-g.fits")
    ('m51', 'g')
    >>> pattern.joined("m51-g.fits")
    'm51-{band}.fits'
    """

    def __init__(self, pattern: str) -> None:
        if pattern.count(BAND) != 1 or pattern.count(IDENTIFIER) != 1:
            raise UsageError(f"pattern {pattern!r} must hold {IDENTIFIER} and {BAND}, each once")
        if "/" in pattern or os.sep in pattern:
            raise UsageError(f"pattern {pattern!r} names a folder: it is matched with file names alone")
        expression = re.escape(pattern)
        expression = expression.replace(re.escape(IDENTIFIER), "(?P<id>.+)")
        self._expression = re.compile(expression.replace(re.escape(BAND), "(?P<band>[A-Za-z0-9]+)"), re.DOTALL)

    def match(self, name: str) -> tuple[str, str] | None:
        """Split a file name into the image's identifier and the band; None if it does not match."""
        found = self._expression.fullmatch(name)
        return (found["id"], found["band"]) if found else None

    def joined(self, name: str) -> str | None:
        """Return a file name with ``{band}`` in place of the band; None if it does not match."""
        found = self._expression.fullmatch(name)
        return name[: found.start("band")] + BAND + name[found.end("band") :] if found else None


def is_joined(path: str) -> bool:
    """Return whether a path stands for the files of all bands.

    Examples
    --------
    >>> is_joined("survey/m51-{band}.fits"), is_joined("survey/m51-g.fits")
    (True, False)
    """
    return BAND in os.path.basename(path)


def band_file(path: str, band: str) -> str:
    """Return the path of the file that holds one band.

    Examples
    --------
    >>> band_file("m51-{band}.fits", "g")
    'm51-g.fits'
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, name.replace(BAND, band))


def existing_files(path: str, bands: Iterable[str] = BROAD_BANDS) -> list[str]:
    """Return those files that a path with ``{band}`` stands for and that exist, in the order of the bands."""
    return [file for band in bands if os.path.exists(file := band_file(path, band))]
