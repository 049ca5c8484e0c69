"""Convert fluxes to nanomaggies, the unit that the colour recipes expect."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from galaxy_classify.errors import ImageError
from galaxy_classify.extras import astropy_module

#: A maggy is the flux density of an object of AB magnitude 0, 3631 Jy (Oke & Gunn 1983, ApJ 266, 713); SDSS gives
#: fluxes in units of 1e-9 of it (https://www.sdss.org/dr18/algorithms/magnitudes/).
JANSKY_PER_NANOMAGGY: Final = 3.631e-6


#: Spellings that astropy does not know, or only with a zero point.
NANOMAGGIES: Final = ("nanomaggy", "nanomaggies", "nmgy")


@lru_cache(maxsize=64)  # the files of a survey have the same unit, and astropy is slow to parse it
def nanomaggies_per(unit: str) -> float:
    """Return the factor that converts a flux into nanomaggies.

    Parameters
    ----------
    unit : str
        As in a FITS header's ``BUNIT``; nothing is taken for nanomaggies.

    Raises
    ------
    ImageError
        If it is no unit of flux density.

    Examples
    --------
    >>> nanomaggies_per("nanomaggy")
    1.0
    >>> round(nanomaggies_per("uJy"), 4)
    0.2754
    """
    if not unit or unit.casefold() in NANOMAGGIES:
        return 1.0
    units = astropy_module("units")
    try:
        parsed = units.Unit(unit)
        if isinstance(parsed, units.UnitBase):  # magnitudes can be converted as well, but not by a factor
            return float(parsed.to(units.Jy)) / JANSKY_PER_NANOMAGGY
    except (ValueError, TypeError, ArithmeticError, units.UnitsError):
        pass
    raise ImageError(f"pixels are in {unit[:40]}, not in nanomaggies or another flux density")
