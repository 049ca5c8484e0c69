"""Images whose bands are files of their own, such as ``m51-g.fits``, ``m51-r.fits`` and ``m51-z.fits``.

Such an image goes by one path, in which ``{band}`` stands where the files' names differ: ``m51-{band}.fits``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

from galaxy_classify.errors import UsageError

BAND: Final = "{band}"


IDENTIFIER: Final = "{id}"


#: Broad bands by wavelength, from the near ultraviolet to the near infrared.
BROAD_BANDS: Final = ("u", "g", "r", "i", "z", "y")


class BandPattern:
    """The names of files that hold one band each.

    Parameters
    ----------
    pattern : str
        A file's name, without a folder, with ``{id}`` for what an image's files have in common and ``{band}`` for
        the band.

    Raises
    ------
    UsageError
        If it does not hold both, each once, or names a folder.

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
        """Take a file's name apart.

        Parameters
        ----------
        name : str
            Without a folder.

        Returns
        -------
        tuple of (str, str) or None
            What the image's files have in common, and the band; None if the name does not match.
        """
        found = self._expression.fullmatch(name)
        return (found["id"], found["band"]) if found else None

    def joined(self, name: str) -> str | None:
        """Return the one name that an image's files go by.

        Parameters
        ----------
        name : str
            Of one of the files, without a folder.

        Returns
        -------
        str or None
            The name with ``{band}`` in the band's place; None if the name does not match.
        """
        found = self._expression.fullmatch(name)
        return name[: found.start("band")] + BAND + name[found.end("band") :] if found else None


def is_joined(path: str) -> bool:
    """Return whether a path stands for several files, one for each band.

    Examples
    --------
    >>> is_joined("survey/m51-{band}.fits"), is_joined("survey/m51-g.fits")
    (True, False)
    """
    return BAND in os.path.basename(path)


def band_file(path: str, band: str) -> str:
    """Return the file that holds one band.

    Examples
    --------
    >>> band_file("m51-{band}.fits", "g")
    'm51-g.fits'
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, name.replace(BAND, band))


def existing_files(path: str, bands: Iterable[str] = BROAD_BANDS) -> list[str]:
    """Return the files that a path stands for.

    Parameters
    ----------
    path : str
        With ``{band}`` in the file's name.
    bands : iterable of str, optional
        Bands to look for.

    Returns
    -------
    list of str
        Those files that are there, in the order of the bands.
    """
    return [file for band in bands if os.path.exists(file := band_file(path, band))]
