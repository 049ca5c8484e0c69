"""Measure the sky of an image, how far its galaxy stands out, and whether a colouring shows that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


#: Pixels along each edge that are measured at most, evenly spread: the time does not grow with the image.
EDGE: Final = 64


#: Blocks along each edge in which the sky is looked for.
BLOCKS: Final = 8


#: Share of the blocks, the darkest ones, that are taken for sky: the galaxy of a cutout may fill all the others. (A
#: histogram of all pixels, clipped, would take the outskirts of such a galaxy for noise.)
DARKEST: Final = 0.25


#: Standard deviation of normally distributed values over their median absolute deviation (Beers, Flynn & Gebhardt 1990,
#: AJ 100, 32).
PER_DEVIATION: Final = 1.4826


#: Pixels this many times the noise above the sky stand out of it: of the sky itself, hardly one in a million does.
SIGNIFICANT: Final = 5.0


#: What is fainter than this fraction of the peak does not stand out either: the outskirts of a simulation without noise
#: may be dark.
FAINT: Final = 0.002


#: Number of such pixels below which there is nothing to be shown.
FEW: Final = 10


#: Levels of 255 that differ by less than this look the same beside each other.
SAME_LEVEL: Final = 8


#: The brightest hundredth of an image is the core of its galaxy, stars and cosmic rays: it has no say in the range, so
#: that the rest of the galaxy is seen.
PEAK_PERCENT: Final = 99.0


@dataclass(frozen=True, slots=True)
class Sky:
    """Sky of an image in one band or several, in the unit of its planes.

    Parameters
    ----------
    levels : tuple of float
        Median of the sky in each band.
    noise : float
        Standard deviation of the sky in the mean of the bands.
    peak : float
        How far the brightest part of the image stands above the sky in the mean of the bands.
    strongest : float
        The same in the band in which it is brightest.
    """

    levels: tuple[float, ...]
    noise: float
    peak: float
    strongest: float


def measure_sky(planes: Sequence[NDArray[np.float32]], bad: Sequence[NDArray[np.bool_] | None]) -> Sky:
    """Measure the sky in planes of the same size, at least 16 pixels wide and high; None as a mask: no pixel is bad."""
    sample = np.stack([_good_spread(plane, mask) for plane, mask in zip(planes, bad, strict=True)])
    height, width = (edge // BLOCKS * BLOCKS for edge in sample.shape[1:])
    blocks = sample[:, :height, :width].reshape(len(planes), BLOCKS, height // BLOCKS, BLOCKS, width // BLOCKS)
    blocks = blocks.transpose(0, 1, 3, 2, 4).reshape(len(planes), BLOCKS * BLOCKS, -1)
    mean = blocks.mean(axis=0)
    medians = np.median(mean, axis=1, keepdims=True)
    deviations = np.median(np.abs(mean - medians), axis=1)
    order = np.argsort(medians[:, 0])
    # Blocks without noise are the blank border of an image that was moved or turned.
    order = order[deviations[order] > 0] if deviations.any() else order
    sky = order[: max(1, int(DARKEST * len(order)))]
    levels = np.median(blocks[:, sky], axis=(1, 2)).tolist()
    peaks = np.percentile(blocks, PEAK_PERCENT, axis=(1, 2)) - levels
    noise = PER_DEVIATION * float(np.median(deviations[sky]))
    return Sky(tuple(levels), noise, float(peaks.mean()), float(peaks.max()))


def hidden_share(sky: Sky, planes: Sequence[NDArray[np.float32]], rgb: NDArray[np.uint8]) -> float:
    """Return which share of the pixels that stand out of the sky is shown as dark as the sky.

    Parameters
    ----------
    sky : Sky
        Of the image.
    planes : sequence of ndarray of float32, shape (height, width)
        The image or a part of it.
    rgb : ndarray of uint8, shape (height, width, 3)
        How the same part is shown.
    """
    stands_out = np.mean([_spread(plane) for plane in planes], axis=0) - sum(sky.levels) / len(planes)
    stands_out = stands_out > max(SIGNIFICANT * sky.noise, FAINT * sky.peak)
    if stands_out.sum() < FEW:
        return 0.0
    red, green, blue = np.moveaxis(_spread(rgb), 2, 0)  # NumPy is slow along an axis of three
    shown = np.maximum(np.maximum(red, green), blue).astype(np.int16)
    background = shown.min() if stands_out.all() else np.median(shown[~stands_out])
    return float((np.abs(shown[stands_out] - background) < SAME_LEVEL).mean())


def _good_spread(plane: NDArray[np.float32], bad: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return evenly spread pixels of a plane, with the median in place of bad ones."""
    sample = _spread(plane)
    if bad is None:
        return sample
    mask = _spread(bad)
    return np.where(mask, np.median(sample[~mask]) if not mask.all() else 0, sample)


def _spread(plane: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return evenly spread pixels of a plane, or of a picture."""
    rows, columns = (max(1, edge // EDGE) for edge in plane.shape[:2])
    return plane[::rows, ::columns]
