"""Augment training images: random changes that do not change a galaxy's class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
from keras import ops

from galaxy_train.evaluation.perturbations import LUMA

#: Share of the images that wide augmentation changes widely; the others are changed as plain augmentation does.
WIDE_SHARE: Final = 0.33


#: Standard deviation of one blur, in pixels, and its kernel's reach to either side.
BLUR: Final = 1.5


REACH: Final = 4


#: Share of the widely augmented images that lose their colour.
GREY_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Ranges:
    """How much an image may be changed.

    Parameters
    ----------
    zoom : tuple of float
        Smallest and largest zoom; above 1 enlarges. One axis is stretched by up to a fortieth more or less in addition.
    shift : float
        Largest shift, as a fraction of the edge.
    brightness, colour : float
        Largest change of all bands together, and of one against the others, as natural logarithms.
    sky : tuple of float
        Lowest and highest change of a band's sky level, in grey levels of 255.
    gamma : float
        Largest exponent of a power law for brightness, as a natural logarithm.
    noise : float
        Largest standard deviation of added noise, in grey levels.
    blur : float
        Largest number of blurs, up to 2; between whole numbers, the results of both are mixed.
    """

    zoom: tuple[float, float]
    shift: float
    brightness: float
    colour: float
    sky: tuple[float, float]
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0


#: Changes that images of one survey differ by.
PLAIN: Final = Ranges(zoom=(0.905, 1.105), shift=0.05, brightness=0.15, colour=0.075, sky=(-4, 4))


#: Changes that images of different surveys differ by: framing, seeing, depth, stretch and colours. The ends of zoom,
#: noise and blur lie beyond what classes can be told at, so that a network learns to be unsure there.
WIDE: Final = Ranges(
    zoom=(0.5, 2.3), shift=0.06, brightness=0.5, colour=0.25, sky=(-8, 40), gamma=0.4, noise=18, blur=2
)


class Augmentation(keras.layers.Layer):  # type: ignore[misc]
    """Rotate, reflect, zoom and shift each image, and change its brightness, colour and sky level.

    Parameters
    ----------
    seed : int
        Determines all changes.
    wide_share : float, optional
        Share of the images that are changed as widely as images of different surveys differ.
    wide : Ranges, optional
        How widely that is.

    Notes
    -----
    Input uint8 (batch, size, size, 3), output the same; pixels from beyond the edge are reflected at it.

    Any angle is used, because galaxies have any; that includes the eight orientations to which a symmetric network is
    invariant already. Stretches stay small, because the axis ratio tells the classes apart.
    """

    def __init__(self, seed: int, wide_share: float = 0.0, wide: Ranges = WIDE) -> None:
        super().__init__()
        self._wide = wide
        self._seed = keras.random.SeedGenerator(seed)
        self._wide_share = wide_share
        self.built = True

    def call(self, images: Any) -> Any:
        """Change each image in its own way."""
        count = ops.shape(images)[0]
        wide = ops.cast(self._uniform((count,), 0, 1) < self._wide_share, "float32")
        pixels = ops.image.affine_transform(
            ops.cast(images, "float32"), self._transforms(count, images.shape[1], wide), fill_mode="reflect"
        )
        each = ops.reshape(wide, (-1, 1, 1, 1))
        if self._wide_share:
            pixels = self._survey_changes(pixels, count, each)
        gain = ops.exp(
            self._uniform((count, 1, 1, 1), -1, 1) * _mix(PLAIN.brightness, self._wide.brightness, each)
            + self._uniform((count, 1, 1, 3), -1, 1) * _mix(PLAIN.colour, self._wide.colour, each)
        )
        low, high = (_mix(PLAIN.sky[end], self._wide.sky[end], each) for end in (0, 1))
        # A survey's sky level is much the same in all bands.
        sky = _mix(self._uniform((count, 1, 1, 3), 0, 1), self._uniform((count, 1, 1, 1), 0, 1), each)
        pixels = pixels * gain + low + (high - low) * sky
        return ops.cast(ops.clip(ops.round(pixels), 0, 255), "uint8")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images, which stays."""
        return input_shape

    def _survey_changes(self, pixels: Any, count: Any, wide: Any) -> Any:
        """Blur images, take their colour, change their stretch and add noise, where `wide` is 1."""
        one = (count, 1, 1, 1)
        blurs = self._uniform(one, 0, self._wide.blur) * wide
        once = _blur(pixels)
        blurred = _mix(_mix(pixels, once, ops.minimum(blurs, 1)), _blur(once), ops.maximum(blurs - 1, 0))
        grey = ops.sum(blurred * np.array(LUMA, np.float32), axis=-1, keepdims=True)
        is_grey = ops.cast(self._uniform(one, 0, 1) < GREY_SHARE, "float32") * wide
        toned = _mix(blurred, grey, is_grey)
        exponent = ops.exp(self._uniform(one, -self._wide.gamma, self._wide.gamma) * wide)
        stretched = 255 * ops.power(ops.clip(toned, 1e-3, 255) / 255, exponent)
        noise = keras.random.normal((count, *pixels.shape[1:]), seed=self._seed)
        return stretched + noise * self._uniform(one, 0, self._wide.noise) * wide

    def _transforms(self, count: Any, size: int, wide: Any) -> Any:
        """Return random affine maps from output to input pixels, in the form that `affine_transform` takes."""
        angle = self._uniform((count,), -math.pi, math.pi)
        smallest, largest = (_mix(math.log(PLAIN.zoom[end]), math.log(self._wide.zoom[end]), wide) for end in (0, 1))
        zoom_y = ops.exp(smallest + (largest - smallest) * self._uniform((count,), 0, 1))
        zoom_x = zoom_y * ops.exp(self._uniform((count,), -0.025, 0.025))
        mirror = ops.sign(self._uniform((count,), -1, 1))
        cosine, sine = ops.cos(angle), ops.sin(angle)
        x_from_x, x_from_y = mirror * cosine / zoom_x, -sine / zoom_y
        y_from_x, y_from_y = mirror * sine / zoom_x, cosine / zoom_y
        centre, shift = (size - 1) / 2, size * _mix(PLAIN.shift, self._wide.shift, wide)
        x_offset = centre * (1 - x_from_x - x_from_y) + shift * self._uniform((count,), -1, 1)
        y_offset = centre * (1 - y_from_x - y_from_y) + shift * self._uniform((count,), -1, 1)
        zero = ops.zeros_like(angle)
        return ops.stack([x_from_x, x_from_y, x_offset, y_from_x, y_from_y, y_offset, zero, zero], axis=1)

    def _uniform(self, shape: tuple[Any, ...], smallest: float, largest: float) -> Any:
        return keras.random.uniform(shape, smallest, largest, seed=self._seed)


class AugmentedNetwork(keras.Model):  # type: ignore[misc]
    """A network with augmentation in front of it, for the training only."""

    def __init__(self, network: Any, augmentation: Augmentation) -> None:
        super().__init__()
        self._augmentation = augmentation
        self._network = network
        self.built = True

    def call(self, images: Any, training: bool = False) -> Any:
        """Predict augmented images in training, else the images as they are."""
        return self._network(self._augmentation(images) if training else images, training=training)


def _mix(first: Any, second: Any, share: Any) -> Any:
    """Return the mean of two values in which the second has the given share."""
    return first + (second - first) * share


def _blur(pixels: Any) -> Any:
    """Blur images with a Gaussian of standard deviation `BLUR`."""
    distance = np.arange(-REACH, REACH + 1)
    profile = np.exp(-(distance**2) / (2 * BLUR**2))
    profile /= profile.sum()
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        kernel = np.tile(profile.reshape(shape), (1, 1, 3, 1)).astype(np.float32)
        pixels = ops.depthwise_conv(pixels, kernel, 1, "same")
    return pixels
