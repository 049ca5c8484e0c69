"""Outliers made from galaxies by a change of values: negatives, exchanged channels, wrong contrast and colour."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from galaxy_train.data.outliers.canvas import Picture, blend, blurred, flat, random_colour, two_colours
from galaxy_train.data.outliers.framing import pick

#: Orders of red, green and blue, with their share. Those with green or violet galaxies come most: a galaxy whose red
#: and blue are exchanged is often like another one.
ORDERS: Final = (((1, 0, 2), 0.34), ((2, 0, 1), 0.34), ((0, 2, 1), 0.2), ((1, 2, 0), 0.07), ((2, 1, 0), 0.05))


def negative(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Show a galaxy in negative colours, or dark on a light ground of any colour."""
    galaxy = pick(galaxies, rng)
    sort = rng.random()
    if sort < 0.5:
        return 1 - galaxy
    grey = sort < 0.75
    ground = np.ones(3) * rng.uniform(0.5, 1) if grey else 0.4 + 0.6 * random_colour(rng)
    ink = np.zeros(3, np.float32) if grey else random_colour(rng) * np.float32(0.3)
    light = (galaxy.max(axis=2) * np.float32(rng.uniform(1, 2))).clip(0, 1)
    return blend(flat(len(galaxy), ground.astype(np.float32)), ink, light)


def swapped_channels(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Exchange the channels of the most coloured of four galaxies, whose colours have been made stronger."""
    galaxy = max((pick(galaxies, rng) for _ in range(4)), key=lambda one: float(np.ptp(one, axis=2).mean()))
    galaxy = _saturated(galaxy, rng.uniform(1.5, 3.5))
    order = ORDERS[rng.choice(len(ORDERS), p=[share for _, share in ORDERS])][0]
    return np.asarray(galaxy[..., list(order)], np.float32)


def posterised(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Show a galaxy in two to four levels of each channel, or of its brightness in colours of a palette."""
    galaxy = pick(galaxies, rng)
    levels = int(rng.integers(2, 5))
    stretched = (galaxy / max(float(np.quantile(galaxy, 0.995)), 0.05)).clip(0, 1) ** np.float32(rng.uniform(0.4, 1))
    if rng.random() < 0.5:
        return np.asarray(np.round(stretched * (levels - 1)) / np.float32(levels - 1), np.float32)
    palette = np.stack([random_colour(rng) for _ in range(levels + 2)])
    level = np.floor(stretched.mean(axis=2) * np.float32(levels + 1.99)).astype(int)
    return np.asarray(palette[level], np.float32)


def solarised(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Fold the brightness of a galaxy over once or several times, so that its contours show."""
    galaxy = pick(galaxies, rng)
    stretched = (galaxy / max(float(np.quantile(galaxy, 0.99)), 0.05)).clip(0, 1.5) ** np.float32(rng.uniform(0.4, 1))
    return np.asarray(np.abs((stretched * np.float32(rng.uniform(1.7, 4.5)) + 1) % 2 - 1), np.float32)


def extreme_contrast(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Overexpose a galaxy by far, drown it in a bright sky, or show nothing but noise and white."""
    galaxy = pick(galaxies, rng)
    sort = rng.random()
    if sort < 0.3:  # overexposed: sky and noise reach mid-grey and more
        return galaxy * np.float32(rng.uniform(12, 40))
    if sort < 0.55:
        return galaxy.clip(0.004, 1) ** np.float32(rng.uniform(0.12, 0.3))
    if sort < 0.75:  # black and white
        return np.repeat(galaxy.mean(axis=2, keepdims=True) > rng.uniform(0.03, 0.2), 3, axis=2).astype(np.float32)
    return np.float32(rng.uniform(0.35, 0.9)) + galaxy * np.float32(rng.uniform(0.1, 0.4))


def extreme_colour(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Show a galaxy in colours that none has: turned hues, far too strong, or brightness in a palette."""
    galaxy = pick(galaxies, rng)
    galaxy = galaxy * np.float32(max(1, 0.6 / max(float(np.quantile(galaxy, 0.99)), 0.05)))
    sort = rng.random()
    if sort < 0.35:
        return _saturated(galaxy, rng.uniform(5, 12))
    if sort < 0.7:
        light = galaxy.mean(axis=2)
        share = light / max(float(light.max()), 0.05) * np.float32(rng.uniform(1, 2))
        places = np.linspace(0, 1, 4)
        palette = np.stack([random_colour(rng) for _ in places])
        return np.stack([np.interp(share, places, palette[:, band]) for band in range(3)], axis=2).astype(np.float32)
    mixture = rng.normal(0, 1, (3, 3))  # of the channels, negative shares too
    return np.asarray(galaxy @ mixture + rng.uniform(0, 0.4, 3), np.float32)


def sketch(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Draw the outlines of a galaxy, as with a pencil, an edge filter, or as a relief lit from one side."""
    galaxy = pick(galaxies, rng)
    light = blurred(galaxy.mean(axis=2, keepdims=True), rng.uniform(0.5, 1.2) / 64)[..., 0]
    light = (light / max(float(np.quantile(light, 0.99)), 0.05)) ** np.float32(0.5)
    down, right = np.gradient(light)
    sort = rng.random()
    if sort < 0.35:
        angle = rng.uniform(0, 2 * np.pi)
        relief = 0.5 + (down * np.sin(angle) + right * np.cos(angle)) * rng.uniform(1.5, 4)
        return np.repeat(relief[..., np.newaxis], 3, axis=2).astype(np.float32)
    edges = np.hypot(down, right)
    if sort < 0.7:
        edges = np.asarray((edges / max(float(edges.max()), 0.01) * rng.uniform(1, 2)).clip(0, 1), np.float32)
    else:  # lines of equal brightness
        levels = (light * rng.uniform(2, 8)) % 1
        edges = np.asarray((levels < 0.25) & (light > 0.25), np.float32)
    ground, ink = two_colours(rng, 0.5)
    return blend(flat(len(galaxy), ground), ink, edges)


def _saturated(galaxy: Picture, factor: float) -> Picture:
    """Return a picture whose colours differ from grey by `factor` times as much."""
    grey = galaxy.mean(axis=2, keepdims=True)
    return np.asarray(grey + (galaxy - grey) * np.float32(factor), np.float32)
