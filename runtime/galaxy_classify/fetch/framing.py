"""How much of the sky a cutout shows: by the galaxy's size, as Galaxy Zoo framed what the models have learnt from.

Galaxy Zoo DECaLS, from which GalaxyMNIST comes, showed 424 x 424 pixels of max(min(0.04 p50, 0.02 p90), 0.1) arcsec,
where p50 and p90 are the Petrosian radii that hold half and nine tenths of the light (Walmsley et al. 2022, MNRAS 509,
3966, equation 1). Galaxy Zoo 2 showed 424 x 424 pixels of 0.02 petroR90_r arcsec (Willett et al. 2013, MNRAS 435,
2835).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from galaxy_classify.fetch.failures import NoCutoutError
from galaxy_classify.fetch.services import decimal

#: Edge of a cutout of Galaxy Zoo.
PIXELS: Final = 424
#: Arcsec per pixel for each arcsec of the radius.
OF_R50: Final = 0.04
OF_R90: Final = 0.02
#: Edge of the largest cutout, in arcsec: no galaxy but a few of the Local Group fills a degree, so that a larger one is
#: a mistake in the catalogue, or of its unit.
MOST_ARCSEC: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Framing:
    """How the pixel scale is chosen: one for all objects, or by columns of radii.

    Parameters
    ----------
    pixels : int
        Edge of a cutout.
    least_scale : float
        The finest pixel scale, in arcsec.
    arcsec : float or None
        Edge of every cutout on the sky; None to go by the columns.
    r50, r90 : str or None
        Columns of the radii that hold half and nine tenths of the light, in arcsec.
    """

    pixels: int
    least_scale: float
    arcsec: float | None = None
    r50: str | None = None
    r90: str | None = None

    def scale(self, r50: float | None, r90: float | None) -> float:
        """Return the pixel scale in arcsec for an object with these radii, those of columns that were not named None.

        Raises
        ------
        NoCutoutError
            If a radius cannot be one.
        """
        if self.arcsec is not None:
            return round(self.arcsec / self.pixels, 6)
        scales = []
        for name, radius, factor in ((self.r50, r50, OF_R50), (self.r90, r90, OF_R90)):
            if name is None:
                continue
            if radius is None or not math.isfinite(radius) or radius <= 0:
                raise NoCutoutError(f"{name} is {radius}, which is no radius in arcsec; give one, or use --arcsec")
            scales.append(factor * radius)
        scale = max(min(scales), self.least_scale)
        if scale * self.pixels > MOST_ARCSEC:
            raise NoCutoutError(
                f"the cutout would be {scale * self.pixels:,.0f} arcsec wide, more than {MOST_ARCSEC:,.0f}: "
                f"{' and '.join(filter(None, (self.r50, self.r90)))} in arcsec?"
            )
        return round(scale, 6)

    def __str__(self) -> str:
        if self.arcsec is not None:
            return f"{self.pixels} px, {decimal(self.arcsec, 4)} arcsec wide"
        terms = [f"{factor} {name}" for factor, name in ((OF_R50, self.r50), (OF_R90, self.r90)) if name]
        chosen = terms[0] if len(terms) == 1 else f"min({', '.join(terms)})"
        return f"{self.pixels} px of max({chosen}, {self.least_scale}) arcsec"
