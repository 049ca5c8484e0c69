"""What a user may say about FITS files: names of the bands, the recipe for colours, the HDU, one file for each band."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from galaxy_classify.errors import UsageError
from galaxy_classify.images.fits.band_files import BandPattern
from galaxy_classify.text import did_you_mean

GALAXY_ZOO_DECALS: Final = "galaxy-zoo-decals"


LUPTON: Final = "lupton"


RECIPES: Final = (GALAXY_ZOO_DECALS, LUPTON)


_BAND_NAME: Final = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class FitsOptions:
    """How FITS files are read and coloured.

    Parameters
    ----------
    bands : tuple of str, optional
        Names of an image's planes in their order; by default what its header says.
    recipe : str, optional
        How colours are made, one of `RECIPES`; by default the first that there are bands for.
    hdu : int or str, optional
        Number (from 0) or name of the HDU that holds the image; by default the first that holds one.
    pattern : str, optional
        Names of files that hold one band each, such as ``{id}-{band}.fits``.

    Raises
    ------
    UsageError
        If a band has no name or two planes have the same, the recipe is not known, the HDU's number is negative, or
        the pattern does not hold ``{id}`` and ``{band}`` once each.
    """

    bands: tuple[str, ...] | None = None
    recipe: str | None = None
    hdu: int | str | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        if self.bands is not None:
            check_bands(self.bands)
        if self.recipe is not None and self.recipe not in RECIPES:
            hint = did_you_mean(self.recipe, RECIPES)
            raise UsageError(f"recipe {self.recipe!r} is not known; {hint}there are {', '.join(RECIPES)}")
        if isinstance(self.hdu, bool) or (isinstance(self.hdu, int) and self.hdu < 0) or self.hdu == "":
            raise UsageError(f"HDU {self.hdu!r} is neither a number from 0 nor a name")
        if self.pattern is not None:
            BandPattern(self.pattern)


#: Everything is as the files' headers say.
AS_IN_HEADERS: Final = FitsOptions()


def check_bands(bands: tuple[str, ...]) -> None:
    """Check that bands have names, each its own.

    Parameters
    ----------
    bands : tuple of str
        Names of letters and digits.

    Raises
    ------
    UsageError
        If there are none, one is no name, or two are the same.
    """
    if not bands or not all(_BAND_NAME.fullmatch(band) for band in bands):
        raise UsageError(f"bands {','.join(bands)!r}: name each with letters and digits, as in grz or g,r,z")
    if len(set(bands)) < len(bands):
        raise UsageError(f"bands {','.join(bands)!r}: two of them have the same name")


def parse_bands(text: str) -> tuple[str, ...]:
    """Read the names of bands: a letter each, or with commas between them.

    Parameters
    ----------
    text : str
        For example ``grz``, or ``F606W,F814W,F160W``.

    Returns
    -------
    tuple of str
        Names in the order given.

    Raises
    ------
    UsageError
        If there are none, one is no name, or two are the same.

    Examples
    --------
    >>> parse_bands("grz") == parse_bands("g, r, z") == ("g", "r", "z")
    True
    """
    bands = tuple(name.strip() for name in text.split(",")) if "," in text else tuple(text.strip())
    check_bands(bands)
    return bands


def parse_hdu(text: str) -> int | str:
    """Read an HDU's number or name.

    Parameters
    ----------
    text : str
        Digits are a number, anything else is a name.

    Returns
    -------
    int or str
        As `FitsOptions` takes it.

    Examples
    --------
    >>> parse_hdu("1"), parse_hdu("SCI")
    (1, 'SCI')
    """
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
