"""Outliers without any object: noise, gradients, clouds, flat colour."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from galaxy_train.data.outliers.canvas import (
    Picture,
    blend,
    flat,
    fractal_noise,
    random_colour,
    turned,
    two_colours,
)


def noise_white(size: int, rng: Generator) -> Picture:
    """Draw noise that is independent from pixel to pixel: Gaussian, uniform, or black and white specks."""
    grain = int(rng.choice([1, 1, 2, 3]))
    edge = -(-size // grain)
    sort = rng.random()
    if sort < 0.6:
        noise = rng.standard_normal((edge, edge, 3), np.float32)
    elif sort < 0.8:
        noise = rng.uniform(-1.7, 1.7, (edge, edge, 3)).astype(np.float32)
    else:
        noise = rng.choice([-3, 0, 3], size=(edge, edge, 3), p=[0.1, 0.8, 0.1]).astype(np.float32)
    noise = noise.repeat(grain, axis=0).repeat(grain, axis=1)[:size, :size]
    return _exposed(noise, rng)


def noise_pink(size: int, rng: Generator) -> Picture:
    """Draw noise that is as strong on every scale."""
    return _exposed(fractal_noise(size, rng.uniform(0.6, 1.2), rng, 3), rng)


def noise_red(size: int, rng: Generator) -> Picture:
    """Draw noise that is strongest on large scales."""
    return _exposed(fractal_noise(size, rng.uniform(1.4, 2.2), rng, 3), rng)


def gradient(size: int, rng: Generator) -> Picture:
    """Draw a smooth change from one colour to another: straight, or around a point beside the centre."""
    first, second = two_colours(rng)
    if rng.random() < 0.65:
        along, _ = turned(size, rng.uniform(0, 2 * np.pi))
        share = along / 1.4 + 0.5
    else:
        bearing = rng.uniform(0, 2 * np.pi)
        distance = rng.uniform(0.4, 0.9)
        x, y = turned(size, 0, distance * np.cos(bearing), distance * np.sin(bearing))
        share = np.hypot(x, y) / np.float32(distance + 0.4)
    share = share.clip(0, 1) ** np.float32(rng.choice([0.5, 1, 2]))
    if rng.random() < 0.3:
        steps = rng.integers(3, 9)
        share = np.floor(share * steps) / np.float32(steps)
    if rng.random() < 0.2:  # through several colours, as in a rainbow
        palette = np.stack([random_colour(rng) for _ in range(int(rng.integers(3, 7)))])
        places = np.linspace(0, 1, len(palette))
        picture = np.stack([np.interp(share, places, band) for band in palette.T], axis=2).astype(np.float32)
    else:
        picture = blend(flat(size, first), second, share)
    return picture + np.float32(rng.choice([0, 0.01, 0.04])) * rng.standard_normal(picture.shape, np.float32)


def clouds(size: int, rng: Generator) -> Picture:
    """Draw clouds, smoke or marble: fractal noise between two colours."""
    first, second = two_colours(rng)
    noise = fractal_noise(size, rng.uniform(1.3, 2.2), rng)[..., 0]
    if rng.random() < 0.25:  # veins, as in marble
        share = 1 - np.abs(noise).clip(0, 1) ** np.float32(0.5)
    else:
        share = 0.5 + noise * np.float32(rng.uniform(0.25, 0.7))
    return blend(flat(size, first), second, share.clip(0, 1))


def flat_colour(size: int, rng: Generator) -> Picture:
    """Draw one colour, with a little noise and darker corners in some."""
    picture = flat(size, random_colour(rng))
    if rng.random() < 0.3:
        x, y = turned(size, 0, rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2))
        picture = picture * (1 - np.float32(rng.uniform(0.2, 0.8)) * (x * x + y * y))[..., np.newaxis]
    return picture + np.float32(10 ** rng.uniform(-2.8, -1.3)) * rng.standard_normal(picture.shape, np.float32)


def _exposed(noise: NDArray[np.float32], rng: Generator) -> Picture:
    """Give noise of three bands a mean, a strength and a colour: dark as sky, or anything up to white."""
    if rng.random() < 0.4:
        noise = noise[..., :1]  # grey
    elif rng.random() < 0.3:
        noise = noise * rng.uniform(0.2, 1.5, 3).astype(np.float32)
    if rng.random() < 0.45:
        mean, strength = rng.uniform(0, 0.15), 10 ** rng.uniform(-1.9, -0.9)
    else:
        mean, strength = rng.uniform(0.15, 0.85), 10 ** rng.uniform(-1.4, -0.4)
    tint = 1 if rng.random() < 0.5 else 0.5 + random_colour(rng)
    return np.asarray(mean * tint + strength * noise + np.zeros(3), np.float32)
