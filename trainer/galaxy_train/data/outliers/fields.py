"""Outliers from the sky without a galaxy in their centre: stars, crowded fields, nebulae, empty and blank sky."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from galaxy_train.data.outliers.canvas import (
    Picture,
    as_jpeg,
    blend,
    blurred,
    fractal_noise,
    random_colour,
    turned,
)


def empty_sky(size: int, rng: Generator) -> Picture:
    """Draw sky: a dark level, of some colour in some, and noise that neighbouring pixels share."""
    level = 10 ** rng.uniform(-2.2, -0.7) * rng.uniform(0.7, 1.3, 3) * (rng.random() > 0.1)
    noise = rng.standard_normal((size, size, 3), np.float32)
    if rng.random() < 0.7:
        noise = blurred(noise, rng.uniform(0.4, 1) / 64)
        noise /= noise.std()
    return (level + 10 ** rng.uniform(-2.3, -1.1) * noise * rng.uniform(0.7, 1.3, 3)).astype(np.float32)


def stars(size: int, places: NDArray[np.float64], fluxes: NDArray[np.float64], rng: Generator) -> NDArray[np.float32]:
    """Draw the light of stars at places (N, 2) from -0.5 to 0.5, as one exposure shows it; fluxes are peak values."""
    colours = 1 + rng.uniform(0, 0.6, (len(places), 1)) * rng.choice([[0.3, 0, -0.6], [-0.5, 0, 0.4]], len(places))
    light = np.zeros((size, size, 3), np.float32)
    column, row = ((places + 0.5) * size).astype(int).clip(0, size - 1).T
    np.add.at(light, (row, column), (fluxes[:, np.newaxis] * colours).astype(np.float32))
    width = rng.uniform(0.7, 1.4)  # of the point-spread function, in 1/64 of the edge
    pixels = width * size / 64
    core = blurred(light, width / 64) * np.float32(2 * np.pi * pixels**2)
    wings = blurred(light, 3 * width / 64) * np.float32(2 * np.pi * pixels**2 * 0.5)
    return np.asarray(core + wings, np.float32)


def bright_star(size: int, rng: Generator) -> Picture:
    """Draw a saturated star with diffraction spikes and a glow, at the centre or beside it, some with companions."""
    picture = empty_sky(size, rng)
    arms = int(rng.choice([0, 2, 2, 2, 3, 4]))
    for number in range(int(rng.choice([1, 1, 1, 2, 3]))):
        x, y = rng.normal(0, 0.03 if number == 0 and rng.random() < 0.7 else 0.2, 2)
        strength = 10 ** rng.uniform(-0.5, 0.6)
        colour = (1 + rng.uniform(0, 1) * rng.choice([[0.3, 0, -0.6], [-0.5, -0.1, 0.5]])).astype(np.float32)
        picture = picture + colour * glow(size, x, y, strength, arms, rng)[..., np.newaxis]
        right, down = turned(size, 0, x, y)
        width = (0.03 * strength**0.4 + 0.015) * (1 if arms else rng.uniform(1.2, 3))
        core = np.exp(-((np.hypot(right, down) / width) ** 8))
        picture = blend(picture, np.ones(3, np.float32), np.asarray(core, np.float32))
    count = int(rng.integers(0, 8))
    picture = picture + stars(size, rng.uniform(-0.5, 0.5, (count, 2)), rng.uniform(0.05, 0.8, count), rng)
    return as_jpeg(picture, int(rng.integers(60, 95))) if rng.random() < 0.4 else picture


def glow(size: int, x: float, y: float, strength: float, arms: int, rng: Generator) -> NDArray[np.float32]:
    """Draw the glow of a bright star, and twice as many spikes as it has arms."""
    light = np.zeros((size, size), np.float32)
    angle = rng.choice([0, np.pi / 4, rng.uniform(0, np.pi)])
    length, width = rng.uniform(0.1, 0.35) * strength**0.3, rng.uniform(0.006, 0.02)
    for arm in range(arms):
        along, across = turned(size, angle + arm * np.pi / arms, x, y)
        light += np.exp(-np.abs(along) / length - 0.5 * (across / width) ** 2) * np.float32(min(strength * 1.5, 3))
    right, down = turned(size, 0, x, y)
    radius = np.hypot(right, down) / np.float32(0.03)
    return np.asarray(light + np.float32(strength * 0.6) / (1 + radius**2), np.float32)


def crowded_field(size: int, rng: Generator) -> Picture:
    """Draw very many stars, evenly or denser towards a point, as in the Milky Way or a globular cluster."""
    count = int(10 ** rng.uniform(1.5, 3))
    places = rng.uniform(-0.5, 0.5, (count, 2))
    if rng.random() < 0.3:
        places = rng.normal(rng.uniform(-0.2, 0.2, 2), rng.uniform(0.12, 0.3), (count, 2)).clip(-0.49, 0.49)
    fluxes = rng.uniform(0.05, 0.25) * (1 + rng.pareto(rng.uniform(1, 2), count)).clip(0, 20)
    picture = empty_sky(size, rng) + stars(size, places, fluxes, rng)
    return picture / np.float32(max(1, np.quantile(picture, 0.8)))


def empty_field(size: int, rng: Generator) -> Picture:
    """Draw sky with a few faint sources beside the centre."""
    picture = empty_sky(size, rng)
    count = int(rng.integers(1, 12))
    bearing, distance = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.15, 0.6, count)
    places = np.stack([distance * np.cos(bearing), distance * np.sin(bearing)], axis=1)
    places, bright = places[np.abs(places).max(axis=1) < 0.5], 10 ** rng.uniform(-1.3, 0)
    return picture + stars(size, places, bright * rng.uniform(0.2, 1, len(places)), rng)


def blank_sky(size: int, rng: Generator) -> Picture:
    """Draw sky with nothing in it, uneven in some."""
    picture = empty_sky(size, rng)
    if rng.random() < 0.4:
        along, _ = turned(size, rng.uniform(0, 2 * np.pi))
        picture = picture + (0.5 + along)[..., np.newaxis] * np.float32(0.3) * random_colour(rng)
    return picture


def nebula(size: int, rng: Generator) -> Picture:
    """Draw glowing gas and dust all over the field, with stars."""
    picture = empty_sky(size, rng)
    for _ in range(rng.integers(1, 3)):
        gas = fractal_noise(size, rng.uniform(1.4, 2), rng) * np.float32(rng.uniform(0.2, 0.5)) + np.float32(0.3)
        picture = np.asarray(picture + gas.clip(0) * random_colour(rng), np.float32)
    if rng.random() < 0.5:
        dust = (fractal_noise(size, 1.6, rng)[..., 0] * np.float32(0.6)).clip(0, 1)
        picture = blend(picture, np.zeros(3, np.float32), dust)
    count = int(rng.integers(0, 30))
    return picture + stars(size, rng.uniform(-0.5, 0.5, (count, 2)), rng.uniform(0.1, 0.9, count), rng)


def planet(size: int, rng: Generator) -> Picture:
    """Draw a planet, a moon or the Sun: a lit disc with bands, craters or spots, and a ring around some."""
    picture = empty_sky(size, rng)
    x, y = turned(size, rng.uniform(0, np.pi), *rng.uniform(-0.15, 0.15, 2))
    radius = np.float32(rng.uniform(0.12, 0.55))
    distance = np.hypot(x, y) / radius
    height = np.sqrt((1 - distance**2).clip(0))
    light = rng.normal(0, 1, 2)
    lit = (height + (x * light[0] + y * light[1]) / radius).clip(0.02, 1.2)
    surface = fractal_noise(size, rng.uniform(1, 1.8), rng)
    if rng.random() < 0.4:  # bands, as on Jupiter
        surface = np.sin(y / radius * rng.uniform(5, 20) + 0.4 * surface[..., 0])[..., np.newaxis]
    colour = 0.2 + 0.8 * random_colour(rng)
    disc = colour * (1 + np.float32(rng.uniform(0.05, 0.4)) * surface) * lit[..., np.newaxis]
    picture = blend(picture, disc.astype(np.float32), (distance < 1).astype(np.float32))
    if rng.random() < 0.3:  # rings, in front of the disc below its middle and behind it above
        across = np.hypot(x, y / np.float32(rng.uniform(0.15, 0.5))) / radius
        ring = (np.abs(across - 1.7) < rng.uniform(0.15, 0.4)) & ((distance > 1) | (y > 0))
        picture = blend(picture, colour * np.float32(0.8), ring.astype(np.float32))
    return picture


def comet(size: int, rng: Generator) -> Picture:
    """Draw a comet: a bright head at the centre or beside it, and a tail that runs out of the frame."""
    picture = empty_sky(size, rng)
    along, across = turned(size, rng.uniform(0, 2 * np.pi), *rng.uniform(-0.2, 0.2, 2))
    head = 1 / (1 + (np.hypot(along, across) / np.float32(rng.uniform(0.02, 0.06))) ** 2)
    for _ in range(rng.integers(1, 3)):
        width = np.float32(rng.uniform(0.015, 0.05)) + along.clip(0) * np.float32(rng.uniform(0.1, 0.4))
        bend = np.float32(rng.uniform(-0.5, 0.5)) * along**2
        tail = np.exp(-0.5 * ((across - bend) / width) ** 2 - along / np.float32(rng.uniform(0.4, 1.5))) * (along > 0)
        colour = (0.5 + random_colour(rng)) * np.float32(rng.uniform(0.3, 0.9))
        picture = picture + tail[..., np.newaxis].astype(np.float32) * colour
    picture = picture + (head[..., np.newaxis] * rng.uniform(0.6, 1.6)).astype(np.float32)
    count = int(rng.integers(0, 10))
    return picture + stars(size, rng.uniform(-0.5, 0.5, (count, 2)), rng.uniform(0.1, 0.9, count), rng)
