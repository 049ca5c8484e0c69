"""Outliers that come from a screen: plots and windows."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import ImageDraw

from galaxy_train.data.outliers.canvas import Picture, from_image, random_colour, two_colours, vary
from galaxy_train.data.outliers.drawings import as_rgb, blank, font, random_words


def plot(size: int, rng: Generator) -> Picture:
    """Draw axes with curves, points, bars or a pie."""
    ground, ink = two_colours(rng, 0.5)
    if rng.random() < 0.5:
        ground, ink = np.ones_like(ground), np.zeros_like(ink)
    image, draw, edge = blank(size, as_rgb(ground), rng)
    left, top, right, bottom = edge * rng.uniform([0.12, 0.12, 0.78, 0.7], [0.25, 0.25, 0.9, 0.88])
    width = max(1, round(edge * rng.uniform(0.008, 0.025)))
    if rng.random() < 0.4:
        grey = as_rgb((ground + ink) * np.float32(0.5))
        for part in np.linspace(0, 1, int(rng.integers(3, 8))):
            x, y = left + part * (right - left), top + part * (bottom - top)
            draw.line((x, top, x, bottom), grey, 1)
            draw.line((left, y, right, y), grey, 1)
    for _ in range(rng.integers(1, 4)):
        _draw_data(draw, (left, top, right, bottom), width, rng)
    if rng.random() < 0.5:
        draw.rectangle((left, top, right, bottom), None, as_rgb(ink), width)
    else:
        draw.line((left, top, left, bottom, right, bottom), as_rgb(ink), width)
    for part in np.linspace(0, 1, int(rng.integers(2, 8))):
        x, y = left + part * (right - left), top + part * (bottom - top)
        draw.line((x, bottom, x, bottom + 3 * width), as_rgb(ink), width)
        draw.line((left - 3 * width, y, left, y), as_rgb(ink), width)
    if rng.random() < 0.6:
        draw.text((left, top - edge * 0.13), random_words(rng, 3), as_rgb(ink), font(max(6, round(edge * 0.1))))
    return vary(from_image(image, size), rng)


def _draw_data(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], width: int, rng: Generator) -> None:
    """Draw one series of data into a box: a curve, points, bars, or a pie."""
    left, top, right, bottom = box
    colour = as_rgb(random_colour(rng))
    count = int(rng.integers(4, 40))
    x = np.linspace(left + width, right - width, count)
    trend = np.cumsum(rng.standard_normal(count)) if rng.random() < 0.5 else np.sin(rng.uniform(0.1, 1) * x / width)
    level = (trend - trend.min()) / (np.ptp(trend) or 1)
    y = bottom - (0.05 + 0.9 * level) * (bottom - top)
    sort = rng.random()
    if sort < 0.4:
        draw.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], colour, 2 * width)
    elif sort < 0.65:
        y = y + (bottom - top) * 0.1 * rng.standard_normal(count)
        for a, b in zip(rng.permutation(x), y, strict=True):
            draw.ellipse((a - 2 * width, b - 2 * width, a + 2 * width, b + 2 * width), colour)
    elif sort < 0.9:
        step = (right - left) / count
        for a, b in zip(x, y, strict=True):
            draw.rectangle((a - 0.4 * step, min(b, bottom), a + 0.4 * step, bottom), colour)
    else:
        angles = np.sort(rng.uniform(0, 360, 5))
        for start, end in zip(angles, [*angles[1:], angles[0] + 360], strict=True):
            draw.pieslice((left, top, right, bottom), start, end, as_rgb(random_colour(rng)))


def screenshot(size: int, rng: Generator) -> Picture:
    """Draw windows with title bars, boxes, buttons and text."""
    image, draw, edge = blank(size, as_rgb(random_colour(rng)), rng)
    height = max(6, round(edge * rng.uniform(0.07, 0.13)))
    for _ in range(rng.integers(1, 4)):
        ground, ink = two_colours(rng, 0.5)
        left, top = edge * rng.uniform(0, 0.45, 2)
        right, bottom = left + edge * rng.uniform(0.4, 0.9), top + edge * rng.uniform(0.35, 0.9)
        draw.rectangle((left, top, right, bottom), as_rgb(ground), as_rgb(ink))
        draw.rectangle((left, top, right, top + height * 1.3), as_rgb(random_colour(rng)))
        y = top + height * 1.5
        while y + height < bottom:
            sort = rng.random()
            x = left + edge * rng.uniform(0.02, 0.1)
            if sort < 0.5:
                draw.text((x, y), random_words(rng, 3)[: int((right - left) / height * 1.6)], as_rgb(ink), font(height))
            elif sort < 0.75:  # a button
                end = min(right, x + edge * rng.uniform(0.1, 0.4))
                draw.rounded_rectangle((x, y, end, y + height), height // 3, as_rgb(random_colour(rng)), as_rgb(ink))
            else:
                draw.line((x, y + height / 2, right - height / 2, y + height / 2), as_rgb(ink), max(1, height // 5))
            y += height * rng.uniform(1.1, 1.8)
    return vary(from_image(image, size), rng)
