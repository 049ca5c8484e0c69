"""Add crop and resize to a graph, with the pixels that Pillow gives.

The weights of the resize depend on the image's size, so that the graph computes them: in float64, rounded to multiples
of 2^-22 as in Pillow's Resample.c (``precompute_coeffs`` and ``normalize_coeffs_8bpc``). Pillow sums products of levels
and weights as integers. Here the products are float32, which holds integers up to 2^24; each weight is therefore split
into a coarse and a fine part, whose sums stay below that.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import TensorProto

from galaxy_classify.errors import DataError
from galaxy_classify.images.crop import MIN_EDGE
from galaxy_classify.images.resize import LANCZOS_SUPPORT
from galaxy_classify.inference.contract import STANDALONE_FILTER, Preprocessing
from galaxy_export.graph.builder import GraphBuilder

#: Tensor whose node fails for an image that is too small; ONNX Runtime names the node in its message.
SIZE_CHECK: Final = f"image has {MIN_EDGE} pixels each way"
#: Pillow's weights are integers: multiples of 2 to the power of minus this.
WEIGHT_BITS: Final = 22
#: The lower half of a weight's bits is its fine part.
FINE_BITS: Final = 11


def add_preprocessing(
    graph: GraphBuilder, images: str, size: tuple[int, int], preprocessing: Preprocessing, output: str
) -> None:
    """Add the steps from whole images to a model's input.

    Parameters
    ----------
    graph : GraphBuilder
        The graph to extend.
    images : str
        Name of the tensor of images: uint8 (batch, height, width, 3), RGB, of any size from `MIN_EDGE`.
    size : tuple of (int, int)
        Height and width of the model's input, in pixels. Images of this size are not cropped.
    preprocessing : Preprocessing
        Of the model; its margin comes out as zero.
    output : str
        Name of the tensor to give: uint8 (batch, height, width, 3).

    Raises
    ------
    DataError
        If the model wants another filter than Lanczos, or its own input is smaller than an image may be.
    """
    if min(size) < MIN_EDGE:
        raise DataError(
            f"a standalone model takes images from {MIN_EDGE} pixels each way, but the model's input has "
            f"{size[0]} x {size[1]}"
        )
    if preprocessing.resample != STANDALONE_FILTER:
        raise DataError(
            f"a standalone model can resize with {STANDALONE_FILTER} only, the model wants {preprocessing.resample}"
        )
    margin = preprocessing.margin
    crop, edges = _add_crop(graph, images, size, preprocessing.crop_fraction)
    if size[0] == size[1]:
        rows = columns = _add_weights(graph, edges[0], size[0], margin)
    else:
        rows, columns = (_add_weights(graph, *axis, margin) for axis in zip(edges, size, strict=True))
    # In Pillow's order: resize along the rows of each colour, round to integer levels, resize along the columns.
    planes = graph.add("Cast", graph.add("Transpose", crop, perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    turned = [graph.add("Transpose", part, perm=[1, 0]) for part in columns]
    planes = _add_levels(graph, *(graph.add("MatMul", planes, part) for part in turned))
    planes = _add_levels(graph, *(graph.add("MatMul", part, planes) for part in rows))
    pixels = graph.add("Transpose", graph.add("Cast", planes, to=TensorProto.UINT8), perm=[0, 2, 3, 1])
    padding = graph.integers([0, margin, margin, 0] * 2)
    graph.add("Pad", pixels, padding, graph.constant(0, np.uint8), output=output)


def _add_crop(
    graph: GraphBuilder, images: str, size: tuple[int, int], crop_fraction: float
) -> tuple[str, tuple[str, str]]:
    """Cut out what `galaxy_classify.images.crop.seen_box` says; return the part, and its height and width."""
    shape = graph.add("Shape", images)
    height, width = (graph.add("Gather", shape, graph.integers(axis)) for axis in (1, 2))
    shorter = graph.add("Min", height, width)
    # There is no fraction for a small image, and to ask for it is an error.
    is_small = graph.add("Cast", graph.add("Less", shorter, graph.integers(MIN_EDGE)), to=TensorProto.INT64)
    fraction = graph.add("Gather", graph.doubles([crop_fraction]), is_small, output=SIZE_CHECK)
    # Round takes halves to the even neighbour, as Python does.
    side = graph.add("Round", graph.add("Mul", graph.add("Cast", shorter, to=TensorProto.DOUBLE), fraction))
    side = graph.add("Max", graph.add("Cast", side, to=TensorProto.INT64), graph.integers(1))
    is_cropped = graph.add(
        "And",
        graph.add("Equal", height, graph.integers(size[0])),
        graph.add("Equal", width, graph.integers(size[1])),
    )
    edges = [graph.add("Where", is_cropped, edge, side) for edge in (height, width)]
    both = [graph.add("Unsqueeze", edge, graph.integers([0])) for edge in edges]
    extent = graph.add("Concat", *both, axis=0)
    whole = graph.add("Slice", shape, graph.integers([1]), graph.integers([3]))
    start = graph.add("Div", graph.add("Sub", whole, extent), graph.integers(2))
    end = graph.add("Add", start, extent)
    return graph.add("Slice", images, start, end, graph.integers([1, 2])), (edges[0], edges[1])


def _add_weights(graph: GraphBuilder, edge: str, target: int, margin: int) -> tuple[str, str]:
    """Compute the coarse and fine parts of the weights along one axis.

    Each is float32 (target - 2 · margin, edge): integers, which times 2^FINE_BITS and 1 add up to Pillow's weights.
    """
    pixels = graph.add("Cast", graph.add("Range", graph.integers(0), edge, graph.integers(1)), to=TensorProto.DOUBLE)
    pixels = graph.add("Add", pixels, graph.doubles(0.5))
    scale = graph.add("Div", graph.add("Cast", edge, to=TensorProto.DOUBLE), graph.doubles(target))
    centres = graph.add("Mul", graph.doubles(np.arange(margin, target - margin)[:, np.newaxis] + 0.5), scale)
    distance = graph.add("Div", graph.add("Sub", pixels, centres), graph.add("Max", scale, graph.doubles(1.0)))
    kernel = _add_kernel(graph, distance)
    # A kernel that the image's edge cuts off is normalised again.
    total = graph.add("ReduceSum", kernel, graph.integers([1]), keepdims=1)
    weights = graph.add("Mul", graph.add("Div", kernel, total), graph.doubles(2.0**WEIGHT_BITS))
    # Round takes halves to the even neighbour, but C's cast after adding a half takes them away from zero.
    nearest = graph.add("Floor", graph.add("Add", graph.add("Abs", weights), graph.doubles(0.5)))
    whole = graph.add("Mul", graph.add("Sign", weights), nearest)
    unit = graph.doubles(2.0**FINE_BITS)
    coarse = graph.add("Round", graph.add("Div", whole, unit))
    fine = graph.add("Sub", whole, graph.add("Mul", coarse, unit))
    return graph.add("Cast", coarse, to=TensorProto.FLOAT), graph.add("Cast", fine, to=TensorProto.FLOAT)


def _add_kernel(graph: GraphBuilder, distance: str) -> str:
    """Compute Lanczos' kernel, sinc(x) · sinc(x / 3) where abs(x) < 3, with one sine a value.

    With s = sin(πx / 3), the other sine is sin(πx) = s · (3 - 4s²).
    """
    angle = graph.add("Mul", distance, graph.doubles(np.pi / LANCZOS_SUPPORT))
    sine = graph.add("Sin", angle)
    square = graph.add("Mul", sine, sine)
    triple = graph.add("Sub", graph.doubles(3.0), graph.add("Mul", square, graph.doubles(4.0)))
    product = graph.add("Mul", graph.add("Mul", square, triple), graph.doubles(1 / LANCZOS_SUPPORT))
    ratio = graph.add("Div", product, graph.add("Mul", angle, angle))
    centred = graph.add("Where", graph.add("Equal", distance, graph.doubles(0.0)), graph.doubles(1.0), ratio)
    inside = graph.add("Less", graph.add("Abs", distance), graph.doubles(float(LANCZOS_SUPPORT)))
    return graph.add("Where", inside, centred, graph.doubles(0.0))


def _add_levels(graph: GraphBuilder, coarse: str, fine: str) -> str:
    """Round sums of weighted levels to levels from 0 to 255, halves up; all numbers are integers, as float32."""
    unit = graph.floats(2.0**-FINE_BITS)
    half = graph.floats(2.0 ** (WEIGHT_BITS - FINE_BITS - 1))
    carried = graph.add("Floor", graph.add("Mul", fine, unit))
    sums = graph.add("Add", graph.add("Add", coarse, carried), half)
    levels = graph.add("Floor", graph.add("Mul", sums, unit))
    return graph.add("Clip", levels, graph.floats(0.0), graph.floats(255.0))
