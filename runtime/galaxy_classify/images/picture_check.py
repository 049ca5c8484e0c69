"""Find pictures that no one would recognise: nearly black, nearly white, burnt out, or without contrast.

A model answers for such a picture as confidently as for others, because it has never seen one. The check looks at what
the model sees, after colouring, crop and resize, so that it holds for whatever the picture came from.

The limits were chosen on real galaxies, the 4,212 of the SDSS training set, so that at most 1 in 1,000 of them is
touched: none with the default model's margin, 4 without one. ``python benchmarks/picture_check.py train_dataset.hdf5``
prints the figures.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Side of the central part, as a fraction of what the model looks at.
CENTRAL: Final = 0.5


#: Level of 255 that something in the central part must have; of the galaxies, the darkest has 65.
DARK: Final = 50.0


#: Mean level of 255 above which a picture is nearly white; of the galaxies, the brightest has 88.
BRIGHT: Final = 180.0


#: Level of 255 from which a colour of a pixel may have been cut off. A pixel is burnt out where two of its three are:
#: bright cores are at the limit in red alone, and Lupton's recipe keeps their colour.
CLIPPED: Final = 254


#: Share of the central part that may be burnt out; of the galaxies, none has such a pixel, and a bright one of DECaLS
#: has 0.01.
MOST_CLIPPED: Final = 0.04


#: Standard deviation, in levels of 255, that the central part must have; of the galaxies, the flattest has 9.6.
LEAST_CONTRAST: Final = 9.0


#: What is measured, and its limit, in the order of `measure`.
LIMITS: Final = {
    "brightest central level": DARK,
    "mean level": BRIGHT,
    "burnt-out share": MOST_CLIPPED,
    "central contrast": LEAST_CONTRAST,
}


def doubts(pixels: NDArray[np.uint8], margin: int) -> list[str]:
    """Return for each picture why no one would recognise it; empty for a good one.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (pictures, height, width, 3)
        As the model sees them.
    margin : int
        Pixels at each edge that the model ignores.
    """
    brightest, mean, clipped, contrast = measure(pixels, margin)
    failed = (
        ("almost all black", brightest < DARK),
        ("almost all white", mean > BRIGHT),
        ("burnt out in the central part", clipped > MOST_CLIPPED),
        ("no contrast in the central part", contrast < LEAST_CONTRAST),
    )
    if not any(found.any() for _, found in failed):
        return [""] * len(pixels)
    return [next((reason for reason, found in failed if found[number]), "") for number in range(len(pixels))]


def measure(pixels: NDArray[np.uint8], margin: int) -> tuple[NDArray[np.floating], ...]:
    """Return what `LIMITS` names, for each picture."""
    height, width = pixels.shape[1:3]
    seen = pixels[:, margin : height - margin, margin : width - margin]
    top, left = (round((1 - CENTRAL) / 2 * edge) for edge in seen.shape[1:3])
    central = seen[:, top : seen.shape[1] - top, left : seen.shape[2] - left]
    # Colour by colour, as NumPy is slow along an axis of three.
    red, green, blue = (np.ascontiguousarray(central[..., colour]).reshape(len(pixels), -1) for colour in range(3))
    levels = np.add(red, green, dtype=np.float32)
    levels += blue
    levels /= 3
    second = np.maximum(np.minimum(red, green), np.minimum(np.maximum(red, green), blue))
    spread = seen[:, ::4, ::4].reshape(len(pixels), -1)  # enough for a mean
    return (
        levels.max(axis=1),
        spread.mean(axis=1, dtype=np.float32),
        np.count_nonzero(second >= CLIPPED, axis=1) / second.shape[1],
        levels.std(axis=1),
    )
