"""From fluxes in two or three bands to colours as people know them, by published recipes.

Every recipe works pixel by pixel, so that it may be given the part of an image that is wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ImageError
from galaxy_classify.extras import astropy_module
from galaxy_classify.images.fits.band_files import BROAD_BANDS
from galaxy_classify.images.fits.options import GALAXY_ZOO_DECALS, LUPTON

Plane = NDArray[np.float32]


#: Flux in nanomaggies at which the stretch of Galaxy Zoo DECaLS turns from linear to logarithmic.
SOFTENING: Final = {"g": 0.008, "r": 0.014, "z": 0.019}


#: Stretched fluxes that are shown as black and as white.
BLACK, WHITE = np.arcsinh(np.float32(-0.5)), np.arcsinh(np.float32(300))


#: A colour whose strongest band is at this multiple of their mean is shown as grey.
GREY_AT: Final = 2.5


#: The bands of SDSS's pictures.
SLOAN: Final = ("g", "r", "i")


#: Band of a plane of which nothing is said.
UNKNOWN: Final = ""


@dataclass(frozen=True, slots=True)
class Colouring:
    """How the planes of an image become a picture.

    Parameters
    ----------
    recipe : str
        One of `galaxy_classify.images.fits.options.RECIPES`.
    bands : tuple of str
        Bands that it is made of: those for blue, green and red, or a single one, which becomes grey.
    """

    recipe: str
    bands: tuple[str, ...]

    def __str__(self) -> str:
        if len(self.bands) == 1:
            return f"{self.bands[0] or 'unknown band'} as grey by {self.recipe}"
        return f"{', '.join(self.bands)} by {self.recipe}"


def choose_colouring(bands: Sequence[str], recipe: str | None) -> Colouring:
    """Choose a recipe for the bands that there are, and the bands for a recipe.

    Parameters
    ----------
    bands : sequence of str
        Bands of the image's planes; `UNKNOWN` for a single one of unknown band.
    recipe : str or None
        The recipe that was asked for. Otherwise it is that of Galaxy Zoo DECaLS if it has its bands, else Lupton's.

    Returns
    -------
    Colouring
        Of the bands that there are, Lupton's recipe takes g, r, i, else the three of longest wavelength.

    Raises
    ------
    ImageError
        If bands are missing; the message says which.

    Examples
    --------
    >>> str(choose_colouring(["g", "r", "i", "z"], None))
    'g, r, z by galaxy-zoo-decals'
    >>> str(choose_colouring(["z", "r", "u"], None))
    'u, r, z by lupton'
    >>> str(choose_colouring(["r"], None))
    'r as grey by galaxy-zoo-decals'
    """
    if len(bands) == 1:
        return _grey(bands[0], recipe)
    missing = [band for band in SOFTENING if band not in bands]
    if recipe == GALAXY_ZOO_DECALS or (recipe is None and not missing):
        if missing:
            raise ImageError(f"{GALAXY_ZOO_DECALS} needs the bands g, r, z: {', '.join(missing)} missing")
        return Colouring(GALAXY_ZOO_DECALS, tuple(SOFTENING))
    known = [band for band in BROAD_BANDS if band in bands]
    if len(known) >= 3:
        return Colouring(LUPTON, SLOAN if set(SLOAN) <= set(known) else tuple(known[-3:]))
    also = f", and {', '.join(missing)} missing for {GALAXY_ZOO_DECALS}" if recipe is None else ""
    raise ImageError(f"{LUPTON} needs three of the bands {', '.join(BROAD_BANDS)}: {3 - len(known)} missing{also}")


def default_bands(there: Collection[str], recipe: str | None) -> tuple[str, ...]:
    """Return the bands that are looked for where each is a file of its own and no bands were named.

    Parameters
    ----------
    there : collection of str
        Bands that there are files for.
    recipe : str or None
        The recipe that was asked for.

    Returns
    -------
    tuple of str
        Those of Galaxy Zoo DECaLS, or g, r, i for Lupton's recipe and where these alone are complete.
    """
    lacks_decals = not set(SOFTENING) <= set(there)
    if recipe == LUPTON or (recipe is None and lacks_decals and set(SLOAN) <= set(there)):
        return SLOAN
    return tuple(SOFTENING)


def _grey(band: str, recipe: str | None) -> Colouring:
    if recipe == GALAXY_ZOO_DECALS and band not in SOFTENING:
        raise ImageError(f"{GALAXY_ZOO_DECALS} needs the band g, r or z, not {band or 'one that is not known'}")
    return Colouring(recipe or (GALAXY_ZOO_DECALS if band in SOFTENING else LUPTON), (band,))


def colour(colouring: Colouring, planes: Sequence[Plane]) -> NDArray[np.uint8]:
    """Make a picture of fluxes.

    Parameters
    ----------
    colouring : Colouring
        The recipe, and which bands the planes are.
    planes : sequence of ndarray of float32, shape (height, width)
        Finite fluxes in nanomaggies, in the order of the colouring's bands.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    if colouring.recipe == LUPTON:
        return lupton(*(planes[::-1] if len(planes) == 3 else [planes[0]] * 3))
    levels = [asinh_levels(plane, band) for band, plane in zip(colouring.bands, planes, strict=True)]
    if len(levels) == 1:
        return eight_bit(np.stack(levels * 3))
    return eight_bit(desaturated(np.stack(levels[::-1])))


