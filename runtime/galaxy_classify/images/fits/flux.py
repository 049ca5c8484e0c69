"""Fluxes in memory: planes of bands that are no FITS file, as a survey's own code has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ImageError
from galaxy_classify.images.fits.names import check_bands, parse_bands


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Flux:
    """Fluxes of one image in several bands, which a classifier colours as it does those of a FITS file.

    Parameters
    ----------
    planes : ndarray of float or int, shape (bands, H, W) or (H, W)
        Fluxes per pixel, the rows from bottom to top as in FITS. Masked pixels count as missing, as NaN does.
    bands : str or sequence of str
        Their names in the order of the planes: ``grz``, or ``("g", "r", "z")``.
    unit : str, optional
        Unit of the fluxes, as in a FITS header's ``BUNIT``; other flux densities than nanomaggies need Astropy.

    Raises
    ------
    UsageError
        If the name of a band is invalid or given twice.

    Examples
    --------
    >>> import numpy as np
    >>> from galaxy_classify import Flux, GalaxyClassifier
    >>> y, x = np.mgrid[-50:50, -50:50]
    >>> light = np.exp(-np.hypot(x, y) / 8)
    >>> galaxy = Flux([0.3 * light, 0.7 * light, light], bands="grz")
    >>> GalaxyClassifier().predict(galaxy).tolist()
    ['smooth_round']
    """

    planes: Any
    bands: str | tuple[str, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        bands = parse_bands(self.bands) if isinstance(self.bands, str) else tuple(self.bands)
        check_bands(bands)
        object.__setattr__(self, "bands", bands)

    def __repr__(self) -> str:
        return f"Flux(shape={np.shape(self.planes)}, bands={','.join(self.bands)!r}, unit={self.unit!r})"

    def read(self) -> list[NDArray[np.float32]]:
        """Return the planes of the bands: float32, shape (H, W) each; missing pixels are NaN.

        Raises
        ------
        ImageError
            If there is not one plane of numbers for each band.
        """
        planes = np.ma.asarray(self.planes)
        if planes.dtype.kind not in "fiu":
            raise ImageError(f"fluxes have dtype {planes.dtype}, not a type of numbers")
        if planes.ndim == 2:
            planes = planes[np.newaxis]
        if planes.ndim != 3 or len(planes) != len(self.bands):
            shape = "(H, W)" if len(self.bands) == 1 else f"({len(self.bands)}, H, W)"
            raise ImageError(
                f"fluxes have shape {np.shape(self.planes)}, not {shape} for the bands {', '.join(self.bands)}"
            )
        with np.errstate(over="ignore"):
            values = planes.astype(np.float32)
        return list(np.ascontiguousarray(np.ma.filled(values, np.nan)))
