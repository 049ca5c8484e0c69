"""Options for FITS files: names of the bands, colour recipe, HDU, and a file for each band."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from galaxy_classify.errors import UsageError
from galaxy_classify.images.fits.band_files import BandPattern
from galaxy_classify.images.fits.names import AUTO_STRETCH, LUPTON, RECIPES, check_bands
from galaxy_classify.text import did_you_mean


@dataclass(frozen=True, slots=True)
class FitsOptions:
    """How FITS files are read and coloured.

    Parameters
    ----------
    bands : tuple of str, optional
        Names of an image's planes in their order; by default those in its header.
    recipe : str, optional
        Colour recipe: ``galaxy-zoo-decals``, ``sdss`` or ``lupton``; by default ``sdss`` for images that SDSS made,
        else ``galaxy-zoo-decals`` if the image has the bands for it, else ``lupton`` with the stretch ``auto``.
    hdu : int or str, optional
        Number (from 0) or name of the HDU that holds the image; by default the first that holds one.
    pattern : str, optional
        Names of files that hold one band each, such as ``{id}-{band}.fits``.
    stretch : float or str, optional
        For the recipe ``lupton``: the flux per pixel that would be white if the stretch were linear, or ``auto`` to set
        it from the noise and the range of each image; by default 5.
    q : float, optional
        For the recipe ``lupton``: how far the stretch is from linear; by default 8.

    Raises
    ------
    UsageError
        If the name of a band is invalid or given twice, the recipe is unknown, the HDU's number is negative, the
        pattern does not hold ``{id}`` and ``{band}`` once each, or `stretch` or `q` is invalid or not for the recipe.
    """

    bands: tuple[str, ...] | None = None
    recipe: str | None = None
    hdu: int | str | None = None
    pattern: str | None = None
    stretch: float | str | None = None
    q: float | None = None

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
        self._check_stretch()

    def _check_stretch(self) -> None:
        stretch, q = self.stretch, self.q
        if (stretch is not None or q is not None) and self.recipe != LUPTON:
            raise UsageError(f"stretch and Q are those of the recipe {LUPTON}: name it as well")
        usable = stretch is None or stretch == AUTO_STRETCH or _is_in_range(stretch, LARGEST_STRETCH)
        if not usable:
            raise UsageError(f"stretch {stretch!r} is neither {AUTO_STRETCH} nor a flux above 0")
        if q is not None and not _is_in_range(q, LARGEST_Q):
            raise UsageError(f"Q {q!r} is no number above 0 and at most {LARGEST_Q:g}")

    @property
    def stretch_follows_image(self) -> bool:
        """Whether Lupton's stretch is set from each image, as it is unless the user has named the recipe or a stretch.

        Its own default is a flux per pixel that few images have.
        """
        return self.recipe is None or self.stretch == AUTO_STRETCH


#: Largest flux per pixel that Lupton's stretch may be, and largest Q: astropy cuts off the Q above.
LARGEST_STRETCH, LARGEST_Q = 1e15, 1e10


#: The default: bands, recipe and HDU follow from each file's header.
AS_IN_HEADERS: Final = FitsOptions()


def parse_stretch(text: str) -> float | str:
    """Parse Lupton's stretch: a number, or anything else as it is.

    Examples
    --------
    >>> parse_stretch("0.5"), parse_stretch("auto")
    (0.5, 'auto')
    """
    try:
        return float(text)
    except ValueError:
        return text


def _is_in_range(value: float | str, largest: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= largest


def parse_hdu(text: str) -> int | str:
    """Parse an HDU: digits are its number, anything else is its name.

    Examples
    --------
    >>> parse_hdu("1"), parse_hdu("SCI")
    (1, 'SCI')
    """
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