def asinh_levels(flux: Plane, band: str) -> Plane:
    """Stretch fluxes in one band as Galaxy Zoo DECaLS does.

    Parameters
    ----------
    flux : ndarray of float32
        In nanomaggies.
    band : str
        One of `SOFTENING`.

    Returns
    -------
    ndarray of float32
        0 is black and 1 is white; not clipped.

    Notes
    -----
    (arcsinh(f / s) - arcsinh(-0.5)) / (arcsinh(300) - arcsinh(-0.5)): ``dr2_style_rgb`` and ``nonlinear_map`` in
    ``image_utils.py`` of https://github.com/zooniverse/decals, called with ``mnmx=(-0.5, 300)`` and the scales
    `SOFTENING`; see Walmsley et al. (2022, MNRAS 509, 3966).
    """
    levels: Plane = flux / np.float32(SOFTENING[band])
    np.arcsinh(levels, out=levels)  # in place: fresh memory takes longer than the sums
    levels -= BLACK
    levels /= WHITE - BLACK
    return levels


def desaturated(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take colour out of pixels that one band dominates, so that the noise of the sky is not a colourful speckle.

    Parameters
    ----------
    levels : ndarray of float32, shape (3, height, width)
        Stretched fluxes, not clipped.

    Returns
    -------
    ndarray of float32, shape (3, height, width)
        x w + m (1 - w) + m (1 - w)² x, with the mean m of the three bands and the weight
        w = sin(π/2 (1 - min(1, max(x) / (2.5 m)))).

    Notes
    -----
    ``dr2_style_rgb(desaturate=True)`` of https://github.com/zooniverse/decals, which Walmsley et al. (2022, MNRAS 509,
    3966) used for the images of Galaxy Zoo DECaLS.
    """
    mean = levels.mean(axis=0)
    mean[mean == 0] = 1
    # The largest quotient is that of the largest level, or below zero of the smallest.
    strongest = np.where(mean > 0, levels.max(axis=0), levels.min(axis=0))
    greyness = np.minimum(strongest / (GREY_AT * mean), 1)
    weight = np.sin((1 - greyness) * np.float32(np.pi / 2))
    grey = 1 - weight
    greyed: NDArray[np.float32] = levels * (weight + mean * grey**2)
    greyed += mean * grey
    return greyed


def eight_bit(levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn levels into pixels.

    Parameters
    ----------
    levels : ndarray of float32, shape (3, height, width)
        0 is black and 1 is white; what lies beyond is clipped.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Truncated, not rounded, as the published images of Galaxy Zoo DECaLS are.
    """
    pixels = np.empty((*levels.shape[1:], 3), np.uint8)
    for channel, level in enumerate(levels):
        shown = level.clip(0, 1)
        shown *= 255
        pixels[..., channel] = shown
    return pixels


def lupton(red: Plane, green: Plane, blue: Plane) -> NDArray[np.uint8]:
    """Make a picture that keeps colours whatever the brightness.

    Parameters
    ----------
    red, green, blue : ndarray of float32, shape (height, width)
        Fluxes in nanomaggies.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.

    Raises
    ------
    ImageError
        If astropy is not installed.

    Notes
    -----
    Lupton et al. (2004, PASP 116, 133), of which the pictures of SDSS's SkyServer are a variation, as
    ``astropy.visualization.make_lupton_rgb`` does it by default: minimum 0, stretch 5, Q 8
    (https://docs.astropy.org/en/stable/visualization/rgb.html).
    """
    return np.asarray(astropy_module("visualization").make_lupton_rgb(red, green, blue), np.uint8)
