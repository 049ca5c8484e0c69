"""Colour FITS images by published recipes, from fluxes in three bands or in one.

Every recipe works pixel by pixel, so that a part of an image gets the same colours as in the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ImageError
from galaxy_classify.extras import astropy_module
from galaxy_classify.images.fits.names import BROAD_BANDS, GALAXY_ZOO_DECALS, LUPTON, SDSS
from galaxy_classify.images.fits.stretch import ASTROPY_STRETCH, Stretch

#: Fluxes in one band, with shape (height, width).
Plane = NDArray[np.float32]


#: Flux in nanomaggies at which the stretch of Galaxy Zoo DECaLS turns from linear to logarithmic.
SOFTENING: Final = {"g": 0.008, "r": 0.014, "z": 0.019}


#: Stretched fluxes that become black and white.
BLACK, WHITE = np.arcsinh(np.float32(-0.5)), np.arcsinh(np.float32(300))


#: A pixel whose strongest band is this multiple of the mean of the bands becomes grey.
GREY_AT: Final = 2.5


#: The bands of the colour images of SDSS.
SLOAN: Final = ("g", "r", "i")


#: Factors by which SDSS multiplies fluxes in nanomaggies per pixel; their source is in `sdss_levels`.
SLOAN_SCALES: Final = {"g": 7.8, "r": 5.7, "i": 4.9}


#: How far from linear SDSS stretches their sum.
SLOAN_NONLINEARITY: Final = 3.0


#: Rows that are coloured at once: what is computed of them stays in the processor's cache.
STRIP_ROWS: Final = 32


@dataclass(frozen=True, slots=True)
class Colouring:
    """A recipe, and the bands that it uses: those for blue, green and red, or a single one for grey."""

    recipe: str
    bands: tuple[str, ...]

    def __str__(self) -> str:
        if len(self.bands) == 1:
            return f"{self.bands[0] or 'unknown band'} as grey by {self.recipe}"
        return f"{', '.join(self.bands)} by {self.recipe}"


def choose_colouring(bands: Sequence[str], recipe: str | None, *, sdss: bool = False) -> Colouring:
    """Choose a recipe for the bands of an image, and the bands that the recipe uses.

    Lupton's recipe uses g, r, i if the image has them, else its three bands of longest wavelength.

    Parameters
    ----------
    bands : sequence of str
        Bands of the image's planes; a single one may be `galaxy_classify.images.fits.names.UNKNOWN`.
    recipe : str or None
        The user's choice; by default that of SDSS for its own images, that of Galaxy Zoo DECaLS if the image has its
        bands, else Lupton's.
    sdss : bool, optional
        Whether the header says that the image is of SDSS.

    Raises
    ------
    ImageError
        If bands are missing; the message says which.

    Examples
    --------
    >>> str(choose_colouring(["g", "r", "i", "z"], None))
    'g, r, z by galaxy-zoo-decals'
    >>> str(choose_colouring(["g", "r", "i", "z"], None, sdss=True))
    'g, r, i by sdss'
    >>> str(choose_colouring(["z", "r", "u"], None))
    'u, r, z by lupton'
    >>> str(choose_colouring(["r"], None))
    'r as grey by galaxy-zoo-decals'
    """
    if len(bands) == 1:
        return _grey(bands[0], recipe)
    if recipe == SDSS or (recipe is None and sdss and set(SLOAN) <= set(bands)):
        if missing := [band for band in SLOAN if band not in bands]:
            raise ImageError(f"{SDSS} needs the bands g, r, i: {', '.join(missing)} missing")
        return Colouring(SDSS, SLOAN)
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
    """Return the bands to read of an image with a file for each band, where the user has not named them.

    They are those of Galaxy Zoo DECaLS; g, r, i for the recipes of SDSS and Lupton, and where only these are complete.

    Parameters
    ----------
    there : collection of str
        Bands whose files exist.
    recipe : str or None
        The user's choice.
    """
    lacks_decals = not set(SOFTENING) <= set(there)
    if recipe in (SDSS, LUPTON) or (recipe is None and lacks_decals and set(SLOAN) <= set(there)):
        return SLOAN
    return tuple(SOFTENING)


def _grey(band: str, recipe: str | None) -> Colouring:
    if recipe == GALAXY_ZOO_DECALS and band not in SOFTENING:
        raise ImageError(f"{GALAXY_ZOO_DECALS} needs the band g, r or z, not {band or 'one that is not known'}")
    if recipe == SDSS and band not in SLOAN_SCALES:
        raise ImageError(f"{SDSS} needs the band g, r or i, not {band or 'one that is not known'}")
    return Colouring(recipe or (GALAXY_ZOO_DECALS if band in SOFTENING else LUPTON), (band,))


def colour(colouring: Colouring, planes: Sequence[Plane], stretch: Stretch = ASTROPY_STRETCH) -> NDArray[np.uint8]:
    """Convert finite fluxes in nanomaggies to RGB pixels of shape (height, width, 3).

    The planes are in the order of the colouring's bands; `stretch` is that of Lupton's recipe.
    """
    if colouring.recipe == LUPTON:
        if stretch.black:
            planes = [plane - np.float32(black) for plane, black in zip(planes, stretch.black, strict=True)]
        return lupton(*(planes[::-1] if len(planes) == 3 else [planes[0]] * 3), stretch=stretch.stretch, q=stretch.q)
    height, width = planes[0].shape
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, STRIP_ROWS):
        strip = [plane[top : top + STRIP_ROWS] for plane in planes]
        pixels[top : top + STRIP_ROWS] = _colour_strip(colouring, strip)
    return pixels


def _colour_strip(colouring: Colouring, planes: Sequence[Plane]) -> NDArray[np.uint8]:
    if colouring.recipe == SDSS:
        scaled = [plane * np.float32(SLOAN_SCALES[band]) for band, plane in zip(colouring.bands, planes, strict=True)]
        return eight_bit(sdss_levels(np.stack(scaled[::-1] if len(scaled) == 3 else scaled * 3)))
    levels = [asinh_levels(plane, band) for band, plane in zip(colouring.bands, planes, strict=True)]
    if len(levels) == 1:
        return eight_bit(np.stack(levels * 3))
    return eight_bit(desaturated(np.stack(levels[::-1])))


def asinh_levels(flux: Plane, band: str) -> Plane:
    """Stretch fluxes in nanomaggies, in one of the bands of `SOFTENING`, as Galaxy Zoo DECaLS does.

    In the result, 0 is black and 1 is white; it is not clipped.

    Notes
    -----
    (arcsinh(f / s) - arcsinh(-0.5)) / (arcsinh(300) - arcsinh(-0.5)): ``dr2_style_rgb`` and ``nonlinear_map`` in
    ``image_utils.py`` of https://github.com/zooniverse/decals, called with ``mnmx=(-0.5, 300)`` and the scales
    `SOFTENING`; see Walmsley et al. (2022, MNRAS 509, 3966).
    """
    levels: Plane = flux / np.float32(SOFTENING[band])
    np.arcsinh(levels, out=levels)  # in place: allocating an array takes longer than the arithmetic
    levels -= BLACK
    levels /= WHITE - BLACK
    return levels


def desaturated(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn pixels that one band dominates grey, so that the noise of the sky does not become coloured speckle.

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
    mean = levels[0] + levels[1]
    mean += levels[2]
    mean /= 3
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
    """Convert levels of shape (3, height, width) to RGB pixels of shape (height, width, 3).

    0 is black and 1 is white; other levels are clipped. The pixels are truncated, not rounded, as those of the
    published images of Galaxy Zoo DECaLS are.
    """
    pixels = np.empty((*levels.shape[1:], 3), np.uint8)
    for channel, level in enumerate(levels):
        shown = level.clip(0, 1)
        shown *= 255
        pixels[..., channel] = shown
    return pixels


def sdss_levels(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch fluxes as the images of SDSS are, with colours free of the brightness.

    Parameters
    ----------
    scaled : ndarray of float32, shape (3, height, width)
        Fluxes in nanomaggies per pixel times `SLOAN_SCALES`.

    Returns
    -------
    ndarray of float32, shape (3, height, width)
        x arcsinh(3 X) / (3 X) with the sum X of the three; a pixel with a level above 1 is divided by its largest.

    Notes
    -----
    Lupton et al. (2004, PASP 116, 133, https://arxiv.org/abs/astro-ph/0312483), equation 2 and section 2, with the
    scales 4.9, 5.7, 7.8 for i, r, g and the nonlinearity 3 that are the defaults of ``nw_scale_rgb`` and ``nw_arcsinh``
    in ``pro/rgbcolor`` of https://github.com/sdss/idlutils, by an author of that paper. SkyServer's images are made of
    the same bands by a variation (https://www.sdss.org/dr16/imaging/jpg-images-on-skyserver/).
    """
    total = scaled.sum(axis=0)
    total *= np.float32(SLOAN_NONLINEARITY)
    total[total == 0] = 1
    levels: NDArray[np.float32] = scaled * (np.arcsinh(total) / total)
    levels /= np.maximum(levels.max(axis=0), 1)
    return levels


def lupton(red: Plane, green: Plane, blue: Plane, *, stretch: float, q: float) -> NDArray[np.uint8]:
    """Convert fluxes in nanomaggies to RGB pixels of shape (height, width, 3), with colours free of the brightness.

    `stretch` and `q` are the parameters of `Stretch`.

    Raises
    ------
    ImageError
        If astropy is not installed.

    Notes
    -----
    Lupton et al. (2004, PASP 116, 133), as ``astropy.visualization.make_lupton_rgb`` implements it
    (https://docs.astropy.org/en/stable/visualization/rgb.html).
    """
    make_rgb = astropy_module("visualization").make_lupton_rgb
    return np.asarray(make_rgb(red, green, blue, stretch=stretch, Q=q), np.uint8)
