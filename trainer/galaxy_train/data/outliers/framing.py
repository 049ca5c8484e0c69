"""Outliers made from galaxies in a wrong frame: off-centre, too close, too far, several in one."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from galaxy_train.data.outliers.canvas import Picture, blend, blurred, from_image, from_pixels, positions, to_image
from galaxy_train.data.outliers.fields import stars

#: How many galaxies are looked at to find one of the colour of another.
CANDIDATES: Final = 6


def pick(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Return one of the galaxies, turned by quarters, mirrored, and a little brighter or darker, at random."""
    galaxy = np.rot90(galaxies[rng.integers(len(galaxies))], int(rng.integers(4)))
    return from_pixels(galaxy[::-1] if rng.random() < 0.5 else galaxy) * np.float32(rng.uniform(0.8, 1.2))


def sky_level(galaxy: Picture) -> NDArray[np.float32]:
    """Return the level of the sky in each band: the median of the image's border."""
    return np.asarray(np.median(_border(galaxy), axis=0), np.float32)


def own_sky(galaxy: Picture, rng: Generator) -> Picture:
    """Draw sky with the level and the noise that the border of a galaxy's image has."""
    # Stars on the border would count as noise: take the deviation from the middle half, as of a normal distribution.
    low, level, high = np.quantile(_border(galaxy), [0.25, 0.5, 0.75], axis=0)
    noise = blurred(rng.standard_normal(galaxy.shape, np.float32), 0.7 / 64)
    return np.asarray(level + noise / noise.std() * ((high - low) / 1.349).clip(0.004), np.float32)


