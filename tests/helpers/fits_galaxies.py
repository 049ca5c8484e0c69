"""Drawn galaxies as fluxes, and FITS files of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from galaxy_painter import paint


def nanomaggies(kind: str, seed: int, size: int = 100) -> NDArray[np.float32]:
    """Return a drawn galaxy in g, r, z as fluxes that Galaxy Zoo DECaLS' stretch shows about as it was drawn.

    Float32 (3, size, size) in nanomaggies, with rows that run upwards as FITS has them.
    """
    red, green, blue = np.asarray(paint(kind, seed, size), np.float64)[::-1].transpose(2, 0, 1) / 255
    black, white = np.arcsinh(-0.5), np.arcsinh(300)
    planes = [
        scale * np.sinh(level * (white - black) + black)
        for scale, level in ((0.008, blue), (0.014, green), (0.019, red))
    ]
    return np.stack(planes).astype(np.float32)


def image_hdu(planes: NDArray[Any], **header: Any) -> fits.PrimaryHDU:
    """Return planes as a primary HDU with some cards in its header."""
    return fits.PrimaryHDU(planes, fits.Header(list(header.items())))


def write_fits(path: Path, planes: NDArray[Any], **header: Any) -> Path:
    """Write planes into the primary HDU of a file, and return its path."""
    image_hdu(planes, **header).writeto(path)
    return path


def fits_bytes(hdu: Any) -> bytes:
    """Return an HDU or a list of them as the content of a file."""
    buffer = io.BytesIO()
    hdu.writeto(buffer)
    return buffer.getvalue()


def compressed(planes: NDArray[Any], compression: str = "RICE_1", **header: Any) -> bytes:
    """Return the content of a tile-compressed file, as fpack writes them."""
    image = fits.CompImageHDU(planes, fits.Header(list(header.items())), compression_type=compression)
    return fits_bytes(fits.HDUList([fits.PrimaryHDU(), image]))
