"""Read the planes of an image from a FITS file, however damaged or hostile, within bounded memory."""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.extras import astropy_module
from galaxy_classify.images.fits.names import UNKNOWN, parse_bands
from galaxy_classify.images.fits.tiles import check_cards, check_tiles
from galaxy_classify.images.formats import FITS_SIGNATURE, GZIP_SIGNATURE

if TYPE_CHECKING:
    from galaxy_classify.images.fits.colour import Plane

#: Planes of the largest cube that is accepted.
MOST_PLANES: Final = 16


#: Bytes that the headers of a file may take in all, up to that of the image.
HEADER_BYTES: Final = 16_000_000


#: Bytes that a gzipped file may unpack to for each pixel that is allowed: three bands of float32.
UNPACKED_BYTES_PER_PIXEL: Final = 12


#: Bytes that it may unpack to besides, for headers and other HDUs.
UNPACKED_BYTES: Final = 64_000_000


#: Bytes that are unpacked at a time.
CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FitsImage:
    """An image in an open FITS file: an HDU of astropy's, whose data have not been read yet."""

    hdu: Any

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.hdu.shape[-1], self.hdu.shape[-2]

    @property
    def planes(self) -> int:
        """Number of planes; 1 for an image with two axes."""
        return int(math.prod(self.hdu.shape[:-2]))

    @property
    def unit(self) -> str:
        """Unit of the pixels as the header spells it, ``BUNIT``; empty if it does not say.

        The uncalibrated frames of SDSS say ``BUNITS`` (https://classic.sdss.org/dr7/dm/flatFiles/fpC.php).
        """
        unit = self.hdu.header.get("BUNIT", self.hdu.header.get("BUNITS"))
        return str(unit).strip() if isinstance(unit, str | int | float) else ""

    @property
    def is_sdss(self) -> bool:
        """Whether the header says that the image is of SDSS.

        ``ORIGIN = 'SDSS'`` is in its raw images, from which its frames have it
        (https://classic.sdss.org/dr7/dm/flatFiles/idR.php), and ``SURVEY = 'SDSS'`` in the cutouts of the Legacy
        Surveys' viewer (``populate_fits_cutout_header`` in ``map/views.py`` of
        https://github.com/legacysurvey/imagine).
        """
        named = (self.hdu.header.get(key) for key in ("ORIGIN", "SURVEY"))
        return any(isinstance(name, str) and name.strip() == "SDSS" for name in named)

    def bands(self) -> tuple[str, ...]:
        """Return the band of each plane, from the header.

        They are read from ``BANDS = 'grz'``, else from ``BAND0``, ``BAND1`` and so on. A single plane may also have
        the first letter of ``BAND`` or ``FILTER``, and is `UNKNOWN` if the header says nothing.

        Raises
        ------
        ImageError
            If the header does not name a band for each plane.
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
        """Raise `ImageError` unless there is one band for each plane."""
        if len(bands) != self.planes:
            raise ImageError(
                f"wrong number of bands: {len(bands)} ({', '.join(bands)}), but the image has {self.planes} "
                f"plane{'s' * (self.planes > 1)}; name them with --bands"
            )

    def plane(self, number: int) -> Plane:
        """Read one plane, counted from 0, in the file's unit; its first row is the lowest of the sky."""
        pixels = self.hdu.section[number] if len(self.hdu.shape) == 3 else self.hdu.section[:, :]
        flux: Plane = pixels.astype(np.float32)
        return flux


class _LimitedFile:
    """A file of which only so many bytes may be read, so that a header without an end cannot fill memory.

    As long as there is a limit, only headers are read.
    """

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
        content = self._file.read(size)
        if self.allowed < math.inf:
            check_cards(content)
        return content


def fits_content(file: BinaryIO, max_pixels: int) -> BinaryIO | None:
    """Return a FITS file, unpacked if it is gzipped; or None, with the file at its beginning, if it is something else.

    Parameters
    ----------
    file : binary file
        At its beginning.
    max_pixels : int
        Limits how much is unpacked.

    Raises
    ------
    ImageError
        If it unpacks to more than an image of that many pixels may take.
    OSError, EOFError, zlib.error
        If it is gzipped and damaged.
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
    """Find the image in a FITS file and check its header, before any pixel is read.

    The image can be read until the context ends; the file is not closed.

    Parameters
    ----------
    file : binary file
        Seekable.
    hdu : int, str or None
        Number or name of the HDU that holds the image; None for the first that holds one.
    max_pixels : int
        Images with more pixels in a plane are refused.

    Raises
    ------
    ImageError
        If there is no such image, it is too large, or the file ends too early.
    Exception
        Of any kind, on damaged headers and data.
    """
    fits = astropy_module("io.fits")
    limited = _LimitedFile(file, HEADER_BYTES)
    # Read, not memory-mapped: a mapped file that shrinks meanwhile would crash the process. Astropy maps only what is a
    # file on a disk, which `limited` does not pretend to be.
    with fits.open(limited, mode="readonly", memmap=False) as hdus:
        length = file.seek(0, io.SEEK_END)
        found = _first_image(fits, hdus, length) if hdu is None else _chosen_image(fits, hdus, hdu, length)
        image = FitsImage(found)
        width, height = image.size
        if width * height > max_pixels:
            raise ImageError(f"too many pixels: {width} x {height}, the limit is {max_pixels:,}")
        if image.planes > MOST_PLANES:
            raise ImageError(f"too many pixels: {image.planes} planes, the limit is {MOST_PLANES}")
        if length < (end := _end(found)):
            raise ImageError(f"damaged or incomplete image: {length:,} bytes of {end:,}")
        limited.allowed = math.inf  # the size is known now, and a tile may be read again for each plane
        if isinstance(found, fits.CompImageHDU):
            check_tiles(fits, hdus, found, limited)
        yield image


def _end(hdu: Any) -> int:
    place = hdu.fileinfo()
    return int(place["datLoc"] + place["datSpan"])


def _check_end(hdus: Any, length: int) -> None:
    """Raise `ImageError` if the file goes on behind the last HDU: astropy silently stops at a damaged one."""
    if _end(hdus[-1]) != length:
        raise ImageError(f"damaged or incomplete image: HDU {len(hdus)} cannot be read")


def _first_image(fits: Any, hdus: Any, length: int) -> Any:
    # Iterating reads HDUs one by one; asking for their number would read the headers of all.
    found = next((hdu for hdu in hdus if _holds_image(fits, hdu)), None)
    if found is None:
        _check_end(hdus, length)
        table = any(isinstance(hdu, fits.BinTableHDU | fits.TableHDU) for hdu in hdus)
        hint = ", but a table: --catalog reads the images that a table lists" if table else ""
        raise ImageError(f"no image in any HDU of the FITS file{hint}")
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
