"""Options for FITS files: names of the bands, colour recipe, HDU, and a file for each band."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from galaxy_classify.errors import UsageError
from galaxy_classify.images.fits.band_files import BandPattern
from galaxy_classify.images.fits.names import RECIPES, check_bands
from galaxy_classify.text import did_you_mean


@dataclass(frozen=True, slots=True)
class FitsOptions:
    """How FITS files are read and coloured.

    Parameters
    ----------
    bands : tuple of str, optional
        Names of an image's planes in their order; by default those in its header.
    recipe : str, optional
        Colour recipe: ``galaxy-zoo-decals`` or ``lupton``; by default the first of them that the image has the bands
        for.
    hdu : int or str, optional
        Number (from 0) or name of the HDU that holds the image; by default the first that holds one.
    pattern : str, optional
        Names of files that hold one band each, such as ``{id}-{band}.fits``.

    Raises
    ------
    UsageError
        If the name of a band is invalid or given twice, the recipe is unknown, the HDU's number is negative, or the
        pattern does not hold ``{id}`` and ``{band}`` once each.
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
            BandPattern(self.pattern)  # raises the error


#: The default: bands, recipe and HDU follow from each file's header.
AS_IN_HEADERS: Final = FitsOptions()


def parse_hdu(text: str) -> int | str:
    """Parse an HDU: digits are its number, anything else is its name.

    Examples
    --------
    >>> parse_hdu("1"), parse_hdu("SCI")
    (1, 'SCI')
    """
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
