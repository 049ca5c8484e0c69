"""Convert fluxes to nanomaggies, the unit that the colour recipes expect."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from galaxy_classify.errors import ImageError
from galaxy_classify.extras import astropy_module

#: A maggy is the flux density of an object of AB magnitude 0, 3631 Jy (Oke & Gunn 1983, ApJ 266, 713); SDSS gives
#: fluxes in units of 1e-9 of it (https://www.sdss.org/dr18/algorithms/magnitudes/).
JANSKY_PER_NANOMAGGY: Final = 3.631e-6


#: Spellings that astropy does not know, or only with a zero point.
NANOMAGGIES: Final = ("nanomaggy", "nanomaggies", "nmgy")


#: Longest unit that is read, in characters; a card of a FITS header holds 68.
LONGEST_UNIT: Final = 68


_NUMBER: Final = r"(?:10(?:\*\*|\^)?\(?[+-]?\d{1,2}\)?|\d{1,9}(?:\.\d{0,20})?(?:[eE][+-]?\d{1,2})?)"


_TERM: Final = r"[A-Za-z]{1,16}(?:(?:\*\*|\^)?(?:[+-]?\d|\([+-]?\d\)))?"


_PRODUCT: Final = rf"{_TERM}(?:(?: *[*./] *| +){_TERM})*"


#: A number and a product of names with small powers, such as ``10**(-23) erg/(s cm2 Hz)``. Astropy also reads powers of
#: powers and of numbers, and computes them exactly: for ``10**(999999999) Jy`` it would need hours.
_UNIT: Final = re.compile(rf"(?:{_NUMBER} *(?:\* *)?)?{_PRODUCT}(?: */ *\( *{_PRODUCT} *\))?")


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
    if len(unit) <= LONGEST_UNIT and _UNIT.fullmatch(unit):
        try:
            parsed = units.Unit(unit)
            if isinstance(parsed, units.UnitBase):  # magnitudes can be converted as well, but not by a factor
                return float(parsed.to(units.Jy)) / JANSKY_PER_NANOMAGGY
        except (ValueError, TypeError, ArithmeticError, units.UnitsError):
            pass
    raise ImageError(f"pixels are in {unit[:40]}, not in nanomaggies or another flux density")
