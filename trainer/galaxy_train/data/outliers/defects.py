"""Outliers as a camera or a survey makes them: trails, hot columns, bands that are missing, edges of the survey."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from galaxy_train.data.outliers.canvas import (
    Picture,
    Plane,
    blend,
    blurred,
    flat,
    fractal_noise,
    random_colour,
    turned,
)
from galaxy_train.data.outliers.fields import empty_sky, glow
from galaxy_train.data.outliers.framing import moved, own_sky, pick, sky_level


def trail(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Draw trails of satellites and aeroplanes across a galaxy or empty sky."""
    picture = _exposure(galaxies, rng)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        near = rng.uniform(-0.12, 0.12, 2)
        along, across = turned(len(picture), rng.uniform(0, np.pi), near[0], near[1])
        light = np.exp(-0.5 * (across / np.float32(10 ** rng.uniform(-2.3, -1.35))) ** 2)
        if rng.random() < 0.25:  # blinking
            light = light * (np.sin(along * np.float32(rng.uniform(20, 60))) > 0)
        # A satellite crosses while one filter is exposed.
        colour = np.ones(3) if rng.random() < 0.4 else rng.permutation([1, rng.choice([0, rng.random()]), 0])
        picture = picture + (light[..., np.newaxis] * colour * rng.uniform(0.4, 1.5)).astype(np.float32)
    return picture


