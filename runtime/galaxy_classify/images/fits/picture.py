"""From FITS files to a picture in colour: the bands that a recipe needs, without their bad pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.images.crop import Picture, seen_box
from galaxy_classify.images.fits.colour import Colouring, Plane, choose_colouring, colour
from galaxy_classify.images.fits.options import FitsOptions
from galaxy_classify.images.fits.reader import fits_content, open_image
from galaxy_classify.images.resize import Box, Resizer

Scalar = TypeVar("Scalar", bound=np.generic)


#: From this part of bad pixels on, in the planes that are used, an image is refused.
MOST_BAD: Final = 0.05


#: Fluxes beyond this, in nanomaggies, are taken for infinite: no galaxy has them, and sums of them still are floats.
LARGEST_FLUX: Final = 1e15


def fits_picture(file: BinaryIO, resizer: Resizer, max_pixels: int, options: FitsOptions) -> Picture:
    """Make a picture of the image in a FITS file.

    Parameters
    ----------
    file : binary file
        Seekable FITS content.
    resizer : Resizer
        Knows which part of the image the model sees; only that part is coloured.
    max_pixels : int
        Images with more pixels in a plane are refused.
    options : FitsOptions
        What the user says of bands, recipe and HDU.

    Returns
    -------
    Picture
        The part that the model sees, with a note on how it was made.

    Raises
    ------
    ImageError
        If the file holds no image in known bands and units, or bands of it are blank or bad. Damaged files may raise
        anything.
    """
    with np.errstate(all="ignore"), open_image(file, options.hdu, max_pixels) as image:
        box = seen_box(*image.size, resizer)
        if options.bands is not None:
            image.check_number(options.bands)
        bands = options.bands or image.bands()
        colouring = choose_colouring(bands, options.recipe)
        return _coloured(colouring, [image.plane(bands.index(band)) for band in colouring.bands], box)


def only_plane(file: BinaryIO, max_pixels: int, options: FitsOptions) -> Plane:
    """Read the image in a file that holds one band.

    Parameters
    ----------
    file : binary file
        Seekable.
    max_pixels, options
        As for `fits_picture`.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Fluxes in nanomaggies; rows run upwards.

    Raises
    ------
    ImageError
        If it is no FITS file, or holds no image in a known unit or one of several planes. Damaged files may raise
        anything.
    """
    content = fits_content(file, max_pixels)
    if content is None:
        raise ImageError("not a FITS file")
    with np.errstate(all="ignore"), open_image(content, options.hdu, max_pixels) as image:
        if image.planes != 1:
            raise ImageError(f"{image.planes} planes, not one")
        return image.plane(0)


def picture_of_planes(colouring: Colouring, planes: Sequence[Plane], resizer: Resizer) -> Picture:
    """Make a picture of planes.

    Parameters
    ----------
    colouring : Colouring
        The recipe, and which bands the planes are.
    planes : sequence of ndarray of float32, shape (height, width)
        Fluxes in nanomaggies; rows run upwards.
    resizer : Resizer
        As for `fits_picture`.

    Returns
    -------
    Picture
        The part that the model sees, with a note on how it was made.

    Raises
    ------
    ImageError
        If the bands differ in size, or are blank or bad.
    """
    if len({plane.shape for plane in planes}) > 1:
        sizes = (f"{plane.shape[1]} x {plane.shape[0]}" for plane in planes)
        raise ImageError(f"bands of different sizes: {', '.join(sizes)} pixels in {', '.join(colouring.bands)}")
    height, width = planes[0].shape
    with np.errstate(all="ignore"):
        return _coloured(colouring, planes, seen_box(width, height, resizer))


def _coloured(colouring: Colouring, planes: Sequence[Plane], box: Box) -> Picture:
    notes = [str(colouring)]
    bad = [_bad_pixels(plane) for plane in planes]
    fraction = sum(int(mask.sum()) for mask in bad if mask is not None) / sum(plane.size for plane in planes)
    if fraction >= MOST_BAD:
        raise ImageError(f"{100 * fraction:.1f} % of the pixels are not finite, the limit is {100 * MOST_BAD:.0f} %")
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
    rgb = Image.fromarray(colour(colouring, parts))
    return Picture(rgb, (0, 0, rgb.width, rgb.height), note="; ".join(notes))


def _bad_pixels(plane: Plane) -> NDArray[np.bool_] | None:
    # Of a whole plane, the extremes say that it is: comparisons with NaN are false.
    if plane.min() > -LARGEST_FLUX and plane.max() < LARGEST_FLUX:
        return None
    return ~(np.abs(plane) < LARGEST_FLUX)


def _part(plane: NDArray[Scalar], box: Box) -> NDArray[Scalar]:
    """Cut a part out of a plane and turn it over: FITS counts rows from below, a picture from above."""
    left, upper, right, lower = box
    return plane[::-1][upper:lower, left:right]
