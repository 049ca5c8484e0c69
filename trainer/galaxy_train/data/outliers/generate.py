"""Draw outliers: pictures of many kinds that are no galaxy, or none that is whole, centred and well framed."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from galaxy_train.data.outliers import (
    altered,
    defects,
    degraded,
    drawings,
    fields,
    framing,
    noise,
    plots,
    scenes,
)
from galaxy_train.data.outliers.canvas import Picture, rounded_to_pixels

#: Draws a picture of a size, in pixels.
Draw: TypeAlias = Callable[[int, Generator], Picture]

#: Makes a picture of one galaxy or several out of uint8 (N, size, size, 3).
Alter: TypeAlias = Callable[[NDArray[np.uint8], Generator], Picture]

DRAWN: Final[tuple[Draw, ...]] = (
    *(noise.noise_white, noise.noise_pink, noise.noise_red, noise.gradient, noise.clouds, noise.flat_colour),
    *(drawings.text, drawings.letter, drawings.shapes, drawings.lines, drawings.checkerboard, drawings.stripes),
    drawings.regions,
    *(plots.plot, plots.screenshot),
    *(scenes.landscape, scenes.buildings, scenes.face, scenes.things, scenes.texture),
    *(fields.bright_star, fields.crowded_field, fields.empty_field, fields.blank_sky, fields.nebula),
    *(fields.planet, fields.comet),
)

ALTERED: Final[tuple[Alter, ...]] = (
    *(defects.trail, defects.cosmic_rays, defects.hot_columns, defects.bad_pixels, defects.bleeding, defects.halo),
    *(defects.star_glow, defects.tinted_sky),
    *(defects.half_blank, defects.seam, defects.missing_band, defects.single_band, defects.saturated_band),
    *(altered.negative, altered.swapped_channels, altered.posterised, altered.solarised),
    *(altered.extreme_contrast, altered.extreme_colour, altered.sketch),
    *(framing.off_centre, framing.zoomed_in, framing.zoomed_out, framing.tiled, framing.pair),
    *(framing.blended, degraded.disturbed),
    *(degraded.heavily_blurred, degraded.out_of_focus, degraded.jpeg_blocks, degraded.pixelated),
    *(degraded.warped, degraded.buried, degraded.shuffled, degraded.labelled),
)

#: Names of all kinds that are generated.
GENERATED_KINDS: Final = tuple(function.__name__ for function in (*DRAWN, *ALTERED))


def generate_outliers(galaxies: NDArray[np.uint8], per_kind: int, seed: int) -> dict[str, NDArray[np.uint8]]:
    """Draw outliers of every kind.

    Parameters
    ----------
    galaxies : ndarray of uint8, shape (N, size, size, 3)
        Galaxies that some kinds are made from; one at least, of 16 px at least.
    per_kind : int
        Images of each kind. More of them begin with the same ones.
    seed : int
        Not negative. The same seed gives the same images, for each kind whatever others there are.

    Returns
    -------
    dict of str to ndarray of uint8, shape (per_kind, size, size, 3)
        Images by kind, in the order of `GENERATED_KINDS`.
    """
    size = galaxies.shape[1]
    outliers = {draw.__name__: _of_kind(draw, size, size, per_kind, seed) for draw in DRAWN}
    return outliers | {alter.__name__: _of_kind(alter, galaxies, size, per_kind, seed) for alter in ALTERED}


def _of_kind(
    kind: Callable[[Any, Generator], Picture], given: Any, size: int, count: int, seed: int
) -> NDArray[np.uint8]:
    """Draw the images of one kind."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.__name__.encode())])
    images = np.empty((count, size, size, 3), np.uint8)
    for image in images:
        image[:] = rounded_to_pixels(kind(given, rng))
    return images
