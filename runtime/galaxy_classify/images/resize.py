"""Resize an image to a model's size: exactly with Pillow, or in half the time with ONNX Runtime.

With Pillow, a survey JPEG takes longer to resize than to decode. A resize is linear: each column of the result is a
weighted sum of columns of the image, and each row a weighted sum of rows. ONNX Runtime's matrix product computes that
faster than Pillow's loop, and unlike NumPy's it starts no threads of its own. The graph is ``lanczos.onnx``, built by
``galaxy_export.graph.lanczos``.

The weights are Pillow's, and so is the rounding between the two passes. But the sums are float32 where Pillow's are
integers, so that about one colour value in 80,000 comes out one level of 255 higher or lower.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.images.crop import Box
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.inference.session import open_session

GRAPH_FILE: Final = Path(__file__).with_name("lanczos.onnx")


#: Blocks along each axis of the result; each is computed from only those pixels of the image that it needs.
BLOCKS: Final = 4


#: Longest edge, in pixels, of a part that is resized the fast way. As float32 it takes some 13 MB, which ONNX Runtime
#: keeps for the next one; a larger part would take more memory than its decoding does.
LARGEST_EDGE: Final = 1024


#: Half width of the Lanczos kernel, in pixels of the coarser grid.
LANCZOS_SUPPORT: Final = 3


@dataclass(frozen=True, slots=True)
class AxisWeights:
    """Weights of the resize along one axis, for each block of the result.

    Parameters
    ----------
    first, last : int
        Range of pixels of the image that the result depends on.
    starts, ends : ndarray of int64, shape (BLOCKS,)
        Range of pixels that each block depends on, counted from `first`.
    weights : ndarray of float32, shape (BLOCKS, pixels of a block, pixels of the image)
        Contribution of each pixel of the image to each pixel of a block.
    transposed : ndarray of float32, shape (BLOCKS, pixels of the image, pixels of a block)
        The same weights, transposed.
    """

    first: int
    last: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: NDArray[np.float32]
    transposed: NDArray[np.float32]


def lanczos_weights(edge: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the weights with which Pillow resizes an axis of `edge` pixels to `target` pixels.

    Returns
    -------
    tuple of ndarray, shapes (target,) and (target, taps)
        For each pixel of the result, the first pixel of the image that counts, and the weights from there on.

    Notes
    -----
    As ``precompute_coeffs`` in Pillow's Resample.c does: a kernel that the image's edge cuts off is normalised again.

    Examples
    --------
    >>> first, weights = lanczos_weights(128, 64)
    >>> int(first[10]), float(weights[10].sum().round(6))
    (15, 1.0)
    """
    scale = edge / target
    stretch = max(scale, 1.0)
    support = LANCZOS_SUPPORT * stretch
    centre = (np.arange(target) + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    behind = np.minimum((centre + support + 0.5).astype(np.int64), edge)
    position = first[:, None] + np.arange((behind - first).max())
    distance = (position - centre[:, None] + 0.5) / stretch
    inside = (position < behind[:, None]) & (np.abs(distance) < LANCZOS_SUPPORT)
    kernel = np.where(inside, np.sinc(distance) * np.sinc(distance / LANCZOS_SUPPORT), 0.0)
    return first, kernel / kernel.sum(axis=1, keepdims=True)


@lru_cache(maxsize=64)  # cutouts of a survey have few sizes; each takes up to 200 kB
def axis_weights(edge: int, target: int, margin: int) -> AxisWeights | None:
    """Return the weights for one axis as the graph takes them, or None if the graph cannot resize it.

    That is so if the image is too large, or if the result without its margin cannot be divided into equal blocks.

    Parameters
    ----------
    edge : int
        Pixels of the image.
    target : int
        Pixels of the result.
    margin : int
        Pixels at both ends of the result that the model ignores.
    """
    size, rest = divmod(target - 2 * margin, BLOCKS)
    if rest or edge > LARGEST_EDGE:
        return None
    first, weights = (array[margin : target - margin] for array in lanczos_weights(edge, target))
    taps = weights.shape[1]
    lowest, last = int(first[0]), min(int(first[-1]) + taps, edge)
    width = min(int((first[size - 1 :: size] - first[::size]).max()) + taps, last - lowest)
    # A block at the far end must not look beyond the image: it begins earlier instead.
    starts = np.minimum(first[::size], last - width)
    table = np.zeros((BLOCKS, size, width), np.float32)
    for number, (begin, kernel) in enumerate(zip(first, weights, strict=True)):
        block, row = divmod(number, size)
        place = int(begin - starts[block])
        table[block, row, place : place + taps] = kernel[: width - place]  # beyond the image it is zero
    transposed = np.ascontiguousarray(table.transpose(0, 2, 1))
    return AxisWeights(lowest, last, starts - lowest, starts - lowest + width, table, transposed)


class Resizer:
    """Resize a part of an image to a model's size, except for the margin that the model ignores.

    Parameters
    ----------
    size : tuple of (int, int)
        Height and width of the model's input, in pixels.
    preprocessing : Preprocessing
        Of the model.
    fast : bool, optional
        Whether to use ONNX Runtime instead of Pillow where it can do the resize and the caller allows it.
    """

    def __init__(self, size: tuple[int, int], preprocessing: Preprocessing, *, fast: bool = False) -> None:
        self.size = size
        self.preprocessing = preprocessing
        self._session: Any = None
        if fast and preprocessing.resample == "lanczos":
            self._session, _ = open_session(GRAPH_FILE.read_bytes())

    def __call__(self, image: Image.Image, box: Box, *, exact: bool = True) -> NDArray[np.uint8]:
        """Resize a part of an image.

        Parameters
        ----------
        image : PIL.Image.Image
            In mode RGB.
        box : tuple of int
            The part; the filter does not look beyond it.
        exact : bool, optional
            Whether only Pillow may be used.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            RGB pixels; zero in the margin.
        """
        height, width = self.size
        margin = self.preprocessing.margin
        columns = rows = None
        if self._session is not None and not exact:
            columns = axis_weights(box[2] - box[0], width, margin)
            rows = axis_weights(box[3] - box[1], height, margin)
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[margin : height - margin, margin : width - margin] = (
            self._with_pillow(image, box)
            if columns is None or rows is None
            else self._with_products(image, box, columns, rows)
        )
        return pixels

    def _with_pillow(self, image: Image.Image, box: Box) -> NDArray[np.uint8]:
        height, width = self.size
        margin = self.preprocessing.margin
        crop = image.crop(box)
        size = (width - 2 * margin, height - 2 * margin)
        resample = Image.Resampling[self.preprocessing.resample.upper()]
        if width != height:
            # Pillow takes that pass first which saves the other more work, since version 13. The order matters by a
            # level or two; along the rows first is what every version does for a square.
            crop = crop.resize((width, crop.height), resample)
        x, y = margin * crop.width / width, margin * crop.height / height
        if float(np.float32(x)) == x and float(np.float32(y)) == y:
            return np.asarray(crop.resize(size, resample, box=(x, y, crop.width - x, crop.height - y)))
        # Pillow takes the box as float32. If it is not exactly that, some values would come out a level off.
        whole = np.asarray(crop.resize((width, height), resample))
        return whole[margin : height - margin, margin : width - margin]

    def _with_products(
        self, image: Image.Image, box: Box, columns: AxisWeights, rows: AxisWeights
    ) -> NDArray[np.uint8]:
        left, top, _, _ = box
        needed = image.crop((left + columns.first, top + rows.first, left + columns.last, top + rows.last))
        # The raw mode "RGB;L" orders the bytes line by line, and within a line by colour.
        planes = np.frombuffer(needed.tobytes("raw", "RGB;L"), np.uint8).reshape(needed.height, 3, needed.width)
        inputs = {
            "planes": planes,
            "lines": np.array([needed.height, -1]),
            "column_starts": columns.starts,
            "column_ends": columns.ends,
            "column_weights": columns.transposed,
            "row_starts": rows.starts,
            "row_ends": rows.ends,
            "row_weights": rows.weights,
        }
        (pixels,) = self._session.run(None, inputs)
        return np.asarray(pixels)
