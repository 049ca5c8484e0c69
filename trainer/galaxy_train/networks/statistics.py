"""Statistics of feature maps and pixels from which a network judges how familiar an image is.

All are invariant under the eight orientations, and cost little beside the convolutions. Sums over orientations, rings
and pairs of cells are products with constant matrices: ONNX Runtime adds these in the same order for one image and for
many.
"""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from galaxy_train.networks.symmetric import ORIENTATIONS, orient, orientation_mean

#: Added to a variance before its square root, whose slope at zero would magnify rounding errors.
SMALLEST_VARIANCE: Final = 1e-4


#: Outer radii of the rings in which pixels are compared, relative to half of the edge; the last ring has the corners.
RADII: Final = (0.2, 0.37, 0.57, 0.77, 1.0, 1.5)


#: Scales of the wavelets that structure is measured at, each twice as coarse as the one before.
SCALES: Final = 3


#: Of two by two pixels (rows), their mean and the wavelets along both axes and along the diagonal (columns).
HAAR: Final = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], np.float32).T / np.float32(4)


#: Which of the four belong to the wavelets along the axes, and to those along the diagonal (columns).
WAVELETS: Final = np.array([[0, 0], [1, 0], [1, 0], [0, 1]], np.float32)


#: Edge in pixels of the cells that are compared when an image is turned.
CELL: Final = 4


#: Added to mean squares before their fourth root: a quarter of a grey level, squared.
SMALLEST_ENERGY: Final = 1e-6


