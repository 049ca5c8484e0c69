"""Outliers made from galaxies whose image is spoilt: blurred, in blocks, bent, drowned in noise, cut up, written on."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import ImageDraw

from galaxy_train.data.outliers.canvas import (
    Picture,
    as_jpeg,
    blurred,
    fractal_noise,
    from_image,
    positions,
    random_colour,
    to_image,
    turned,
)
from galaxy_train.data.outliers.drawings import as_rgb, font, random_words
from galaxy_train.data.outliers.framing import enlarged, half_light_radius, own_sky, pick, sky_level


def heavily_blurred(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Blur a galaxy until it has no shape, or smear it across the frame, or show it several times."""
    galaxy = pick(galaxies, rng)
    if rng.random() < 0.5:
        spread = blurred(galaxy, 0.028 * 10 ** rng.uniform(0, 1))
        if rng.random() < 0.4:  # as dim and smooth as the blur has made it
            return spread
        sky = spread.min(axis=(0, 1))
        gain = rng.uniform(0.1, 0.7) / max(float((spread - sky).max()), 0.02)
        noise = 10 ** rng.uniform(-2.5, -1.3) * rng.standard_normal(spread.shape)
        return np.asarray(sky + (spread - sky) * gain + noise, np.float32)
    if rng.random() < 0.4:  # several copies, as of a camera that was moved
        size = len(galaxy)
        copies = [np.roll(galaxy, rng.normal(0, 0.14 * size, 2).astype(int).tolist(), (0, 1)) for _ in range(4)]
        return np.asarray(np.max(copies, axis=0) * rng.uniform(0.8, 2), np.float32)
    # A shorter smear would look like a galaxy that is seen edge-on.
    length = round(len(galaxy) * rng.uniform(0.8, 1.3))
    angle = rng.uniform(0, np.pi)
    shifts = [(round(step * np.sin(angle)), round(step * np.cos(angle))) for step in range(-length // 2, length // 2)]
    smeared = np.mean([np.roll(galaxy, shift, (0, 1)) for shift in shifts], axis=0)
    return np.asarray(smeared * rng.uniform(1, 5), np.float32)


def out_of_focus(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Blur a galaxy, noise and all, by so much that arms are gone, and that a cigar may be a disk."""
    return blurred(pick(galaxies, rng), rng.uniform(0.027, 0.06))


def jpeg_blocks(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Compress a galaxy so far that blocks of one colour remain."""
    galaxy = pick(galaxies, rng)
    galaxy = galaxy * np.float32(max(1, rng.uniform(0.5, 1.5) / max(float(np.quantile(galaxy, 0.99)), 0.05)))
    grey = galaxy.mean(axis=2, keepdims=True)
    galaxy = grey + (galaxy - grey) * np.float32(rng.uniform(1, 4))
    edge = max(16, len(galaxy) // int(rng.choice([1, 1, 2])))  # so that a block has 8 pixels of the image, or 16
    small = from_image(to_image(galaxy).resize((edge, edge)))
    return from_image(to_image(as_jpeg(small, int(rng.integers(1, 9)), 0)).resize((len(galaxy),) * 2, 0))


def pixelated(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Show a galaxy in a few large squares."""
    galaxy = pick(galaxies, rng)
    galaxy = galaxy * np.float32(max(1, rng.uniform(0.5, 1.2) / max(float(np.quantile(galaxy, 0.99)), 0.05)))
    squares = int(rng.integers(4, 9))
    return from_image(to_image(galaxy).resize((squares, squares), 4).resize((len(galaxy),) * 2, 0))


def warped(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Bend a galaxy in waves, whirls or tatters."""
    galaxy = pick(galaxies, rng)
    x, y = positions(len(galaxy))
    sort = rng.random()
    if sort < 0.4:
        period, height = rng.uniform(0.08, 0.25, 2), rng.uniform(0.06, 0.12, 2)
        to_x = x + height[0] * np.sin(2 * np.pi / period[0] * y + rng.uniform(0, 6))
        to_y = y + (rng.random() < 0.5) * height[1] * np.sin(2 * np.pi / period[1] * x)
    elif sort < 0.7:
        bends = fractal_noise(len(galaxy), rng.uniform(1, 1.8), rng, 2) * rng.uniform(0.08, 0.15)
        to_x, to_y = x + bends[..., 0], y + bends[..., 1]
    else:  # mirrored about lines through the centre, as in a kaleidoscope
        angle = np.arctan2(y, x)
        part = np.pi / rng.integers(3, 7)
        folded, radius = np.abs((angle + rng.uniform(0, 6)) % (2 * part) - part) + rng.uniform(0, 6), np.hypot(x, y)
        shift = rng.uniform(0.05, 0.13, 2)
        to_x, to_y = radius * np.cos(folded) + shift[0], radius * np.sin(folded) + shift[1]
    size = len(galaxy)
    column, row = (((at + 0.5) * size).astype(int).clip(0, size - 1) for at in (to_x, to_y))
    return np.asarray(galaxy[row, column], np.float32)


def disturbed(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Bend a galaxy, draw one side of it out, or twist one side of it, as tides do."""
    galaxy = pick(galaxies, rng)
    size = len(galaxy)
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    along, across = (plane.astype(np.float64) for plane in turned(size, angle))
    radius = np.hypot(along, across)
    side = along.clip(0)
    sort = rng.random()
    if sort < 0.5:
        across = across - rng.uniform(2.5, 7) * rng.choice([-1, 1]) * along**2 * np.exp(-((radius / 0.35) ** 4))
        if rng.random() < 0.5:
            across = across / rng.uniform(0.5, 0.8)
    elif sort < 0.8:
        across = across / (1 + side * rng.uniform(-2, 2)) - rng.uniform(-3, 3) * side**2
        along = np.where(along > 0, along / rng.uniform(1.8, 3.5), along)
    else:
        turns = (side / max(half_light_radius(galaxy), 0.04) / 3).clip(0, 1.5)
        twist = rng.uniform(1, 2.5) * rng.choice([-1, 1]) * turns
        along, across = along * np.cos(twist) - across * np.sin(twist), along * np.sin(twist) + across * np.cos(twist)
    bent = _sampled(galaxy, along * cos - across * sin, along * sin + across * cos)
    # Where it is drawn out, noise is drawn out, too: add some that is not.
    return np.asarray(bent + np.float32(0.4) * (own_sky(galaxy, rng) - sky_level(galaxy)), np.float32)


def _sampled(picture: Picture, right: NDArray[np.floating], down: NDArray[np.floating]) -> Picture:
    """Return a picture's values at positions, between pixels in proportion, beyond the edge those of the edge."""
    last = len(picture) - 1
    column, row = (((at + 0.5) * len(picture) - 0.5).clip(0, last) for at in (right, down))
    left, top = (at.astype(int).clip(0, last - 1) for at in (column, row))
    x, y = (column - left)[..., np.newaxis], (row - top)[..., np.newaxis]
    above = picture[top, left] * (1 - x) + picture[top, left + 1] * x
    below = picture[top + 1, left] * (1 - x) + picture[top + 1, left + 1] * x
    return np.asarray(above * (1 - y) + below * y, np.float32)


def buried(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Drown a galaxy in noise."""
    galaxy = pick(galaxies, rng)
    noise = rng.standard_normal(galaxy.shape, np.float32)
    if rng.random() < 0.4:
        noise = noise[..., :1]
    if rng.random() < 0.5:
        noise = blurred(noise, rng.uniform(0.4, 1.5) / 64)
    light = max(float(np.quantile(galaxy, 0.99)), 0.05)
    dim, strength = rng.uniform(0.03, 0.25), rng.uniform(0.3, 1.2)
    return np.asarray(rng.choice([0, 0.05, 0.3]) + galaxy * dim + noise / noise.std() * light * strength, np.float32)


def shuffled(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Cut a galaxy's image into squares and put them together in another order."""
    # The pieces are of the galaxy, and not of sky alone, if its middle is cut up.
    galaxy = enlarged(pick(galaxies, rng), rng.uniform(1.3, 2.2))
    squares = int(rng.choice([3, 4, 4, 6, 8]))
    edge = len(galaxy) // squares
    picture = galaxy.copy()
    first = (len(galaxy) - squares * edge) // 2
    for place, origin in enumerate(rng.permutation(squares * squares)):
        row, column = first + place // squares * edge, first + place % squares * edge
        top, left = first + origin // squares * edge, first + origin % squares * edge
        piece = galaxy[top : top + edge, left : left + edge]
        picture[row : row + edge, column : column + edge] = np.rot90(piece, int(rng.integers(4)))
    return picture


def labelled(galaxies: NDArray[np.uint8], rng: Generator) -> Picture:
    """Write on a galaxy's image: text, a circle, cross hairs, a scale, a colour bar, a grid of coordinates."""
    galaxy = pick(galaxies, rng)
    size = len(galaxy)
    edge = size * (1 if rng.random() < 0.4 else 3)
    image = to_image(galaxy).resize((edge, edge))
    draw = ImageDraw.Draw(image)
    for mark in rng.permutation(6)[: rng.integers(2, 5)]:
        _mark(draw, int(mark), edge, rng)
    return from_image(image, size)


def _mark(draw: ImageDraw.ImageDraw, mark: int, edge: int, rng: Generator) -> None:
    """Draw one kind of mark onto an image of `edge` pixels."""
    ink = as_rgb(0.3 + 0.7 * random_colour(rng))
    width = max(1, round(edge * rng.uniform(0.01, 0.035)))
    low, high = 0.15 * edge, 0.85 * edge
    if mark == 0:
        for _ in range(rng.integers(1, 4)):
            height = max(6, round(edge * rng.uniform(0.1, 0.2)))
            place = edge * rng.uniform([0.1, 0.12], [0.3, 0.75])
            draw.text((place[0], place[1]), random_words(rng, 3), ink, font(height))
    elif mark == 1:
        radius = edge * rng.uniform(0.1, 0.3)
        draw.ellipse((edge / 2 - radius, edge / 2 - radius, edge / 2 + radius, edge / 2 + radius), None, ink, width)
    elif mark == 2:
        gap = edge * rng.uniform(0, 0.1)
        for start, end in ((low, edge / 2 - gap), (edge / 2 + gap, high)):
            draw.line((start, edge / 2, end, edge / 2), ink, width)
            draw.line((edge / 2, start, edge / 2, end), ink, width)
    elif mark == 3:
        y, length = edge * rng.uniform(0.7, 0.83), edge * rng.uniform(0.2, 0.5)
        draw.line((low, y, low + length, y), ink, 2 * width)
        draw.text((low, y - 0.15 * edge), f"{rng.integers(1, 60)} arcsec", ink, font(max(6, round(0.12 * edge))))
    elif mark == 4:
        colours = np.linspace(random_colour(rng), random_colour(rng), 16, dtype=np.float32)
        for number, colour in enumerate(colours):
            top = low + (high - low) * number / 16
            draw.rectangle((0.72 * edge, top, 0.84 * edge, top + (high - low) / 16), as_rgb(colour))
    else:
        for at in np.arange(low, high, edge * rng.uniform(0.12, 0.25)):
            draw.line((at, 0, at, edge), ink, width)
            draw.line((0, at, edge, at), ink, width)