def _border(galaxy: Picture) -> NDArray[np.float32]:
    """Return the pixels along the four edges, (N, 3)."""
    width = max(2, len(galaxy) // 16)
    edges = galaxy[:width], galaxy[-width:], galaxy[:, :width], galaxy[:, -width:]
    return np.concatenate([edge.reshape(-1, 3) for edge in edges])


def moved(galaxy: Picture, right: int, down: int, rng: Generator) -> Picture:
    """Move a galaxy by pixels and fill with its own sky, softly joined."""
    size = len(galaxy)
    ground = own_sky(galaxy, rng)
    x, y = positions(size)
    inside = 0.5 - np.maximum(np.abs(x - np.float32(right / size)), np.abs(y - np.float32(down / size)))
    return blend(ground, np.roll(galaxy, (down, right), (0, 1)), (inside * 16).clip(0, 1))


def shrunk(galaxy: Picture, zoom: float, rng: Generator) -> Picture:
    """Show a galaxy smaller, in a wider field of its own sky."""
    size = len(galaxy)
    edge = max(3, round(size * zoom))
    small = from_image(to_image(galaxy).resize((edge, edge), Image.Resampling.LANCZOS))
    offset = ((np.arange(edge) + 0.5) / edge - 0.5).astype(np.float32)
    inside = (0.5 - np.maximum(np.abs(offset), np.abs(offset[:, np.newaxis]))) * 6
    picture = own_sky(galaxy, rng)
    first = (size - edge) // 2
    window = (slice(first, first + edge), slice(first, first + edge))
    picture[window] = blend(picture[window], small, inside.clip(0, 1))
    return picture


def enlarged(galaxy: Picture, zoom: float) -> Picture:
    """Show the centre of a galaxy larger."""
    size = len(galaxy)
    half = size / zoom / 2
    box = (size / 2 - half, size / 2 - half, size / 2 + half, size / 2 + half)
    return from_image(to_image(galaxy).resize((size, size), Image.Resampling.BICUBIC, box))


def half_light_radius(galaxy: Picture) -> float:
    """Return the radius that holds half of the light around the centre, in parts of the edge."""
    x, y = positions(len(galaxy))
    radius = np.hypot(x, y)
    light = galaxy.mean(axis=2) - np.median(galaxy)
    light = (light * (radius < 0.35)).clip(0.02) - 0.02  # neighbours and noise left out
    order = np.argsort(radius, axis=None)
    inside = np.cumsum(light.ravel()[order])
    return float(radius.ravel()[order][np.searchsorted(inside, inside[-1] / 2)])


def off_centre(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Move a galaxy by 22 to 50 % of the edge, in any direction; less does not keep a network from judging it."""
    galaxy = pick(galaxies, rng)
    size, angle = len(galaxy), rng.uniform(0, 2 * np.pi)
    reach = max(abs(np.cos(angle)), abs(np.sin(angle)))  # the larger of both offsets shall be in that range
    distance = rng.uniform(0.22, 0.5) * size / reach
    return moved(galaxy, round(distance * np.cos(angle)), round(distance * np.sin(angle)), rng)


def zoomed_in(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Show the core of a galaxy alone: zoomed by 3.5 or more, and so that half of its light fills the frame."""
    galaxy = pick(galaxies, rng)
    least = max(3.5, 0.36 / max(half_light_radius(galaxy), 0.01))
    picture = enlarged(galaxy, min(least * rng.uniform(1, 2), 12)) * np.float32(rng.uniform(0.7, 2))
    if rng.random() < 0.5:  # with noise of its own, as a camera takes it
        picture = picture + np.float32(10 ** rng.uniform(-2.3, -1.3)) * rng.standard_normal(picture.shape, np.float32)
    return picture


def zoomed_out(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Show a galaxy at half of its size or less, in some as a speck, of whose light half lies within a few pixels."""
    galaxy = pick(galaxies, rng)
    if rng.random() < 0.6:
        zoom = rng.uniform(0.35, 0.52)
    else:
        zoom = min(0.5, 0.045 / max(half_light_radius(galaxy), 0.01)) * rng.uniform(0.5, 1)
    picture = shrunk(galaxy, zoom, rng)
    count = int(rng.integers(0, 8))
    return picture + stars(len(picture), rng.uniform(-0.5, 0.5, (count, 2)), rng.uniform(0.02, 0.4, count), rng)


def tiled(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Put two, four or nine galaxies into one frame, each in a tile of its own."""
    size = galaxies.shape[1]
    columns, rows = ((2, 2), (2, 2), (2, 1), (1, 2), (3, 3))[rng.integers(5)]
    width, height = -(-size // columns), -(-size // rows)
    edge = round(max(width, height) * rng.uniform(1, 1.8))
    frame = Image.new("RGB", (size, size))
    for row in range(rows):
        for column in range(columns):
            tile = to_image(pick(galaxies, rng)).resize((edge, edge), Image.Resampling.LANCZOS)
            left, top = (edge - width) // 2, (edge - height) // 2
            tile = tile.crop((left, top, left + width, top + height))
            frame.paste(tile, (column * size // columns, row * size // rows))
    return from_image(frame)


def pair(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Put two galaxies of like brightness side by side, overlapping or not, as in a merger."""
    first, second = pick(galaxies, rng), pick(galaxies, rng)
    above = [galaxy - sky_level(galaxy) for galaxy in (first, second)]
    brightness = [max(float(light.max()), 0.05) for light in above]
    second = sky_level(second) + above[1] * np.float32(min(brightness[0] / brightness[1], 3))
    size, angle = len(first), rng.uniform(0, 2 * np.pi)
    reach = half_light_radius(first) + half_light_radius(second)
    distance = min(max(0.09, rng.uniform(0.5, 1.1) * reach), 0.24) * size
    right, down = round(distance * np.cos(angle)), round(distance * np.sin(angle))
    added = moved(second, -right, -down, rng) - sky_level(second)
    return np.asarray(moved(first, right, down, rng) + added.clip(0), np.float32)


def blended(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Put one to five further galaxies over a galaxy, close to it and mostly of its colour."""
    first = pick(galaxies, rng)
    size = len(first)
    peak = max(float((first - sky_level(first)).max()), 0.1)
    # Its own neighbours would be added as well: fade them out.
    near = ((0.42 - np.hypot(*positions(size))) * 8).clip(0, 1)[..., np.newaxis]
    count = int(rng.choice([1, 1, 2, 3, 5]))
    reach = (0.06, 0.17) if count < 3 else (0.08, 0.35)
    picture, offsets = first, []
    for _ in range(count):
        other = _of_colour(galaxies, first, rng) if rng.random() < 0.8 else pick(galaxies, rng)
        zoom = rng.uniform(0.5, 1)
        if zoom < 0.85:
            other = shrunk(other, zoom, rng)
        light = ((other - sky_level(other)) * near).clip(0)
        bearing, distance = rng.uniform(0, 2 * np.pi), rng.uniform(*reach) * size
        offset = round(distance * np.sin(bearing)), round(distance * np.cos(bearing))
        offsets.append(offset)
        strength = peak * rng.uniform(0.4, 1.2) / max(float(light.max()), 0.05)
        picture = picture + np.roll(light, offset, (0, 1)) * np.float32(strength)
    if count < 3 and rng.random() < 0.6:  # the cutout's centre between them
        down, right = (-sum(along) // 2 for along in zip(*offsets, strict=True))
        picture = moved(picture, right, down, rng)
    return np.asarray(picture, np.float32)


def _of_colour(galaxies: NDArray[np.uint8], first: Picture, rng: Generator) -> Picture:
    """Return that galaxy, of some, whose core is most like another one's in colour."""
    wanted = _core_colour(first)
    candidates = [pick(galaxies, rng) for _ in range(CANDIDATES)]
    return min(candidates, key=lambda galaxy: float(np.abs(_core_colour(galaxy) - wanted).sum()))


def _core_colour(galaxy: Picture) -> NDArray[np.float32]:
    """Return each band's part in the light of the central tenth."""
    middle, half = len(galaxy) // 2, max(1, len(galaxy) // 20)
    core = galaxy[middle - half : middle + half, middle - half : middle + half] - sky_level(galaxy)
    light = core.mean(axis=(0, 1))
    return np.asarray(light / max(float(light.sum()), 0.05), np.float32)
