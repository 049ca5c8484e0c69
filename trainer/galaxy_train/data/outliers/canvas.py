"""Tools that all kinds of outliers are drawn with.

A picture is float32 (size, size, 3), RGB, from 0 (black) to 1 (white); what lies outside is clipped when the picture is
stored. Positions and lengths are fractions of the edge, so that a picture looks alike at every size. Networks look at
the central three quarters, from -0.375 to 0.375: what makes a picture strange must lie in there.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Picture: TypeAlias = NDArray[np.float32]

#: One value for each pixel, (size, size).
Plane: TypeAlias = NDArray[np.float32]


@lru_cache(maxsize=4)
def positions(size: int) -> tuple[Plane, Plane]:
    """Return how far each pixel lies to the right of the centre and below it."""
    offset = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)
    x, y = np.meshgrid(offset, offset)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def turned(size: int, angle: float, x: float = 0, y: float = 0) -> tuple[Plane, Plane]:
    """Return positions relative to (`x`, `y`) along axes that are turned by `angle`, in radians."""
    right, down = positions(size)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    right, down = right - np.float32(x), down - np.float32(y)
    return right * cos + down * sin, down * cos - right * sin


def rounded_to_pixels(picture: Picture) -> NDArray[np.uint8]:
    """Return the pixels as uint8."""
    return np.asarray(picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def from_pixels(pixels: NDArray[np.uint8]) -> Picture:
    """Return uint8 pixels as a picture."""
    return pixels.astype(np.float32) / np.float32(255)


def to_image(picture: Picture) -> Image.Image:
    """Return a picture as Pillow's."""
    return Image.fromarray(rounded_to_pixels(picture))


def from_image(image: Image.Image, size: int | None = None) -> Picture:
    """Return Pillow's image as a picture, shrunk to `size` if that is given."""
    if size is not None and image.width != size:
        image = image.resize((size, size), Image.Resampling.BOX)
    return from_pixels(np.asarray(image.convert("RGB")))


def flat(size: int, colour: NDArray[np.float32]) -> Picture:
    """Return a picture of one colour."""
    return np.broadcast_to(colour, (size, size, 3)).astype(np.float32)


def blend(below: Picture, above: Picture | NDArray[np.float32], share: Plane) -> Picture:
    """Put a picture or a colour over another one where `share` is 1."""
    return np.asarray(below + (above - below) * share[..., np.newaxis], np.float32)


def random_colour(rng: Generator) -> NDArray[np.float32]:
    """Draw a colour: black, white, grey, pale or vivid."""
    value = rng.random()
    saturation = rng.choice([0, 0.3, 1], p=[0.3, 0.3, 0.4])
    colour = 1 - saturation * rng.dirichlet([0.6, 0.6, 0.6]) * 1.5
    return np.asarray((colour * value).clip(0, 1), np.float32)


def two_colours(rng: Generator, contrast: float = 0.25) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw two colours that differ by `contrast` or more in one channel; black and white in a quarter."""
    if rng.random() < 0.25:
        black_and_white = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
        return black_and_white[order := int(rng.integers(2))], black_and_white[1 - order]
    while True:
        first, second = random_colour(rng), random_colour(rng)
        if np.abs(first - second).max() >= contrast:
            return first, second


def fractal_noise(size: int, slope: float, rng: Generator, bands: int = 1) -> NDArray[np.float32]:
    """Draw noise whose amplitude falls with frequency to the power of `slope`.

    Returns (size, size, bands) with the mean 0 and the deviation 1 in each band.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((bands, size, size))) * _amplitude(size, round(slope, 2))
    noise = np.fft.irfft2(spectrum, s=(size, size))
    noise /= noise.std(axis=(1, 2), keepdims=True)
    return np.asarray(noise.transpose(1, 2, 0), np.float32)


@lru_cache(maxsize=512)
def _amplitude(size: int, slope: float) -> NDArray[np.float64]:
    frequency = np.hypot(np.fft.fftfreq(size)[:, np.newaxis], np.fft.rfftfreq(size))
    frequency[0, 0] = np.inf
    return np.asarray(frequency**-slope if slope else (frequency < np.inf) * 1.0)


def blurred(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur (size, size, ...) with a Gaussian of `sigma` of the edge."""
    pixel = np.arange(len(picture))
    spread = np.exp(-0.5 * ((pixel - pixel[:, np.newaxis]) / max(sigma * len(picture), 1e-3)) ** 2)
    spread = (spread / spread.sum(axis=1, keepdims=True)).astype(np.float32)
    down = np.tensordot(spread, picture, (1, 0))
    return np.asarray(np.moveaxis(np.tensordot(spread, down, (1, 1)), 0, 1), np.float32)


def as_jpeg(picture: Picture, quality: int, subsampling: int = 2) -> Picture:
    """Compress a picture as JPEG and read it again; with a `subsampling` of 0 colours are as sharp as brightness."""
    file = io.BytesIO()
    to_image(picture).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return from_image(Image.open(file))


def vary(picture: Picture, rng: Generator) -> Picture:
    """Vary colour, exposure, sharpness, noise and compression, so that none of them tells a drawing from a galaxy."""
    if rng.random() < 0.2:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    exposure = rng.random()
    if exposure < 0.25:  # as dark as sky
        picture = picture * np.float32(rng.uniform(0.2, 0.6)) + np.float32(rng.uniform(0, 0.06))
    elif exposure < 0.4:  # low in contrast
        picture = picture * np.float32(rng.uniform(0.3, 0.6)) + np.float32(rng.uniform(0, 0.4))
    if rng.random() < 0.3:
        picture = blurred(picture, rng.uniform(0.4, 1.4) / 64)
    if rng.random() < 0.4:
        picture = picture + np.float32(10 ** rng.uniform(-2.3, -1)) * rng.standard_normal(picture.shape, np.float32)
    if rng.random() < 0.25:
        picture = as_jpeg(picture, int(rng.integers(25, 90)))
    return picture