@keras.saving.register_keras_serializable("galaxy_train")
class FeatureStatistics(keras.layers.Layer):  # type: ignore[misc]
    """Describe each feature by its mean, by its spread over orientations and by its size over positions.

    All three are invariant: the mean over positions and orientations, the standard deviation of the means of the eight
    orientations, and the root mean square over positions and orientations.

    Notes
    -----
    Input (batch, height, width, 8 · features), output (batch, 3 · features), float32, in this order. Like
    `OrientationMean`, sums over orientations are products with constant matrices.
    """

    def call(self, inputs: Any) -> Any:
        """Compute the three statistics of each feature."""
        channels = inputs.shape[-1]
        mean = orientation_mean(channels)
        deviation = np.eye(channels, dtype=np.float32) - mean @ mean.T * ORIENTATIONS
        of_orientations = ops.mean(inputs, (1, 2))
        spread = ops.square(ops.matmul(of_orientations, deviation))
        size = ops.mean(ops.square(inputs), (1, 2))
        return ops.concatenate(
            [
                ops.matmul(of_orientations, mean),
                ops.sqrt(ops.matmul(spread, mean) + SMALLEST_VARIANCE),
                ops.sqrt(ops.matmul(size, mean) + SMALLEST_VARIANCE),
            ],
            axis=-1,
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return the shape of the statistics."""
        channels = input_shape[-1]
        assert channels is not None  # noqa: S101 - for the type checker
        return (input_shape[0], 3 * channels // ORIENTATIONS)


@keras.saving.register_keras_serializable("galaxy_train")
class PixelStatistics(keras.layers.Layer):  # type: ignore[misc]
    """Describe the pixels of an image: brightness, contrast and colour by ring, fine structure, and asymmetry.

    Convolutions that tell galaxies apart hardly look at colours and at the sky, which give away a missing band, a
    negative, or a picture that is no galaxy at all.

    Notes
    -----
    Input (batch, edge, edge, 3), float32 from 0 to 1, output (batch, 62), float32. Pixels are averaged in some twelve
    by twelve cells first. In this order:

    - of the whole image, the mean of each band, which is subtracted from the cells;
    - of each of six rings around the centre, the mean and the standard deviation of each band, and the correlation of
      each pair of bands;
    - of the whole image again, the standard deviation of each band within the cells, and the root mean square
      difference of the brightness from the image turned by half a turn and by a quarter.
    """

    def call(self, inputs: Any) -> Any:
        """Compute the statistics."""
        edge = inputs.shape[1]
        pool = 2 ** int(np.log2(edge / 11))
        count = (edge // pool) ** 2
        # Positions last: ONNX Runtime takes their mean five times as fast as where bands are last.
        cells = ops.reshape(ops.transpose(ops.average_pool(inputs, pool, pool), (0, 3, 1, 2)), (-1, 3, count))
        level = ops.mean(cells, 2, keepdims=True)
        cells = cells - level
        rings = _rings(edge // pool)
        mean = _product(cells, rings)
        # A difference of mean squares would have hardly a digit left where the spread is small.
        apart = cells - _product(mean, (rings > 0).T.astype(np.float32))
        moments = _product(ops.concatenate([apart * apart, apart * _next_band(apart)], axis=1), rings)
        deviation = ops.sqrt(moments[:, :3] + SMALLEST_VARIANCE)
        correlation = moments[:, 3:] / (deviation * _next_band(deviation))
        of_rings = ops.transpose(ops.concatenate([mean, deviation, correlation], axis=1), (0, 2, 1))
        pixels = ops.transpose(inputs, (0, 3, 1, 2)) - level[..., np.newaxis]
        within = ops.mean(ops.mean(pixels * pixels, 3), 2) - ops.mean(cells * cells, 2)
        turned = ops.matmul(ops.mean(cells, 1), _turn_differences(edge // pool))
        asymmetry = ops.matmul(turned * turned, np.repeat(np.eye(2, dtype=np.float32) / count, count, axis=0))
        of_image = ops.sqrt(ops.relu(ops.concatenate([within, asymmetry], axis=-1)) + SMALLEST_VARIANCE)
        return ops.concatenate([level[..., 0], ops.reshape(of_rings, (-1, 9 * len(RADII))), of_image], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return the shape of the statistics."""
        return (input_shape[0], 9 * len(RADII) + 8)


@keras.saving.register_keras_serializable("galaxy_train")
class StructureStatistics(keras.layers.Layer):  # type: ignore[misc]
    """Describe how sharp an image is, and how unlike itself when turned, by ring around the centre.

    A blurred image has too little structure at the scale of its pixels, a noisy one too much: convolutions that tell
    galaxies apart are made blind to both by augmentation. Galaxies that collide are lopsided.

    Notes
    -----
    Input (batch, edge, edge, 3), float32 from 0 to 1, output (batch, 48), float32. The brightness is taken apart into
    Haar wavelets of two, four and eight pixels (Mallat 1989, "A theory for multiresolution signal decomposition"). In
    this order, the fourth roots of

    - for each scale, the mean square of the wavelets along the axes in each of six rings, and of those along the
      diagonal;
    - for the image in cells of four pixels, turned by half a turn and by a quarter, for each ring, the mean square
      difference from the image as it is.
    """

    def call(self, inputs: Any) -> Any:
        """Compute the statistics."""
        level = ops.mean(inputs, -1)
        # Of each ring: the sum over both axes, and the diagonal; the mean of a cell, the first of four, is left out.
        sums = np.kron(WAVELETS, np.eye(len(RADII), dtype=np.float32))
        energies = []
        for _ in range(SCALES):
            edge = level.shape[1] // 2
            # No convolution: the exporter would count it among those of the network, and quantize it.
            pairs = ops.transpose(ops.reshape(level, (-1, edge, 2, edge, 2)), (0, 1, 3, 2, 4))
            parts = ops.reshape(ops.matmul(ops.reshape(pairs, (-1, 4)), HAAR), (-1, edge**2, 4))
            level = ops.reshape(parts[..., 0], (-1, edge, edge))
            of_rings = _product(ops.transpose(parts * parts, (0, 2, 1)), _rings(edge))
            energies.append(ops.matmul(ops.reshape(of_rings, (-1, 4 * len(RADII))), sums))
            if edge == inputs.shape[1] // CELL:
                cells = ops.reshape(level, (-1, edge**2))
        edge = inputs.shape[1] // CELL
        positions = np.arange(edge**2).reshape(edge, edge)
        turned = np.concatenate([orient(positions, turns).ravel() for turns in (2, 1)])
        differences = ops.concatenate([cells, cells], axis=1) - ops.take(cells, turned, axis=1)
        energies.append(ops.matmul(differences * differences, np.kron(np.eye(2, dtype=np.float32), _rings(edge))))
        # Roots, as a logarithm's last digit would depend on the batch in ONNX Runtime.
        return ops.sqrt(ops.sqrt(ops.concatenate(energies, axis=-1) + SMALLEST_ENERGY))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return the shape of the statistics."""
        return (input_shape[0], (2 * SCALES + 2) * len(RADII))


def _next_band(values: Any) -> Any:
    """Return values whose second axis has the bands in the order green, blue, red."""
    return ops.concatenate([values[:, 1:], values[:, :1]], axis=1)


def _product(values: Any, matrix: NDArray[np.float32]) -> Any:
    """Multiply the last axis of values with three axes by a matrix, with few operators in ONNX."""
    _, rows, columns = values.shape
    product = ops.matmul(ops.reshape(values, (-1, columns)), matrix)
    return ops.reshape(product, (-1, rows, matrix.shape[1]))


def _rings(edge: int) -> NDArray[np.float32]:
    """Return a matrix, shape (edge², rings), whose product with cells gives their mean in each ring.

    A ring that holds the centre of no cell, as there may be if cells are large, takes the cells of the next one.
    """
    y, x = (np.mgrid[:edge, :edge] + 0.5) * 2 / edge - 1
    ring = np.searchsorted(RADII, np.hypot(y, x).ravel())
    held = np.unique(ring)
    wanted = held[np.searchsorted(held, np.arange(len(RADII))).clip(max=len(held) - 1)]
    members = wanted[:, np.newaxis] == ring
    means: NDArray[np.float32] = (members / members.sum(axis=1, keepdims=True)).astype(np.float32)
    return means.T


def _turn_differences(edge: int) -> NDArray[np.float32]:
    """Return a matrix, shape (edge², 2 edge²), that subtracts an image turned by half a turn, and by a quarter."""
    positions = np.arange(edge**2).reshape(edge, edge)
    same = np.eye(edge**2, dtype=np.float32)
    return np.concatenate([same - same[:, orient(positions, turns).ravel()] for turns in (2, 1)], axis=1)
