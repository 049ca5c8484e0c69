"""Check a standalone model against the package: the same pixels and the same predictions, at many sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import ContractError, ParityError
from galaxy_classify.images.crop import seen_box
from galaxy_classify.images.pixels import without_margin
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import IMAGE_INPUT, PIXELS_NAME
from galaxy_classify.inference.model import OnnxModel
from galaxy_export.gate.differences import measure_difference
from galaxy_export.gate.limits import SINGLE

#: Shorter edges, in pixels, of the images that are compared: smaller than the model's input, as large, and larger.
EDGES: Final = (16, 17, 23, 31, 43, 63, 64, 65, 85, 100, 128, 170, 256, 300, 424, 512, 700, 1024, 1500, 2048)
#: Width and height as multiples of the shorter edge; no edge is longer than the last of `EDGES`.
SHAPES: Final = ((1.0, 1.0), (1.4, 1.0), (1.0, 1.9))
#: Share of the colour values that may differ, and by one level only. Here none did; but another processor's sine may
#: round another way.
PIXEL_TOLERANCE: Final = 1e-4
#: How far an output may be from the model's on the same pixels: ONNX Runtime may add up in another order.
OUTPUT_LIMIT: Final = SINGLE


@dataclass(slots=True)
class StandaloneParity:
    """How far a standalone model is from the package.

    Parameters
    ----------
    images, values : int
        Images and colour values compared.
    changed_values : int
        Colour values that differ, all of them by one level.
    output_difference : float
        Largest difference of an output from what the model that it was made from gives for the same pixels.
    """

    images: int = 0
    values: int = 0
    changed_values: int = 0
    output_difference: float = 0.0


def check_standalone(
    proto: onnx.ModelProto, model: OnnxModel, pictures: Iterable[tuple[str, Image.Image]]
) -> StandaloneParity:
    """Compare a standalone model with the package on pictures as they are, and drawn anew at many sizes.

    Parameters
    ----------
    proto : onnx.ModelProto
        The standalone model.
    model : OnnxModel
        The model that it was made from.
    pictures : iterable of (str, PIL.Image.Image)
        Names and RGB images; the first is also used for the sizes.

    Raises
    ------
    ContractError
        If the graph does not refuse a picture that the package refuses.
    ParityError
        If pixels or predictions differ; the message names the picture and its size.
    """
    run = _Runner(proto)
    resizer = Resizer(model.input_size, model.description.preprocessing)
    parity = StandaloneParity()
    for name, picture in _with_sizes(pictures):
        pixels = _seen(picture, resizer)
        found = run(np.asarray(picture))
        _compare_pixels(parity, f"{name}, {picture.width} x {picture.height} pixels", found[PIXELS_NAME][0], pixels)
        outputs = model.run(found[PIXELS_NAME], embedding=True)
        for output in sorted(found.keys() - {PIXELS_NAME}):
            difference = measure_difference(getattr(outputs, output), found[output], OUTPUT_LIMIT)
            if not difference.accepted:
                raise ParityError(
                    f"standalone: {name}: the difference of an output, {output!r}, is {difference.absolute:.3g}, "
                    f"{difference.excess:.3g} times what is tolerated"
                )
            parity.output_difference = max(parity.output_difference, difference.absolute)
        parity.images += 1
    if parity.changed_values > PIXEL_TOLERANCE * parity.values:
        raise ParityError(
            f"standalone: {parity.changed_values:,} of {parity.values:,} colour values are not those of the package"
        )
    _check_refusal(run)
    return parity


class _Runner:
    """Run a standalone model on one image; if it takes several, together with another."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # images that it is to refuse would be reported on stderr
        self._session = onnxruntime.InferenceSession(
            proto.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, image: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        given = image if self._input == IMAGE_INPUT else np.stack([255 - image, image])
        found = self._session.run(None, {self._input: given})
        return {name: values[-1:] for name, values in zip(self._outputs, found, strict=True)}


def _with_sizes(pictures: Iterable[tuple[str, Image.Image]]) -> Iterator[tuple[str, Image.Image]]:
    """Yield the pictures, and a few at many sizes: the first, and noise, in which a wrong rounding shows most."""
    first = None
    for name, picture in pictures:
        first = first or (name, picture)
        yield name, picture
    random = np.random.default_rng(0)
    for edge in EDGES:
        for shape in SHAPES:
            width, height = (min(round(edge * factor), EDGES[-1]) for factor in shape)
            if first is not None:
                yield first[0], first[1].resize((width, height))
            yield "noise", Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))


def _seen(picture: Image.Image, resizer: Resizer) -> NDArray[np.uint8]:
    """Return what the package gives the model: uint8, shape (height, width, 3), zero in the margin."""
    if (picture.height, picture.width) != resizer.size:
        return resizer(picture, seen_box(*picture.size, resizer.size, resizer.preprocessing.crop_fraction))
    return without_margin(np.asarray(picture), resizer.preprocessing.margin)


def _compare_pixels(parity: StandaloneParity, name: str, found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    off = np.abs(found.astype(np.int16) - expected)
    if off.max() > 1:
        raise ParityError(f"standalone: {name}: a colour value is {off.max()} levels from the package's")
    parity.values += off.size
    parity.changed_values += int((off > 0).sum())


def _check_refusal(run: _Runner) -> None:
    """Check that too small an image is an error, as it is in the package, and no guess."""
    for width, height in ((100, EDGES[0] - 1), (EDGES[0] - 1, 100)):
        refused = True
        with suppress(Exception):  # ONNX Runtime's errors have no common base
            run(np.zeros((height, width, 3), np.uint8))
            refused = False
        if not refused:
            raise ContractError(f"standalone: an image of {width} x {height} pixels is no error")
