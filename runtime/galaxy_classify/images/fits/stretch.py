"""Choose the stretch of Lupton's recipe: the fluxes that become black, and how bright others are shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from galaxy_classify.images.fits.sky import Sky

#: Noise that the sky is shown with at least and at most, as fractions of white, where the image sets the stretch. The
#: sky of SkyServer's images has some 0.02.
DARKEST_NOISE, BRIGHTEST_NOISE = 0.02, 0.055


#: Level that the peak of the image is shown with, in its strongest band, if the noise then stays within its limits:
#: SkyServer shows cores of galaxies at about 0.7.
PEAK_LEVEL: Final = 0.8


#: Level that the peak is shown with at most, so that it is not burnt out.
BRIGHTEST_PEAK: Final = 0.97


@dataclass(frozen=True, slots=True)
class Stretch:
    """Parameters of ``astropy.visualization.make_lupton_rgb``.

    Parameters
    ----------
    black : tuple of float
        Flux in each band that becomes black; empty if that is 0.
    stretch : float
        Flux that would be white if the stretch were linear.
    q : float
        How far the stretch is from linear.
    """

    black: tuple[float, ...]
    stretch: float
    q: float


#: Q where the user has not set it; astropy's default.
Q: Final = 8.0


#: The defaults of astropy.
ASTROPY_STRETCH: Final = Stretch((), 5.0, Q)


def stretch_of(sky: Sky, q: float) -> Stretch:
    """Return the stretch that suits an image, from its noise and its range.

    The sky is black. The peak is shown at `PEAK_LEVEL` unless the noise would then be shown too bright or too dark.
    """
    # Lupton's stretch is of the mean of the bands, and leaves their ratios as they are.
    mean_to_strongest = sky.peak / sky.strongest if sky.strongest > 0 else 1.0
    stretch = sky.peak / _fluxes(PEAK_LEVEL * mean_to_strongest, q)
    if sky.noise > 0:
        brightest, darkest = (sky.noise / _fluxes(level, q) for level in (BRIGHTEST_NOISE, DARKEST_NOISE))
        stretch = min(max(stretch, brightest), darkest)
    stretch = max(stretch, sky.peak / _fluxes(BRIGHTEST_PEAK * mean_to_strongest, q))
    return Stretch(sky.levels, stretch if stretch > 0 else ASTROPY_STRETCH.stretch, q)


def _fluxes(level: float, q: float) -> float:
    """Return the flux, in units of the stretch, that is shown with a level.

    The inverse of astropy's mapping: level = 0.1 arcsinh(q flux / stretch) / arcsinh(0.1 q).
    """
    return math.sinh(level * math.asinh(0.1 * q) / 0.1) / q
