"""Make a model's input of a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import DataError, ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.inputs.discovery import Discovery
from galaxy_export.gate.batches import Arrays
from galaxy_export.gate.models.model import Model, TensorSpec

RGB: Final = 3
GREY: Final = 1


def load_images(folder: Path, candidate: Model, white: float | None) -> tuple[Arrays, int]:
    """Return the images of a folder as the only input of a model, and how many could not be decoded.

    Each is the central square of an image, resized to the model's size by Pillow's Lanczos filter: RGB, or grey for a
    model of one channel. Bytes are given as they are, floating-point values so that white is `white`.

    Raises
    ------
    DataError
        If the model has several inputs or does not say what it takes, or there are no images.
    """
    spec, size, channels, first = _layout(candidate)
    if spec.dtype.kind == "f" and white is None:
        raise DataError(
            f"{candidate.label} takes images as {spec}: say which value white has with --white 1 or --white 255 "
            "(white= in Python), or prepare an NPZ file if it takes anything else"
        )
    paths = list(Discovery().paths([str(folder)], stdin=()))
    decoder = Decoder(Resizer(size, Preprocessing(crop_fraction=1.0)))
    pixels = []
    for path in paths:
        try:
            pixels.append(decoder.read(path).pixels)
        except ImageError:
            continue
    if not pixels:
        raise DataError(
            f"{folder}: none of its {len(paths)} images can be read" if paths else f"{folder}: has no images"
        )
    images: NDArray[Any] = np.stack(pixels if channels == RGB else [_grey(image) for image in pixels])
    if first:
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    if spec.dtype.kind == "f":
        images = (images.astype(np.float32) * np.float32((white or 0) / 255)).astype(spec.dtype)
    return {spec.name: images}, len(paths) - len(pixels)


def _layout(candidate: Model) -> tuple[TensorSpec, tuple[int, int], int, bool]:
    """Return a model's input, its height and width, its channels, and whether these come first."""
    remedy = "prepare an NPZ file with its inputs"
    if candidate.inputs is None or len(candidate.inputs) != 1:
        count = "does not say what it takes" if candidate.inputs is None else f"has {len(candidate.inputs)} inputs"
        raise DataError(f"{candidate.label} {count}, so that images alone are not enough: {remedy}")
    (spec,) = candidate.inputs
    if spec.shape is None or len(spec.shape) != 4 or (spec.dtype.kind != "f" and spec.dtype != np.uint8):
        raise DataError(f"{candidate.label} takes {spec}, which is no batch of images of bytes or floats: {remedy}")
    _, *lengths = spec.shape
    places = [place for place in (0, 2) if lengths[place] in (GREY, RGB)]
    if len(places) != 1:
        raise DataError(
            f"{candidate.label} takes {spec}, where the channels (1 or 3) may be the first axis of an image or the "
            f"last: {remedy}"
        )
    channels = lengths.pop(places[0])
    if None in lengths:
        raise DataError(f"{candidate.label} takes images of any size ({spec}), but all must have one: {remedy}")
    height, width = (length or 0 for length in lengths)
    return spec, (height, width), channels or 0, places[0] == 0


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).convert("L"))[..., np.newaxis]
