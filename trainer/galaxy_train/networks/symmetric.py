"""Group convolutions: layers whose output does not depend on the orientation of a galaxy.

A galaxy has no preferred orientation, so a network should not have to learn each feature eight times. The feature maps
of these layers have eight channels for each feature, one for each rotation by a right angle with or without a
reflection (the group p4m, or D4 around a point). Rotating the image rotates the maps and permutes the eight channels.
One set of weights serves all eight, and a mean over positions and orientations is invariant.

Cohen & Welling 2016, "Group Equivariant Convolutional Networks", ICML; first used on galaxies by Dieleman et al. 2016.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

ORIENTATIONS: Final = 8


#: Momentum of the running mean and variance. Keras' 0.99 is too slow for a few thousand galaxies.
MOMENTUM: Final = 0.9


EPSILON: Final = 1e-3


def orient(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Rotate and reflect an array in its first two axes.

    Parameters
    ----------
    image : ndarray, shape (size, size, ...)
        A square image, or anything with two spatial axes first.
    orientation : int
        0 to 3: number of right angles to rotate by; 4 to 7: the same, then reflected.

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
    """Return a table whose entry [g, h] is the orientation that, applied after g, gives h."""
    probe = np.arange(9).reshape(3, 3)
    seen = [orient(probe, g).tobytes() for g in range(ORIENTATIONS)]
    table = np.empty((ORIENTATIONS, ORIENTATIONS), np.int64)
    for g in range(ORIENTATIONS):
        for after in range(ORIENTATIONS):
            table[g, seen.index(orient(orient(probe, after), g).tobytes())] = after
    return table


def lifting_positions(kernel: int) -> NDArray[np.int64]:
    """Return the weight index at each position of a kernel on an image, for each orientation, shape (8, kernel²)."""
    positions = np.arange(kernel**2).reshape(kernel, kernel)
    return np.stack([orient(positions, g).ravel() for g in range(ORIENTATIONS)])


def group_positions(kernel: int) -> NDArray[np.int64]:
    """Return the weight index at each position of a kernel on feature maps, for each orientation.

    The shape is (8, kernel² · 8).
    Rotating such a kernel rotates it in space and permutes its input orientations.
    """
    positions = np.arange(kernel**2 * ORIENTATIONS).reshape(kernel, kernel, ORIENTATIONS)
    relative = _relative_orientations()
    return np.stack([orient(positions, g)[:, :, relative[g]].ravel() for g in range(ORIENTATIONS)])


@keras.saving.register_keras_serializable("galaxy_train")
class SymmetricConvolution(keras.layers.Layer):  # type: ignore[misc]
    """Convolve over positions and orientations, then batch-normalise over both.

    Parameters
    ----------
    features : int
        Output features, each with eight channels.
    kernel : int
        Kernel size in pixels.
    stride : int, optional
        Step in pixels. With a stride of 2 the kernel size must be even, or the result is not symmetric.
    lifting : bool, optional
        Whether the input is an image, which has no orientation channels.

    Notes
    -----
    Input (batch, height, width, channels), output (batch, height / stride, width / stride, 8 · features), float32; the
    channels are ordered by orientation, then by feature. At inference the layer is one ordinary convolution.
    """

    def __init__(self, features: int, kernel: int, stride: int = 1, *, lifting: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.features = features
        self.kernel = kernel
        self.stride = stride
        self.lifting = lifting
        #: Share of the running mean and variance that is kept at each step.
        self.momentum = MOMENTUM

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights of one orientation."""
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
        maps = ops.conv(inputs, self._all_orientations(), self.stride, "same")
        if training:
            mean, variance = self._moments(maps)
            self.mean.assign(self.momentum * self.mean + (1 - self.momentum) * mean)
            self.variance.assign(self.momentum * self.variance + (1 - self.momentum) * variance)
        else:
            mean, variance = ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.variance)
        scale = self.gamma * ops.rsqrt(variance + EPSILON)
        return maps * ops.tile(scale, [ORIENTATIONS]) + ops.tile(self.beta - mean * scale, [ORIENTATIONS])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the feature maps."""
        batch, height, width, _ = input_shape
        edges = (None if edge is None else -(-edge // self.stride) for edge in (height, width))
        return (batch, *edges, ORIENTATIONS * self.features)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's options, for saving."""
        own = {"features": self.features, "kernel": self.kernel, "stride": self.stride, "lifting": self.lifting}
        inherited: dict[str, Any] = super().get_config()
        return inherited | own

    def _all_orientations(self) -> Any:
        """Return the kernel in all eight orientations, as the kernel of an ordinary convolution."""
        inputs = self._positions.shape[1] // self.kernel**2 * self._inputs
        weight = ops.take(ops.convert_to_tensor(self.weight), self._positions.ravel(), axis=0)
        weight = ops.reshape(weight, (ORIENTATIONS, self.kernel, self.kernel, inputs, self.features))
        return ops.reshape(
            ops.transpose(weight, (1, 2, 3, 0, 4)), (self.kernel, self.kernel, inputs, ORIENTATIONS * self.features)
        )

    def _moments(self, maps: Any) -> tuple[Any, Any]:
        """Return mean and variance of each feature over the batch, positions and orientations."""
        means, variances = (
            ops.reshape(moment, (ORIENTATIONS, self.features)) for moment in ops.moments(maps, (0, 1, 2))
        )
        mean = ops.mean(means, 0)
        return mean, ops.mean(variances + ops.square(means), 0) - ops.square(mean)


@keras.saving.register_keras_serializable("galaxy_train")
class OrientationMean(keras.layers.Layer):  # type: ignore[misc]
    """Average over positions and orientations, which makes the features invariant.

    Notes
    -----
    Input (batch, height, width, 8 · features), output (batch, features), float32.

    ONNX Runtime's ReduceMean adds in another order for one image than for several, so that the last digits of a row
    would depend on the batch. The mean over orientations is therefore a product with a constant matrix.
    """

    def call(self, inputs: Any) -> Any:
        """Average over positions, then over orientations."""
        return ops.matmul(ops.mean(inputs, (1, 2)), orientation_mean(inputs.shape[-1]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return the shape of the means."""
        channels = input_shape[-1]
        assert channels is not None  # noqa: S101 - for the type checker
        return (input_shape[0], channels // ORIENTATIONS)


def orientation_mean(channels: int) -> NDArray[np.float32]:
    """Return the matrix, shape (channels, features), whose product with channels averages over orientations."""
    features = channels // ORIENTATIONS
    return np.tile(np.eye(features, dtype=np.float32) / ORIENTATIONS, (ORIENTATIONS, 1))


def settle_statistics(model: Any, batches: Iterable[Any]) -> None:
    """Recompute the running means and variances of a trained network over the whole training set.

    During training they lag behind the changing weights, and in the end they describe only the last few hundred images
    (Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3). A network without such layers is not changed.

    Parameters
    ----------
    model : keras.Model
        The network.
    batches : iterable of uint8 tensors, shape (batch, size, size, 3)
        The training images, augmented as in training.
    """
    layers = [layer for layer in model.layers if isinstance(layer, SymmetricConvolution)]
    if not layers:
        return
    for seen, images in enumerate(batches):
        for layer in layers:
            layer.momentum = seen / (seen + 1)  # cumulative mean: each batch weighs alike
        model(images, training=True)
    for layer in layers:
        layer.momentum = MOMENTUM
