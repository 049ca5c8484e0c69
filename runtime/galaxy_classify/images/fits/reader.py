"""Read the planes of an image out of a FITS file, whatever the file says, without filling memory."""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np

from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.extras import astropy_module
from galaxy_classify.images.fits.colour import UNKNOWN, Plane
from galaxy_classify.images.fits.options import parse_bands
from galaxy_classify.images.fits.units import nanomaggies_per
from galaxy_classify.images.formats import FITS_SIGNATURE, GZIP_SIGNATURE

#: Planes of the largest cube that is looked at.
MOST_PLANES: Final = 16


#: Bytes that all headers of a file may take up to the image.
HEADER_BYTES: Final = 16_000_000


#: What a packed file may unpack to: three bands of float32 for each pixel that is allowed, and something besides.
UNPACKED_BYTES_PER_PIXEL: Final = 12


UNPACKED_BYTES: Final = 64_000_000


CHUNK: Final = 1 << 20


#: Tile compressions that are read. Astropy's decoder of HCOMPRESS_1 writes beyond its memory where a tile is damaged,
#: which ends the process; that of PLIO_1, which is for masks, is as old.
TILE_COMPRESSIONS: Final = ("RICE_1", "GZIP_1", "GZIP_2", "NOCOMPRESS")


@dataclass(frozen=True, slots=True)
class FitsImage:
    """An image in an open FITS file.

    Parameters
    ----------
    hdu : HDU of astropy's
        Whose data are not read yet.
    """

    hdu: Any

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.hdu.shape[-1], self.hdu.shape[-2]

    @property
    def planes(self) -> int:
        """Number of planes; 1 for an image with two axes."""
        return int(math.prod(self.hdu.shape[:-2]))

    def bands(self) -> tuple[str, ...]:
        """Return which bands the planes are, as the header says.

        Returns
        -------
        tuple of str
            From ``BANDS = 'grz'``, else from ``BAND0``, ``BAND1`` and so on. For a single plane also the first letter
            of ``BAND`` or ``FILTER``, and `UNKNOWN` if there is nothing.

        Raises
        ------
        ImageError
            If the header does not say it for each plane.
        """
        header = self.hdu.header
        if isinstance(text := header.get("BANDS"), str):
            try:
                bands = parse_bands(text)
            except UsageError as error:
                raise ImageError(f"{error} (BANDS in the header); name them with --bands") from None
        elif self.planes == 1:
            named = [header.get(key) for key in ("BAND0", "BAND", "FILTER")]
            bands = (next((name[0] for name in named if isinstance(name, str) and name), UNKNOWN),)
        else:
            named = [header.get(f"BAND{number}") for number in range(self.planes)]
            bands = tuple(name for name in named if isinstance(name, str))
            if not bands:
                raise ImageError(f"unknown bands: the header does not name the {self.planes} planes; use --bands")
        self.check_number(bands)
        return bands

    def check_number(self, bands: tuple[str, ...]) -> None:
        """Check that each plane has a band.

        Raises
        ------
        ImageError
            If there are more of the one than of the other.
        """
        if len(bands) != self.planes:
            raise ImageError(
                f"wrong number of bands: {len(bands)} ({', '.join(bands)}), but the image has {self.planes} "
                f"plane{'s' * (self.planes > 1)}; name them with --bands"
            )

    def plane(self, number: int) -> Plane:
        """Read one plane.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        ndarray of float32, shape (height, width)
            Fluxes in nanomaggies, the unit that is assumed where the header names none; rows run upwards.

        Raises
        ------
        ImageError
            If the pixels are no flux densities.
        """
        unit = self.hdu.header.get("BUNIT")
        factor = nanomaggies_per(str(unit).strip()) if isinstance(unit, str | int | float) and unit != "" else 1.0
        pixels = self.hdu.section[number] if len(self.hdu.shape) == 3 else self.hdu.section[:, :]
        flux: Plane = pixels.astype(np.float32)
        return flux if factor == 1.0 else flux * np.float32(factor)


class _LimitedFile:
    """A file of which a number of bytes may be read: a header without an end must not fill memory."""

    closed = False

    def __init__(self, file: BinaryIO, allowed: float) -> None:
        self.allowed = allowed
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        self.allowed -= size
        if self.allowed < 0:
            raise ImageError(f"damaged or incomplete image: its FITS headers take more than {HEADER_BYTES:,} bytes")
        return self._file.read(size)