def cosmic_rays(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Draw many hits by particles: sharp dots and short tracks, each in one band or in all."""
    picture = _exposure(galaxies, rng)
    size = len(picture)
    for _ in range(rng.integers(15, 60)):
        steps = int(rng.integers(1, max(2, size // 6)))
        angle, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.5 / size)
        angles = angle + bend * np.arange(steps)
        row, column = (rng.uniform(0, size, (2, 1)) + np.cumsum([np.cos(angles), np.sin(angles)], axis=1)) % size
        colour = np.ones(3) if rng.random() < 0.4 else np.eye(3)[rng.integers(3)]
        picture[row.astype(int) % size, column.astype(int) % size] += (colour * rng.uniform(0.3, 1.5)).astype(
            np.float32
        )
    return picture


def hot_columns(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Draw bright or dead columns or rows across the centre, alone or many, in one band or in all."""
    picture = _exposure(galaxies, rng)
    size = len(picture)
    for number in range(int(rng.choice([1, 2, 5, 12]))):
        # The first is bright and near the centre: a dead column over dark sky would show nothing.
        first = int(size * (rng.uniform(0.25, 0.72) if number else rng.uniform(0.4, 0.58)))
        width = max(1, round(size * rng.choice([1, 1, 2, 4]) / 64))
        value = np.float32(rng.choice([0, 1]) if number else rng.uniform(0.4, 1))
        if rng.random() < 0.5:
            picture[:, first : first + width, _bands(rng)] = value
        else:
            picture[first : first + width, :, _bands(rng)] = value
    if rng.random() < 0.3:  # every column with an offset of its own
        picture = picture + rng.normal(0, 10 ** rng.uniform(-1.3, -0.6), (1, size, 3)).astype(np.float32)
    return np.rot90(picture, int(rng.integers(2)))


def bad_pixels(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Draw blocks of lost data, the first over the centre: black, white, coloured, or noise."""
    picture = _exposure(galaxies, rng)
    size = len(picture)
    for number in range(rng.integers(1, 7)):
        height, width = (size * rng.uniform(0.08 if number else 0.15, 0.4, 2)).astype(int) + 1
        top, left = (size * (rng.uniform(0.15, 0.6, 2) if number else rng.uniform(0.35, 0.48, 2))).astype(int)
        block = (slice(top, top + height), slice(left, left + width))
        if rng.random() < 0.3:
            picture[block] = rng.random(picture[block].shape, np.float32)
        else:
            picture[block] = random_colour(rng) if rng.random() < 0.7 else rng.integers(2)
    if rng.random() < 0.3:  # pixels that failed one by one
        picture[rng.random((size, size)) < rng.uniform(0.03, 0.3)] = rng.choice([0, 1])
    return picture


def bleeding(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Draw a star so bright that its charge runs along the columns across the frame."""
    picture = _exposure(galaxies, rng)
    angle = rng.choice([0, np.pi / 2])
    along, across = turned(len(picture), angle, *rng.uniform(-0.12, 0.12, 2))
    width, length = rng.uniform(0.015, 0.06), rng.uniform(0.15, 1)
    column = (np.abs(across) < width * (1 - np.abs(along) / length).clip(0)).astype(np.float32)
    glow = rng.uniform(0.1, 0.4) / (1 + (np.hypot(along, across) / 0.08) ** 2)
    picture = picture + (glow[..., np.newaxis] * (0.4 + random_colour(rng))).astype(np.float32)
    star = (np.hypot(along, across) < rng.uniform(0.03, 0.12)).astype(np.float32)
    colour = np.ones(3) if rng.random() < 0.6 else (random_colour(rng) + 0.2).clip(0.3)
    return blend(picture, colour.astype(np.float32), blurred(np.maximum(column, star), 0.5 / 64))


def halo(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Draw reflections within the camera: rings and discs of light, beside the centre or around it."""
    picture = _exposure(galaxies, rng)
    for _ in range(rng.integers(1, 5)):
        x, y = turned(len(picture), 0, *rng.uniform(-0.3, 0.3, 2))
        radius, width = np.hypot(x, y), rng.uniform(0.12, 0.4)
        disc = _disc(radius, width)
        if rng.random() < 0.7:  # the shadow of the mirror in its middle
            disc = disc - _disc(radius, width * rng.uniform(0.3, 0.85))
        colour = (0.3 + random_colour(rng)) * np.float32(rng.uniform(0.25, 0.7))
        picture = picture + disc[..., np.newaxis] * colour
    return picture


def star_glow(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Draw the coloured glow of a star in the frame or beside it, with spikes and a core in some, over a galaxy."""
    picture = _exposure(galaxies, rng) if rng.random() < 0.3 else pick(galaxies, rng)
    size, bearing, distance = len(picture), rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.75)
    x, y = float(distance * np.cos(bearing)), float(distance * np.sin(bearing))
    radius = np.hypot(*turned(size, 0, x, y))
    extent = np.float32(rng.uniform(0.08, 0.5))
    if rng.random() < 0.6:
        light = 1 / (1 + (radius / extent) ** np.float32(rng.uniform(1.5, 4)))
    else:
        light = np.exp(-radius / extent)
    # A star outside shows its glow no less: the frame's brightest pixel sets the level.
    light = light / light.max() * np.float32(rng.uniform(0.25, 1.3))
    picture = picture + light[..., np.newaxis] * (_vivid(rng) * np.float32(0.8) + np.float32(0.2 * rng.random()))
    if rng.random() < 0.5:
        spikes = glow(size, x, y, 10 ** rng.uniform(-0.5, 0.5), 2, rng)
        picture = picture + _vivid(rng) * spikes[..., np.newaxis]
    if rng.random() < 0.5:
        core = np.exp(-((radius / np.float32(rng.uniform(0.02, 0.1))) ** 8))
        picture = blend(picture, _vivid(rng) * np.float32(0.4) + np.float32(0.6), core)
    return picture


def tinted_sky(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Raise the sky to a level of a strong colour, with coarse noise, and another level beyond an edge in some."""
    picture = _exposure(galaxies, rng)
    size = len(picture)
    colour = _vivid(rng) * rng.uniform(0.3, 1) + rng.uniform(0, 0.5)
    sky = colour / colour.max() * rng.uniform(0.1, 0.75)
    noise = fractal_noise(size, rng.uniform(0, 0.8), rng, 3) * 10 ** rng.uniform(-2.5, -1.2)
    picture = (picture - sky_level(picture)) * rng.uniform(0.5, 1.5) + sky + noise
    if rng.random() < 0.3:
        along, _ = turned(size, rng.uniform(0, 2 * np.pi), *rng.uniform(-0.1, 0.1, 2))
        step = (along > rng.uniform(-0.1, 0.25)) * rng.uniform(0.1, 0.4)
        picture = picture + step[..., np.newaxis] * _vivid(rng)
    return np.asarray(picture, np.float32)


def half_blank(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Cut off a large part at the edge of the survey: black, white or grey, along a straight line or in a corner."""
    picture = pick(galaxies, rng)
    along, across = turned(len(picture), rng.choice([0, np.pi / 2, np.pi, rng.uniform(0, 2 * np.pi)]))
    cut = along > rng.uniform(-0.2, 0.06)
    if rng.random() < 0.25:
        cut |= across > rng.uniform(-0.1, 0.15)
    sort = rng.random()
    colour = np.zeros(3) if sort < 0.4 else np.ones(3) if sort < 0.65 else random_colour(rng)
    # A black cut across black sky would show nothing: lift the sky a little.
    lifted = picture + np.float32(0 if colour.max() > 0.2 else rng.uniform(0.05, 0.2))
    return blend(lifted, flat(len(picture), colour.astype(np.float32)), cut.astype(np.float32))


def seam(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Join two exposures through the centre that differ in place, brightness, colour or sharpness."""
    first = pick(galaxies, rng)
    size = len(first)
    second = pick(galaxies, rng) if rng.random() < 0.5 else first
    right, down = (size * rng.uniform(-0.35, 0.35, 2)).astype(int).tolist()
    gain, level = rng.uniform(0.7, 2.5, 3).astype(np.float32), np.float32(rng.uniform(0.05, 0.3)) * random_colour(rng)
    second = moved(second, right, down, rng) * gain + level
    if rng.random() < 0.4:
        second = blurred(second, rng.uniform(1, 4) / 64)
    along, _ = turned(size, rng.choice([0, np.pi / 2, rng.uniform(0, 2 * np.pi)]), *rng.uniform(-0.08, 0.08, 2))
    return blend(first, second, (along > 0).astype(np.float32))


def missing_band(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Leave one band dark."""
    galaxy = pick(galaxies, rng)
    picture = _bright(galaxy, rng) if rng.random() < 0.3 else galaxy
    picture[..., rng.integers(3)] = 0
    return picture


def single_band(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Keep one band and leave the other two dark."""
    picture = _bright(pick(galaxies, rng), rng)
    band = picture[..., rng.integers(3)].copy()
    picture[:] = 0
    picture[..., rng.integers(3)] = band
    return picture


def saturated_band(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Set one or two bands to their largest value, or near to it, everywhere."""
    picture = pick(galaxies, rng)
    picture[..., rng.permutation(3)[: rng.integers(1, 3)]] = rng.choice([1, rng.uniform(0.5, 1)])
    return picture


def _vivid(rng: Generator) -> NDArray[np.float32]:
    """Draw a saturated colour, whose strongest channel is 1."""
    parts = rng.dirichlet([0.5, 0.5, 0.5])
    return np.asarray(parts / parts.max(), np.float32)


def _disc(radius: Plane, width: float) -> Plane:
    """Return 1 within `width` of the centre and 0 outside, with an edge that is a pixel or so wide."""
    return np.asarray(0.5 - 0.5 * np.tanh((radius - width) * 100), np.float32)


def _exposure(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Return a galaxy, its own sky, or other sky."""
    sort = rng.random()
    if sort < 0.6:
        return pick(galaxies, rng)
    return own_sky(pick(galaxies, rng), rng) if sort < 0.75 else empty_sky(galaxies.shape[1], rng)


def _bands(rng: Generator) -> slice:
    """Return one band, or all three."""
    band = int(rng.integers(3))
    return slice(None) if rng.random() < 0.6 else slice(band, band + 1)


def _bright(galaxy: Picture, rng: Generator) -> Picture:
    """Return a galaxy at least as bright as others, so that its colour shows."""
    return galaxy * np.float32(max(1, rng.uniform(0.4, 1) / max(float(np.quantile(galaxy, 0.99)), 0.05)))
