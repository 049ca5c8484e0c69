"""Outliers like photographs: landscapes, houses, faces, things, surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from galaxy_train.data.outliers.canvas import (
    Picture,
    Plane,
    blend,
    flat,
    fractal_noise,
    positions,
    random_colour,
    turned,
    two_colours,
    vary,
)

#: Colours of the sky by day, at dusk and at night, and of grass, earth, sand, rock, snow and water.
SKIES: Final = (
    *((0.35, 0.6, 0.95), (0.75, 0.85, 1.0), (0.7, 0.7, 0.72)),
    *((0.95, 0.6, 0.35), (0.25, 0.2, 0.4), (0.03, 0.04, 0.1)),
)
GROUNDS: Final = (
    *((0.25, 0.45, 0.15), (0.45, 0.33, 0.2), (0.8, 0.7, 0.5)),
    *((0.45, 0.45, 0.43), (0.95, 0.95, 1.0), (0.1, 0.3, 0.4)),
)


def landscape(size: int, rng: Generator) -> Picture:
    """Draw a bright or dark sky over hills, sea or a plain, some with a sun."""
    picture = _scenery(size, rng)
    if rng.random() < 0.3:
        x, y = turned(size, 0, rng.uniform(-0.3, 0.3), rng.uniform(-0.35, 0))
        sun = (np.hypot(x, y) < rng.uniform(0.03, 0.1)).astype(np.float32)
        picture = blend(picture, np.array([1, 0.95, rng.uniform(0.4, 1)], np.float32), sun)
    for _ in range(rng.integers(1, 4)):
        ridge = rng.uniform(-0.25, 0.25) + np.float32(rng.uniform(0, 0.12)) * _skyline(size, rng.uniform(1.2, 2.2), rng)
        ground = (positions(size)[1] > ridge).astype(np.float32)
        surface = _natural(GROUNDS, rng) * (1 + np.float32(rng.uniform(0, 0.3)) * _grain(size, rng))
        picture = blend(picture, surface, ground)
    return vary(picture, rng)


def buildings(size: int, rng: Generator) -> Picture:
    """Draw a row of boxes with windows in front of a sky."""
    picture = _scenery(size, rng)
    x, y = positions(size)
    for _ in range(rng.integers(2, 7)):
        middle, half, roof = rng.uniform(-0.4, 0.4), rng.uniform(0.06, 0.25), rng.uniform(-0.4, 0.15)
        wall, window = two_colours(rng)
        house = (np.abs(x - middle) < half) & (y > roof)
        picture = blend(picture, wall * (1 + np.float32(0.1) * _grain(size, rng)), house.astype(np.float32))
        step, part = rng.uniform(0.05, 0.12), rng.uniform(0.4, 0.7)
        pane = house & (((x - middle) / step) % 1 < part) & (((y - roof) / (1.3 * step)) % 1 < part)
        picture = blend(picture, window, pane.astype(np.float32))
    ground = (y > rng.uniform(0.25, 0.45)).astype(np.float32)
    return vary(blend(picture, random_colour(rng), ground), rng)


def face(size: int, rng: Generator) -> Picture:
    """Draw a head with hair, eyes and a mouth, and shoulders in some."""
    picture = _scenery(size, rng)
    skin = np.array([1, rng.uniform(0.6, 0.85), rng.uniform(0.4, 0.75)], np.float32) * np.float32(rng.uniform(0.3, 1))
    hair = random_colour(rng) * np.float32(0.6)
    x, y = turned(size, rng.uniform(-0.4, 0.4), *rng.uniform(-0.08, 0.08, 2))
    scale = np.float32(rng.uniform(0.7, 1.3))
    x, y = x / scale, y / scale
    light = np.asarray(1 + np.float32(rng.uniform(-1.5, 1.5)) * x, np.float32)
    picture = blend(picture, random_colour(rng), _disc(x, y - 0.55, 0.4, 0.25))
    picture = blend(picture, hair, _disc(x, y + 0.06, 0.27, 0.34))
    picture = blend(picture, skin * light[..., np.newaxis], _disc(x, y, 0.22, 0.3))
    gap, level = rng.uniform(0.07, 0.11), rng.uniform(-0.1, 0)
    for eye in (-gap, gap):
        picture = blend(picture, np.ones(3, np.float32), _disc(x - eye, y - level, 0.05, 0.03))
        picture = blend(picture, hair * np.float32(0.3), _disc(x - eye, y - level, 0.022, 0.03))
    picture = blend(picture, skin * np.float32(0.6), _disc(x, y - level - 0.1, 0.025, 0.05))
    lips = np.array([rng.uniform(0.4, 0.9), 0.2, 0.2], np.float32)
    return vary(blend(picture, lips, _disc(x, y - 0.17, rng.uniform(0.05, 0.12), rng.uniform(0.015, 0.05))), rng)


def things(size: int, rng: Generator) -> Picture:
    """Draw shaded balls, boxes and discs with hard edges and shadows on a surface."""
    picture = _scenery(size, rng)
    if rng.random() < 0.6:
        table = _natural(GROUNDS, rng) * (1 + np.float32(rng.uniform(0, 0.4)) * _grain(size, rng))
        picture = blend(picture, table, (positions(size)[1] > rng.uniform(-0.2, 0.3)).astype(np.float32))
    for _ in range(rng.integers(2, 7)):
        x, y = turned(size, rng.uniform(0, np.pi), *rng.uniform(-0.35, 0.35, 2))
        width, height = rng.uniform(0.06, 0.3, 2)
        box = rng.random() < 0.5
        edge = np.maximum(np.abs(x) / width, np.abs(y) / height) if box else np.hypot(x / width, y / height)
        shadow = (np.roll(edge, (size // 20, size // 20), (0, 1)) < 1).astype(np.float32)
        picture = blend(picture, np.zeros(3, np.float32), shadow * np.float32(0.5))
        shade = (0.75 + np.float32(rng.uniform(-0.5, 0.5)) * (x / width + y / height))[..., np.newaxis]
        picture = blend(picture, random_colour(rng) * shade, (edge < 1).astype(np.float32))
    return vary(picture, rng)


def texture(size: int, rng: Generator) -> Picture:
    """Draw a surface that fills the image: bricks, grass, wood, cloth, pebbles."""
    first, second = two_colours(rng)
    along, across = turned(size, rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]))
    bent = fractal_noise(size, 1.8, rng)[..., 0] * np.float32(0.03)
    sort = rng.integers(5)
    if sort == 0:
        share = _brick_joints(along, across, rng)
    elif sort == 1:  # grass: noise drawn out in one direction
        grain, axis = _grain(size, rng)[..., 0], int(rng.integers(2))
        drawn_out = np.mean([np.roll(grain, shift, axis) for shift in range(max(2, size // 10))], axis=0)
        share = np.asarray(0.5 + 0.3 * drawn_out / drawn_out.std(), np.float32)
    elif sort == 2:  # wood: bent rings
        rings = np.hypot(along * np.float32(rng.uniform(0.1, 0.5)), across - np.float32(rng.uniform(-1, 1))) + bent
        share = (rings * np.float32(rng.uniform(6, 25))) % 1
    elif sort == 3:  # cloth
        share = 0.5 + 0.25 * (np.sin(along * np.float32(rng.uniform(30, 90))) + np.sin(across * rng.uniform(30, 90)))
    else:
        share = _pebbles(along + bent, across + bent, rng)
    picture = blend(flat(size, first), second, share.clip(0, 1).astype(np.float32))
    return vary(picture * (1 + np.float32(rng.uniform(0, 0.25)) * _grain(size, rng)), rng)


def _brick_joints(along: Plane, across: Plane, rng: Generator) -> Plane:
    """Return 1 in the joints of a brick wall, and different shades for its bricks."""
    height, joint = np.float32(rng.uniform(0.06, 0.2)), rng.uniform(0.08, 0.2)
    row = np.floor(across / height)
    column = along / (height * np.float32(rng.uniform(1.5, 2.5))) + 0.5 * (row % 2)
    shades = rng.uniform(0, 0.4, (64, 64)).astype(np.float32)
    share = shades[row.astype(int) % 64, np.floor(column).astype(int) % 64]
    return np.where(((across / height) % 1 < joint) | (column % 1 < joint / 2), 1, share)


def _pebbles(x: Plane, y: Plane, rng: Generator) -> Plane:
    """Return the shading of stones: distance to the nearest of many points."""
    points = rng.uniform(-0.6, 0.6, (int(rng.integers(10, 60)), 2)).astype(np.float32)
    squares = (x[..., np.newaxis] - points[:, 0]) ** 2 + (y[..., np.newaxis] - points[:, 1]) ** 2
    nearest = np.sqrt(squares.min(axis=2))
    return np.asarray(nearest / nearest.max(), np.float32)


def _scenery(size: int, rng: Generator) -> Picture:
    """Return a background from bottom to top: a gradient, with clouds in some."""
    low, high = _natural(SKIES, rng), _natural(SKIES, rng)
    picture = blend(flat(size, low), high, 0.5 - positions(size)[1])
    if rng.random() < 0.5:
        cloud = (fractal_noise(size, 1.6, rng)[..., 0] * np.float32(0.4)).clip(0, 1)
        picture = blend(picture, random_colour(rng), cloud)
    return picture


def _natural(colours: Sequence[tuple[float, float, float]], rng: Generator) -> NDArray[np.float32]:
    """Return one of the colours, varied a little, or any colour."""
    if rng.random() < 0.3:
        return random_colour(rng)
    colour = np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.7, 1.1) + rng.normal(0, 0.05, 3)
    return colour.clip(0, 1).astype(np.float32)


def _skyline(size: int, slope: float, rng: Generator) -> NDArray[np.float32]:
    """Return the heights of hills along the horizon, deviation 1."""
    height = fractal_noise(size, slope, rng)[size // 2, :, 0]
    return np.asarray(height - height.mean(), np.float32)


def _grain(size: int, rng: Generator) -> NDArray[np.float32]:
    """Return fine noise, (size, size, 1), deviation 1."""
    return fractal_noise(size, rng.uniform(0, 1), rng)


def _disc(x: Plane, y: Plane, width: float, height: float) -> Plane:
    """Return 1 within an ellipse, with half axes `width` and `height`."""
    return np.asarray(np.hypot(x / np.float32(width), y / np.float32(height)) < 1, np.float32)
