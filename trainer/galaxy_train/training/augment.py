"""Show a network each galaxy a little differently every time, in ways that do not change what it is."""

from __future__ import annotations

import math
from typing import Any, Final

import tensorflow as tf

#: Largest zoom in or out, as a natural logarithm; of that, a quarter more along one axis.
ZOOM: Final = 0.1


#: Largest shift, as a fraction of the edge.
SHIFT: Final = 0.05


#: Largest change of brightness, and of one band against the others, as natural logarithms.
BRIGHTNESS: Final = 0.15


COLOUR: Final = 0.075


#: Largest change of a band's sky level, in grey levels of 255.
SKY: Final = 4.0


def augment(images: Any) -> Any:
    """Turn, mirror, zoom and shift each image, and change its brightness, colour and sky.

    Parameters
    ----------
    images : tensor of uint8, shape (N, size, size, 3)
        RGB pixels.

    Returns
    -------
    tensor of float32, shape (N, size, size, 3)
        Values from 0 to 255. What comes from beyond the edge is the image mirrored there.

    Notes
    -----
    The angle is free, because galaxies lie at any; the eight orientations that a symmetric network knows already are
    among them, which costs nothing. Stretches stay small: the axis ratio tells the classes apart.
    """
    count, size = tf.shape(images)[0], images.shape[1]
    turned = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=_transforms(count, size),
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )
    gain = tf.exp(_uniform((count, 1, 1, 1), BRIGHTNESS) + _uniform((count, 1, 1, 3), COLOUR))
    return tf.clip_by_value(turned * gain + _uniform((count, 1, 1, 3), SKY), 0.0, 255.0)


def _transforms(count: Any, size: int) -> Any:
    """Return random maps from output to input pixels about the centre, as ImageProjectiveTransform takes them."""
    angle = _uniform((count,), math.pi)
    zoom_y = tf.exp(_uniform((count,), ZOOM))
    zoom_x = zoom_y * tf.exp(_uniform((count,), ZOOM / 4))
    mirror = tf.where(_uniform((count,), 1.0) < 0, -1.0, 1.0)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    x_from_x, x_from_y = mirror * cosine / zoom_x, -sine / zoom_y
    y_from_x, y_from_y = mirror * sine / zoom_x, cosine / zoom_y
    centre, shift = (size - 1) / 2, SHIFT * size
    x_offset = centre * (1 - x_from_x - x_from_y) + _uniform((count,), shift)
    y_offset = centre * (1 - y_from_x - y_from_y) + _uniform((count,), shift)
    zero = tf.zeros((count,))
    return tf.stack([x_from_x, x_from_y, x_offset, y_from_x, y_from_y, y_offset, zero, zero], axis=1)


def _uniform(shape: tuple[Any, ...], largest: float) -> Any:
    return tf.random.uniform(shape, -largest, largest)