def fits_content(file: BinaryIO, max_pixels: int) -> BinaryIO | None:
    """Return the FITS file that a file is or, packed with gzip, holds.

    Parameters
    ----------
    file : binary file
        At its beginning, to which it is returned.
    max_pixels : int
        Limits what is unpacked.

    Returns
    -------
    binary file or None
        None if it is something else.

    Raises
    ------
    ImageError
        If it unpacks to more than the image may be.
    OSError, EOFError, zlib.error
        If it is packed and damaged.
    """
    head = file.read(len(FITS_SIGNATURE))
    file.seek(0)
    if head == FITS_SIGNATURE:
        return file
    if not head.startswith(GZIP_SIGNATURE):
        return None
    limit = UNPACKED_BYTES + UNPACKED_BYTES_PER_PIXEL * max_pixels
    with gzip.GzipFile(fileobj=file) as packed:
        unpacked = io.BytesIO()
        unpacked.write(packed.read(len(FITS_SIGNATURE)))
        if unpacked.getvalue() != FITS_SIGNATURE:
            file.seek(0)
            return None
        while chunk := packed.read(CHUNK):
            if unpacked.tell() + len(chunk) > limit:
                raise ImageError(f"too many pixels: the file unpacks to more than {limit:,} bytes")
            unpacked.write(chunk)
    unpacked.seek(0)
    return unpacked


@contextmanager
def open_image(file: BinaryIO, hdu: int | str | None, max_pixels: int) -> Iterator[FitsImage]:
    """Find the image in a FITS file, and look at its header before anything else is read.

    Parameters
    ----------
    file : binary file
        Seekable; not closed.
    hdu : int, str or None
        Number or name of the HDU that holds the image; None for the first that holds one.
    max_pixels : int
        Images with more pixels in a plane are refused.

    Yields
    ------
    FitsImage
        Usable until the context ends.

    Raises
    ------
    ImageError
        If there is no such image, it is too large, or the file ends before it does. Damaged headers and data may
        raise anything.
    """
    fits = astropy_module("io.fits")
    limited = _LimitedFile(file, HEADER_BYTES)
    # As the file is no file on a disk to astropy, it is read and not mapped: a file that shrinks meanwhile would end
    # the process.
    with fits.open(limited, mode="readonly", memmap=False) as hdus:
        length = file.seek(0, io.SEEK_END)
        found = _first_image(fits, hdus, length) if hdu is None else _chosen_image(fits, hdus, hdu, length)
        image = FitsImage(found)
        width, height = image.size
        if width * height > max_pixels:
            raise ImageError(f"too many pixels: {width} x {height}, the limit is {max_pixels:,}")
        if image.planes > MOST_PLANES:
            raise ImageError(f"too many pixels: {image.planes} planes, the limit is {MOST_PLANES}")
        if isinstance(found, fits.CompImageHDU):
            _check_tiles(found)
        if length < (end := _end(found)):
            raise ImageError(f"damaged or incomplete image: {length:,} bytes of {end:,}")
        limited.allowed = math.inf  # from here on it is known what is read, and a tile may be read for each plane
        yield image


def _check_tiles(hdu: Any) -> None:
    if hdu.compression_type not in TILE_COMPRESSIONS:
        raise ImageError(f"unsupported tile compression: not one of {', '.join(TILE_COMPRESSIONS)}")
    if any(tile > axis for tile, axis in zip(hdu.tile_shape, hdu.shape, strict=True)):
        raise ImageError("damaged or incomplete image: its tiles are larger than itself")


def _end(hdu: Any) -> int:
    place = hdu.fileinfo()
    return int(place["datLoc"] + place["datSpan"])


def _check_end(hdus: Any, length: int) -> None:
    """Tell an HDU that is not there from one that astropy passes over because it is damaged or incomplete."""
    if _end(hdus[-1]) != length:
        raise ImageError(f"damaged or incomplete image: HDU {len(hdus)} cannot be read")


def _first_image(fits: Any, hdus: Any, length: int) -> Any:
    # HDUs are read one by one, as they are asked for: their number is not asked for.
    found = next((hdu for hdu in hdus if _holds_image(fits, hdu)), None)
    if found is None:
        _check_end(hdus, length)
        raise ImageError("no image in any HDU of the FITS file")
    return found


def _chosen_image(fits: Any, hdus: Any, hdu: int | str, length: int) -> Any:
    try:
        chosen = hdus[hdu]
    except (IndexError, KeyError):
        _check_end(hdus, length)
        raise ImageError(f"no HDU {hdu} in the FITS file") from None
    if not _holds_image(fits, chosen):
        raise ImageError(f"no image in HDU {hdu} of the FITS file")
    return chosen


def _holds_image(fits: Any, hdu: Any) -> bool:
    if isinstance(hdu, fits.GroupsHDU) or not isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return False
    return len(hdu.shape) in (2, 3) and min(hdu.shape) > 0
