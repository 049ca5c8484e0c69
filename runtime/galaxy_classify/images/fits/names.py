"""Names of bands and of colour recipes."""

from __future__ import annotations

import re
from typing import Final

from galaxy_classify.errors import UsageError

GALAXY_ZOO_DECALS: Final = "galaxy-zoo-decals"


SDSS: Final = "sdss"


LUPTON: Final = "lupton"


RECIPES: Final = (GALAXY_ZOO_DECALS, SDSS, LUPTON)


#: Stretch of Lupton's recipe that follows from each image.
AUTO_STRETCH: Final = "auto"


#: Broad bands by wavelength, from the near ultraviolet to the near infrared.
BROAD_BANDS: Final = ("u", "g", "r", "i", "z", "y")


#: Band of a single plane whose header names none.
UNKNOWN: Final = ""


#: Letters of the bands that a message repeats; a FITS header may name thousands.
_SHOWN: Final = 80


_BAND_NAME: Final = re.compile(r"[A-Za-z0-9]+")


def check_bands(bands: tuple[str, ...]) -> None:
    """Check that there are bands, and that each has its own name of letters and digits.

    Raises
    ------
    UsageError
        If there are none, a name is invalid, or two are the same.
    """
    shown = ",".join(bands)[:_SHOWN]
    if not bands or not all(_BAND_NAME.fullmatch(band) for band in bands):
        raise UsageError(f"bands {shown!r}: name each with letters and digits, as in grz or g,r,z")
    if len(set(bands)) < len(bands):
        raise UsageError(f"bands {shown!r}: two of them have the same name")


def parse_bands(text: str) -> tuple[str, ...]:
    """Parse the names of bands: one letter each as in ``grz``, or separated by commas as in ``F606W,F814W,F160W``.

    Raises
    ------
    UsageError
        As `check_bands` does.

    Examples
    --------
    >>> parse_bands("grz") == parse_bands("g, r, z") == ("g", "r", "z")
    True
    """
    bands = tuple(name.strip() for name in text.split(",")) if "," in text else tuple(text.strip())
    check_bands(bands)
    return bands
