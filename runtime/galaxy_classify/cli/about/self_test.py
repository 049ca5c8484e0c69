"""The self-test: classify a model's golden images on this machine and compare."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from galaxy_classify.errors import ImageError, ModelError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.golden import (
    FAST_RESIZE_TOLERANCE,
    LARGEST_TOLERANCE,
    PROBABILITY_TOLERANCE,
    GoldenImage,
    golden_file,
    pixels_sha256,
)
from galaxy_classify.inference.model import OnnxModel


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The outcome of a self-test.

    `changed_pixels` names the images whose pixels are not exactly those that were recorded, or after the fast resize
    not within one level of 255: decoding, crop or resize have changed. `largest_difference` is that of a probability,
    on this machine's pixels; up to `tolerance` it was measured to be harmless when the model was exported.
    `familiarity_difference` is that of a familiarity, with the same limit; None if none is recorded.
    """

    images: int
    changed_pixels: tuple[str, ...]
    largest_difference: float
    tolerance: float
    familiarity_difference: float | None = None

    @property
    def preprocessing_holds(self) -> bool:
        """Whether all pixels are those that were recorded."""
        return not self.changed_pixels

    @property
    def inference_holds(self) -> bool:
        """Whether all probabilities and familiarities are those that were recorded, within the tolerance."""
        return max(self.largest_difference, self.familiarity_difference or 0.0) <= self.tolerance


def run_self_test(model: OnnxModel) -> SelfTest:
    """Classify the golden images beside a model's file, from bytes to probabilities, and compare with the record.

    Raises
    ------
    ModelError
        If there are no golden images, they are damaged, or they belong to another model.
    """
    golden, content = read_golden(model)
    file = golden_file(model.source.path)
    try:
        tolerance = min(float(content.get("probability_tolerance", PROBABILITY_TOLERANCE)), LARGEST_TOLERANCE)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{file}: cannot be used: {error!r}") from None
    exact = Decoder(Resizer(model.input_size, model.description.preprocessing))
    fast = Decoder(Resizer(model.input_size, model.description.preprocessing, fast=True))
    if not model.has_familiarity and any(image.familiarity is not None for image in golden):
        raise ModelError(f"{file}: cannot be used: it has familiarities, which the model does not give")
    changed = []
    largest = 0.0
    off_familiarity: list[float] = []
    for image in golden:
        try:
            pixels = exact.decode(image.content).pixels
            quick = fast.decode(image.content).pixels
        except ImageError:
            changed.append(image.name)
            continue
        off = np.abs(pixels.astype(np.int16) - quick).max()
        if pixels_sha256(pixels) != image.pixels_sha256 or off > FAST_RESIZE_TOLERANCE:
            changed.append(image.name)
        outputs = model.run(pixels[np.newaxis])
        difference = np.abs(outputs.probabilities[0] - np.array(image.probabilities, np.float32)).max()
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf)))
        if image.familiarity is not None and outputs.familiarity is not None:
            difference = np.abs(outputs.familiarity[0] - np.float32(image.familiarity))
            off_familiarity.append(float(np.nan_to_num(difference, nan=np.inf)))
    return SelfTest(len(golden), tuple(changed), largest, tolerance, max(off_familiarity, default=None))


def read_golden(model: OnnxModel) -> tuple[list[GoldenImage], dict[str, Any]]:
    """Read the golden images beside a model's file; return them, and the file's content.

    Raises
    ------
    ModelError
        If there are none, they are damaged, or they belong to another model.
    """
    file = golden_file(model.source.path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        golden = [GoldenImage.from_json(entry) for entry in content["images"]]
        model_sha256 = content["model_sha256"]
    except FileNotFoundError:
        raise ModelError(f"{file}: missing; a self-test needs the golden images of the model") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{file}: cannot be used: {error!r}") from None
    if model_sha256 != model.sha256 or not golden:
        raise ModelError(f"{file}: belongs to another model, with the SHA-256 {model_sha256}")
    if any(len(image.probabilities) != len(model.description.classes) for image in golden):
        raise ModelError(f"{file}: cannot be used: it does not have a probability for each class of the model")
    return golden, content
