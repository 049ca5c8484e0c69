"""Convolutions that answer alike to a galaxy in all eight orientations.

A galaxy has no preferred orientation, so a network should not have to learn each feature eight times. The feature maps
of these layers have eight channels for each feature, one for each turn by a right angle with or without a
mirror (the group p4m, or D4 around a point); turning the image turns the maps and permutes the eight. One set of
weights serves all eight, and after a mean over positions and orientations nothing is left of how the image lay.

Cohen & Welling 2016, "Group Equivariant Convolutional Networks", ICML; first used on galaxies by Dieleman et al. 2016.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

ORIENTATIONS: Final = 8


#: Momentum of the running mean and variance. Keras' 0.99 is too slow for a few thousand galaxies.
MOMENTUM: Final = 0.9


EPSILON: Final = 1e-3


def orient(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror an array in its first two axes.

    Parameters
    ----------
    image : ndarray, shape (size, size, ...)
        A square image, or anything with two spatial axes first.
    orientation : int
        0 to 3: turned by so many right angles; 4 to 7: then mirrored as well.

    Returns
    -------
    ndarray
        A view.

    Examples
    --------
    >>> orient(np.array([[1, 2], [3, 4]]), 1).tolist()
    [[2, 4], [1, 3]]
    """
    turned = np.rot90(image, orientation % 4)
    return turned[:, ::-1] if orientation >= 4 else turned


def _relative_orientations() -> NDArray[np.int64]:
    """Return, at [g, h], the orientation that has to follow g so that h comes out."""
    probe = np.arange(9).reshape(3, 3)
    seen = [orient(probe, g).tobytes() for g in range(ORIENTATIONS)]
    table = np.empty((ORIENTATIONS, ORIENTATIONS), np.int64)
    for g in range(ORIENTATIONS):
        for after in range(ORIENTATIONS):
            table[g, seen.index(orient(orient(probe, after), g).tobytes())] = after
    return table


def lifting_positions(kernel: int) -> NDArray[np.int64]:
    """Return where each orientation of a kernel on an image finds its weights, shape (8, kernel²)."""
    positions = np.arange(kernel**2).reshape(kernel, kernel)
    return np.stack([orient(positions, g).ravel() for g in range(ORIENTATIONS)])


def group_positions(kernel: int) -> NDArray[np.int64]:
    """Return where each orientation of a kernel on feature maps finds its weights, shape (8, kernel² · 8).

    Turning such a kernel turns it in space and permutes the orientations that it looks at.
    """
    positions = np.arange(kernel**2 * ORIENTATIONS).reshape(kernel, kernel, ORIENTATIONS)
    relative = _relative_orientations()
    return np.stack([orient(positions, g)[:, :, relative[g]].ravel() for g in range(ORIENTATIONS)])


