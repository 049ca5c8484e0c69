"""Augment training images: random changes that do not change a galaxy's class."""

from __future__ import annotations

import math
from typing import Any, Final

import tensorflow as tf

#: Largest zoom in or out, as a natural logarithm; one axis is stretched by up to a quarter of that in addition.
ZOOM: Final = 0.1


#: Largest shift, as a fraction of the edge.
SHIFT: Final = 0.05


#: Largest change of brightness, as a natural logarithm.
BRIGHTNESS: Final = 0.15


#: Largest change of one band against the others, as a natural logarithm.
COLOUR: Final = 0.075


#: Largest change of a band's sky level, in grey levels of 255.
SKY: Final = 4.0


def augment(images: Any) -> Any:
    """Rotate, reflect, zoom and shift each image, and change its brightness, colour and sky level.

    Parameters
    ----------
    images : tensor of uint8, shape (N, size, size, 3)
        RGB pixels.

    Returns
    -------
    tensor of float32, shape (N, size, size, 3)
        Values from 0 to 255. Pixels from beyond the edge are reflected at it.

    Notes
    -----
    Any angle is used, because galaxies have any; that includes the eight orientations to which a symmetric network is
    invariant already. Stretches stay small, because the axis ratio tells the classes apart.
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
    """Return random affine maps from output to input pixels, in the form that ImageProjectiveTransform takes."""
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
