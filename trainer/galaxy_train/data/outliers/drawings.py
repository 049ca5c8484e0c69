"""Outliers that a computer draws: text, shapes, lines, plots, regular patterns."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from galaxy_train.data.outliers.canvas import (
    Picture,
    blend,
    flat,
    fractal_noise,
    from_image,
    positions,
    random_colour,
    rounded_to_pixels,
    turned,
    two_colours,
    vary,
)

WORDS: Final = (
    *("Figure", "NGC", "no image", "error", "404", "2MASS", "SDSS", "the", "galaxy", "spiral", "of", "and", "N", "E"),
    *("10 arcsec", "z = 0.05", "R.A.", "Dec.", "not found", "OK", "Cancel", "File", "Edit", "12:30", "copyright", "a"),
)
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789?!&%#@*+"


@lru_cache(maxsize=64)
def font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font in a size, in pixels."""
    return ImageFont.load_default(size=height)


def as_rgb(colour: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> tuple[int, int, int]:
    """Return a colour as Pillow takes it."""
    red, green, blue = rounded_to_pixels(colour).tolist()
    return red, green, blue


def random_words(rng: Generator, count: int) -> str:
    """Return words, numbers and strings of letters."""
    words = [
        str(rng.choice(WORDS)) if rng.random() < 0.6 else "".join(rng.choice(list(LETTERS), rng.integers(1, 9)))
        for _ in range(count)
    ]
    return " ".join(words)


def blank(size: int, colour: tuple[int, int, int], rng: Generator) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """Return an empty image, what draws in it, and its edge: larger than `size` for smooth outlines, or equal to it."""
    edge = size * (1 if rng.random() < 0.3 else 3)
    image = Image.new("RGB", (edge, edge), colour)
    return image, ImageDraw.Draw(image), edge


def text(size: int, rng: Generator) -> Picture:
    """Draw lines of text, light on dark or dark on light, level or at an angle."""
    ground, ink = two_colours(rng, 0.4)
    image, draw, edge = blank(size, as_rgb(ground), rng)
    height = max(6, round(edge * rng.uniform(0.09, 0.3)))
    y = rng.uniform(-0.05, 0.25) * edge
    while y < edge * rng.uniform(0.6, 1):
        left = rng.uniform(-0.1, 0.25) * edge
        draw.text((left, y), random_words(rng, int(rng.integers(1, 6))), as_rgb(ink), font(height))
        y += height * rng.uniform(1, 1.8)
    if rng.random() < 0.3:
        image = image.rotate(rng.uniform(-90, 90), Image.Resampling.BICUBIC, fillcolor=as_rgb(ground))
    return vary(from_image(image, size), rng)


def letter(size: int, rng: Generator) -> Picture:
    """Draw one letter, digit or sign, or a few, large as in a logo."""
    ground, ink = two_colours(rng, 0.4)
    image, draw, edge = blank(size, as_rgb(ground), rng)
    signs = "".join(rng.choice(list(LETTERS), rng.integers(1, 4)))
    height = round(edge * rng.uniform(0.4, 1) / len(signs) ** 0.5)
    middle = tuple(edge * rng.uniform(0.4, 0.6, 2))
    draw.text(
        (middle[0], middle[1]), signs, as_rgb(ink), font(height), anchor="mm", stroke_width=int(rng.integers(0, 3))
    )
    if rng.random() < 0.3:
        image = image.rotate(rng.uniform(-60, 60), Image.Resampling.BICUBIC, fillcolor=as_rgb(ground))
    return vary(from_image(image, size), rng)


def shapes(size: int, rng: Generator) -> Picture:
    """Draw circles, rectangles, triangles and polygons, filled or in outline."""
    image, draw, edge = blank(size, as_rgb(random_colour(rng)), rng)
    count = int(rng.integers(1, 9))
    for _ in range(count):
        x, y = edge * rng.uniform(0.2, 0.8, 2)
        radius = edge * rng.uniform(0.1, 0.4) / count**0.3
        corners = int(rng.choice([0, 3, 4, 4, 5, 6, 8]))
        colour = as_rgb(random_colour(rng))
        filled = rng.random() < 0.6
        paint, outline = (colour, None) if filled else (None, colour)
        width = max(1, round(edge * rng.uniform(0.01, 0.06)))
        if not corners:
            squeeze = rng.uniform(0.3, 1)
            draw.ellipse((x - radius, y - radius * squeeze, x + radius, y + radius * squeeze), paint, outline, width)
        elif corners == 4 and rng.random() < 0.5:
            squeeze = rng.uniform(0.2, 1)
            draw.rectangle((x - radius, y - radius * squeeze, x + radius, y + radius * squeeze), paint, outline, width)
        else:
            draw.regular_polygon((x, y, radius), corners, rng.uniform(0, 360), paint, outline, width)
    return vary(from_image(image, size), rng)


def lines(size: int, rng: Generator) -> Picture:
    """Draw straight and bent lines and scribbles."""
    image, draw, edge = blank(size, as_rgb(random_colour(rng)), rng)
    for _ in range(rng.integers(2, 13)):
        points = edge * rng.uniform(-0.1, 1.1, (int(rng.choice([2, 2, 2, 4, 9])), 2))
        width = max(1, round(edge * rng.uniform(0.01, 0.06)))
        draw.line([(float(x), float(y)) for x, y in points], as_rgb(random_colour(rng)), width)
    return vary(from_image(image, size), rng)


def checkerboard(size: int, rng: Generator) -> Picture:
    """Draw a board of two colours or many, level or at an angle, and grids."""
    first, second = two_colours(rng)
    along, across = turned(size, rng.choice([0, rng.uniform(0, np.pi)]), *rng.uniform(-0.1, 0.1, 2))
    step = np.float32(rng.uniform(0.05, 0.25))
    column, row = np.floor(along / step).astype(int), np.floor(across / step).astype(int)
    sort = rng.random()
    if sort < 0.45:
        return vary(blend(flat(size, first), second, ((column + row) % 2).astype(np.float32)), rng)
    if sort < 0.7:  # a grid
        width = np.float32(rng.uniform(0.08, 0.35))
        on = ((along / step) % 1 < width) | ((across / step) % 1 < width)
        return vary(blend(flat(size, first), second, on.astype(np.float32)), rng)
    palette = np.stack([random_colour(rng) for _ in range(int(rng.choice([2, 5, 17])))])
    cells = rng.integers(0, len(palette), (64, 64))
    return vary(palette[cells[row % 64, column % 64]], rng)


def stripes(size: int, rng: Generator) -> Picture:
    """Draw stripes of equal or changing width, waves, rings and bar codes."""
    first, second = two_colours(rng)
    along, across = turned(size, rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]))
    period = rng.uniform(0.05, 0.35)
    sort = rng.random()
    if sort < 0.3:  # a bar code
        code = rng.integers(0, 2, 128).astype(np.float32)
        share = code[np.floor(along / np.float32(rng.uniform(0.02, 0.06))).astype(int) % 128]
    else:
        if sort < 0.45:
            along = along + np.float32(rng.uniform(0.02, 0.1)) * np.sin(across * np.float32(rng.uniform(6, 30)))
        elif sort < 0.6:
            along = np.hypot(along - np.float32(rng.uniform(0, 0.5)), across)
        share = 0.5 + 0.5 * np.sin(along * np.float32(2 * np.pi / period) + np.float32(rng.uniform(0, 6)))
        if rng.random() < 0.5:
            share = (share > rng.uniform(0.2, 0.8)).astype(np.float32)
    return vary(blend(flat(size, first), second, share), rng)


def regions(size: int, rng: Generator) -> Picture:
    """Draw regions of different colours, with borders between them in some, as on a map or a stained-glass window."""
    points = rng.uniform(-0.6, 0.6, (int(rng.integers(4, 40)), 2)).astype(np.float32)
    x, y = positions(size)
    if rng.random() < 0.4:  # borders that wind
        bends = fractal_noise(size, rng.uniform(1.2, 1.8), rng, 2) * np.float32(rng.uniform(0.01, 0.06))
        x, y = x + bends[..., 0], y + bends[..., 1]
    squares = (x[..., np.newaxis] - points[:, 0]) ** 2 + (y[..., np.newaxis] - points[:, 1]) ** 2
    palette = np.stack([random_colour(rng) for _ in range(int(rng.integers(2, 9)))])
    picture = np.asarray(palette[squares.argmin(axis=2) % len(palette)], np.float32)
    if rng.random() < 0.6:
        nearest = np.sqrt(np.partition(squares, 1, axis=2)[..., :2])
        border = np.asarray(nearest[..., 1] - nearest[..., 0] < rng.uniform(0.01, 0.04), np.float32)
        picture = blend(picture, random_colour(rng), border)
    return vary(picture, rng)