@keras.saving.register_keras_serializable("galaxy_train")
class SymmetricConvolution(keras.layers.Layer):  # type: ignore[misc]
    """Convolution over positions and orientations, and batch normalisation over both.

    Parameters
    ----------
    features : int
        Output features; there are eight channels for each.
    kernel : int
        Edge of the kernel in pixels.
    stride : int, optional
        Step in pixels. With a stride of 2 the kernel must be even for the result to stay symmetric.
    lifting : bool, optional
        Whether the input is an image, without orientations yet.

    Notes
    -----
    Input (batch, height, width, channels), output (batch, height / stride, width / stride, 8 · features), float32; the
    channels are sorted by orientation, then by feature. At inference it is one ordinary convolution.
    """

    def __init__(self, features: int, kernel: int, stride: int = 1, *, lifting: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.features = features
        self.kernel = kernel
        self.stride = stride
        self.lifting = lifting
        #: How much of the running mean and variance stays at each step.
        self.momentum = MOMENTUM

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights of one orientation."""
        channels = input_shape[-1]
        assert channels is not None  # noqa: S101 - for the type checker
        self._inputs = channels if self.lifting else channels // ORIENTATIONS
        find = lifting_positions if self.lifting else group_positions
        self._positions = find(self.kernel)
        fan_in = self._positions.shape[1] * self._inputs
        self.weight = self.add_weight(
            name="weight",
            shape=(self._positions.shape[1], self._inputs * self.features),
            initializer=keras.initializers.RandomNormal(stddev=(2 / fan_in) ** 0.5),  # He et al. 2015
        )
        self.gamma = self.add_weight(name="gamma", shape=(self.features,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(self.features,), initializer="zeros")
        self.mean = self.add_weight(name="mean", shape=(self.features,), initializer="zeros", trainable=False)
        self.variance = self.add_weight(name="variance", shape=(self.features,), initializer="ones", trainable=False)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Convolve and normalise."""
        maps = tf.nn.conv2d(inputs, self._all_orientations(), self.stride, "SAME")
        if training:
            mean, variance = self._moments(maps)
            self.mean.assign(self.momentum * self.mean + (1 - self.momentum) * mean)
            self.variance.assign(self.momentum * self.variance + (1 - self.momentum) * variance)
        else:
            mean, variance = tf.convert_to_tensor(self.mean), tf.convert_to_tensor(self.variance)
        scale = self.gamma * tf.math.rsqrt(variance + EPSILON)
        return maps * tf.tile(scale, [ORIENTATIONS]) + tf.tile(self.beta - mean * scale, [ORIENTATIONS])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the feature maps."""
        batch, height, width, _ = input_shape
        edges = (None if edge is None else -(-edge // self.stride) for edge in (height, width))
        return (batch, *edges, ORIENTATIONS * self.features)

    def get_config(self) -> dict[str, Any]:
        """Return what it takes to build the layer anew."""
        own = {"features": self.features, "kernel": self.kernel, "stride": self.stride, "lifting": self.lifting}
        inherited: dict[str, Any] = super().get_config()
        return inherited | own

    def _all_orientations(self) -> Any:
        """Return the kernel in all eight orientations, as an ordinary convolution wants it."""
        inputs = self._positions.shape[1] // self.kernel**2 * self._inputs
        weight = tf.gather(tf.convert_to_tensor(self.weight), self._positions.ravel())
        weight = tf.reshape(weight, (ORIENTATIONS, self.kernel, self.kernel, inputs, self.features))
        return tf.reshape(
            tf.transpose(weight, (1, 2, 3, 0, 4)), (self.kernel, self.kernel, inputs, ORIENTATIONS * self.features)
        )

    def _moments(self, maps: Any) -> tuple[Any, Any]:
        """Return mean and variance of each feature over the batch, positions and orientations."""
        means, variances = (
            tf.reshape(moment, (ORIENTATIONS, self.features)) for moment in tf.nn.moments(maps, (0, 1, 2))
        )
        mean = tf.reduce_mean(means, 0)
        return mean, tf.reduce_mean(variances + tf.square(means), 0) - tf.square(mean)


@keras.saving.register_keras_serializable("galaxy_train")
class OrientationMean(keras.layers.Layer):  # type: ignore[misc]
    """Mean over all positions and orientations: what is left does not know how the image lay.

    Notes
    -----
    Input (batch, height, width, 8 · features), output (batch, features), float32.

    The mean over orientations is a product with a constant matrix, because ONNX Runtime's ReduceMean adds in another
    order for one image than for several: the last digits of a row would depend on the batch.
    """

    def call(self, inputs: Any) -> Any:
        """Average."""
        features = inputs.shape[-1] // ORIENTATIONS
        mean = np.tile(np.eye(features, dtype=np.float32) / ORIENTATIONS, (ORIENTATIONS, 1))
        return tf.matmul(tf.reduce_mean(inputs, (1, 2)), mean)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return the shape of the means."""
        channels = input_shape[-1]
        assert channels is not None  # noqa: S101 - for the type checker
        return (input_shape[0], channels // ORIENTATIONS)


def settle_statistics(model: Any, batches: Iterable[tuple[Any, ...]]) -> None:
    """Replace the running means and variances of a trained network by those of the whole training set.

    During training they follow the changing weights, and in the end they stand for the last few hundred images only
    (Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3). A network without such layers stays as it is.

    Parameters
    ----------
    model : keras.Model
        The network.
    batches : iterable of tuple
        Its training images, batch by batch, first in each tuple, as they were trained on.
    """
    layers = [layer for layer in model.layers if isinstance(layer, SymmetricConvolution)]
    if not layers:
        return
    for seen, (images, *_) in enumerate(batches):
        for layer in layers:
            layer.momentum = seen / (seen + 1)  # so that each batch counts alike
        model(images, training=True)
    for layer in layers:
        layer.momentum = MOMENTUM
