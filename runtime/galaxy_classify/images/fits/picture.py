"""Decode FITS files into colour pictures: choose the bands, replace bad pixels, colour what the model sees."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.images.crop import Box, Picture, seen_box
from galaxy_classify.images.fits.band_files import band_file
from galaxy_classify.images.fits.colour import SLOAN, Colouring, Plane, choose_colouring, colour, default_bands
from galaxy_classify.images.fits.names import BROAD_BANDS, LUPTON, SDSS, UNKNOWN
from galaxy_classify.images.fits.reader import FitsImage, fits_content, open_image
from galaxy_classify.images.fits.sky import Sky, hidden_share, measure_sky
from galaxy_classify.images.fits.stretch import ASTROPY_STRETCH, Stretch, stretch_of
from galaxy_classify.images.fits.units import nanomaggies_per
from galaxy_classify.images.formats import image_errors
from galaxy_classify.images.open_file import open_steady_file

if TYPE_CHECKING:
    from galaxy_classify.images.fits.flux import Flux
    from galaxy_classify.images.fits.options import FitsOptions
    from galaxy_classify.images.resize import Resizer

Scalar = TypeVar("Scalar", bound=np.generic)


#: Images with this fraction of bad pixels or more, in the planes that are used, are refused.
MOST_BAD: Final = 0.05


#: Where more than this share of what stands out of the sky is shown as dark as the sky, the picture is not that of the
#: galaxy: of two cutouts of DECaLS none with their own recipe, and 0.81 and 0.55 with Lupton's and astropy's stretch.
MOST_HIDDEN: Final = 0.4


GUESSED: Final = "the picture is a guess without a known band: name it with --bands"


HIDDEN: Final = "most of what stands out of the sky is shown as dark as the sky"


#: Fluxes beyond this, in nanomaggies, are treated as infinite: no galaxy has them, and sums of smaller ones are finite.
LARGEST_FLUX: Final = 1e15


@dataclass(frozen=True, slots=True)
class FitsDecoder:
    """Decode FITS files for one model.

    Parameters
    ----------
    resizer : Resizer
        Knows which part of the image the model sees; only that part is coloured.
    max_pixels : int
        Images with more pixels in a plane are refused.
    options : FitsOptions
        Bands, recipe and HDU.
    """

    resizer: Resizer
    max_pixels: int
    options: FitsOptions

    def decode(self, file: BinaryIO) -> Picture | None:
        """Decode an open, seekable file, bare or gzipped; None if it is no FITS file.

        Raises
        ------
        ImageError
            If it holds no image in known bands and units, or its bands are blank or bad.
        Exception
            Of any kind, if it is damaged.
        """
        content = fits_content(file, self.max_pixels)
        if content is None:
            return None
        options = self.options
        with np.errstate(all="ignore"), open_image(content, options.hdu, self.max_pixels) as image:
            box = self._seen_box(*image.size)
            if options.bands is not None:
                image.check_number(options.bands)
            bands = options.bands or image.bands()
            colouring = choose_colouring(bands, options.recipe, sdss=image.is_sdss)
            return self._coloured(colouring, _planes(image, [bands.index(band) for band in colouring.bands]), box)

    def colour_flux(self, flux: Flux) -> Picture:
        """Colour fluxes in memory.

        Raises
        ------
        ImageError
            If they cannot be used, as those of a file.
        """
        bands = tuple(flux.bands)
        planes = flux.read()
        height, width = planes[0].shape
        if height * width > self.max_pixels:
            raise ImageError(f"too many pixels: {width} x {height}, the limit is {self.max_pixels:,}")
        box = self._seen_box(width, height)
        colouring = choose_colouring(bands, self.options.recipe)
        factor = np.float32(nanomaggies_per(flux.unit))
        with np.errstate(all="ignore"):
            return self._coloured(colouring, [planes[bands.index(band)] * factor for band in colouring.bands], box)

    def read_bands(self, path: str) -> Picture:
        """Read the files of all bands that a path with ``{band}`` stands for, one plane from each.

        Raises
        ------
        ImageError
            If a file is missing or cannot be used, or the bands differ in size.
        """
        options = self.options
        there = [band for band in BROAD_BANDS if os.path.exists(band_file(path, band))]
        recipe = options.recipe
        if recipe is None and set(SLOAN) <= set(options.bands or there) and self._read_band(path, "g").is_sdss:
            recipe = SDSS
        colouring = choose_colouring(options.bands or default_bands(there, recipe), recipe)
        planes = [self._read_band(path, band).plane for band in colouring.bands]
        if len({plane.shape for plane in planes}) > 1:
            sizes = (f"{plane.shape[1]} x {plane.shape[0]}" for plane in planes)
            raise ImageError(f"bands of different sizes: {', '.join(sizes)} pixels in {', '.join(colouring.bands)}")
        height, width = planes[0].shape
        with np.errstate(all="ignore"):
            return self._coloured(colouring, planes, self._seen_box(width, height))

    def _read_band(self, path: str, band: str) -> _Band:
        file_path = band_file(path, band)
        if not os.path.exists(file_path):
            raise ImageError(f"no file for band {band}")
        try:
            with open_steady_file(file_path) as file, image_errors():
                return self._only_plane(file)
        except ImageError as error:
            raise ImageError(f"{error} (band {band})") from None

    def _only_plane(self, file: BinaryIO) -> _Band:
        content = fits_content(file, self.max_pixels)
        if content is None:
            raise ImageError("not a FITS file")
        with np.errstate(all="ignore"), open_image(content, self.options.hdu, self.max_pixels) as image:
            if image.planes != 1:
                raise ImageError(f"{image.planes} planes, not one")
            return _Band(_planes(image, [0])[0], image.is_sdss)

    def _seen_box(self, width: int, height: int) -> Box:
        return seen_box(width, height, self.resizer.size, self.resizer.preprocessing.crop_fraction)

    def _coloured(self, colouring: Colouring, planes: Sequence[Plane], box: Box) -> Picture:
        """Colour the part of an image that the model sees, with a note on how it was done."""
        notes = [str(colouring)]
        bad = [_bad_pixels(plane) for plane in planes]
        fraction = sum(int(mask.sum()) for mask in bad if mask is not None) / sum(plane.size for plane in planes)
        if fraction >= MOST_BAD:
            raise ImageError(
                f"{100 * fraction:.1f} % of the pixels are not finite, the limit is {100 * MOST_BAD:.0f} %"
            )
        sky = measure_sky(planes, bad)
        stretch = self._stretch(sky)
        if colouring.recipe == LUPTON and stretch != ASTROPY_STRETCH:
            notes[0] += f" with stretch {stretch.stretch:.3g} and Q {stretch.q:g}"
        if fraction:
            percent = f"{100 * fraction:.1f}" if fraction >= 0.001 else "less than 0.1"
            notes.append(f"{percent} % of the pixels are not finite: set to 0")
        parts = [_part(plane, box) for plane in planes]
        for band, part, mask in zip(colouring.bands, parts, bad, strict=True):
            good = part if mask is None else part[~_part(mask, box)]
            if good.size == 0 or good.min() == good.max():
                raise ImageError(f"band {band} is blank" if band else "the only band is blank")
            if mask is not None:
                part[_part(mask, box)] = 0
        rgb = colour(colouring, parts, stretch)
        doubt = HIDDEN if hidden_share(sky, parts, rgb) > MOST_HIDDEN else GUESSED if UNKNOWN in colouring.bands else ""
        return Picture(Image.fromarray(rgb), (0, 0, rgb.shape[1], rgb.shape[0]), note="; ".join(notes), doubt=doubt)

    def _stretch(self, sky: Sky) -> Stretch:
        options = self.options
        q = ASTROPY_STRETCH.q if options.q is None else options.q
        if options.stretch_follows_image:
            return stretch_of(sky, q)
        return Stretch((), ASTROPY_STRETCH.stretch if options.stretch is None else float(options.stretch), q)


@dataclass(frozen=True, slots=True)
class _Band:
    """The only plane of a file, and whether it is of SDSS."""

    plane: Plane
    is_sdss: bool


def _planes(image: FitsImage, numbers: Sequence[int]) -> list[Plane]:
    """Read planes, and convert them to nanomaggies."""
    factor = nanomaggies_per(image.unit)
    planes = map(image.plane, numbers)
    return list(planes) if factor == 1.0 else [plane * np.float32(factor) for plane in planes]


def _bad_pixels(plane: Plane) -> NDArray[np.bool_] | None:
    """Return the mask of the pixels that are not finite; None if all are."""
    # Nearly every plane is good, and its extremes show that faster: with NaN, a comparison is false.
    if plane.min() > -LARGEST_FLUX and plane.max() < LARGEST_FLUX:
        return None
    return ~(np.abs(plane) < LARGEST_FLUX)


def _part(plane: NDArray[Scalar], box: Box) -> NDArray[Scalar]:
    """Cut a part out of a plane and flip it: FITS counts rows from below, a picture from above."""
    left, upper, right, lower = box
    return plane[::-1][upper:lower, left:right]
