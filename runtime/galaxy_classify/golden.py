"""Golden images show whether the whole path, from bytes to probabilities, still gives what it gave at first.

Beside a model file ``NAME.onnx`` lies ``NAME.golden.json``: a few drawn galaxies as PNG and JPEG, the checksums of the
pixels that the model saw, and what the model file and the trained network said of them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ImageError, ModelError
from galaxy_classify.imagefile import decode_model_input
from galaxy_classify.model import OnnxModel
from galaxy_classify.resizing import Resizer

SUFFIX: Final = ".golden.json"
#: Other processors and versions of ONNX Runtime may differ in the last digits of a probability.
PROBABILITY_TOLERANCE: Final = 1e-4
#: The most that a golden file may ask for instead: int8 rounds, and turns a last digit into a level now and then.
LARGEST_TOLERANCE: Final = 0.02
#: Levels of 255 that a pixel may differ by after the fast resize.
FAST_RESIZE_TOLERANCE: Final = 1


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """One golden image.

    Parameters
    ----------
    name : str
        What it shows.
    content : bytes
        The encoded image.
    pixels_sha256 : str
        Checksum of the pixels that the model saw.
    probabilities : tuple of float
        What the model file said.
    trained_logits, trained_probabilities : tuple of float
        What the trained network said.
    """

    name: str
    content: bytes
    pixels_sha256: str
    probabilities: tuple[float, ...]
    trained_logits: tuple[float, ...]
    trained_probabilities: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the image as it stands in the file."""
        return {
            "name": self.name,
            "content": base64.b64encode(self.content).decode("ascii"),
            "pixels_sha256": self.pixels_sha256,
            "probabilities": list(self.probabilities),
            "trained_logits": list(self.trained_logits),
            "trained_probabilities": list(self.trained_probabilities),
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> GoldenImage:
        """Read an image as it stands in the file."""
        return cls(
            entry["name"],
            base64.b64decode(entry["content"]),
            entry["pixels_sha256"],
            tuple(entry["probabilities"]),
            tuple(entry["trained_logits"]),
            tuple(entry["trained_probabilities"]),
        )


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The outcome of a self-test.

    Parameters
    ----------
    images : int
        How many golden images there are.
    changed_pixels : tuple of str
        Those whose pixels are not exactly what they were, or after the fast resize not within a level: decoding, crop
        or resize have changed.
    largest_difference : float
        Largest difference of a probability, on the pixels of this machine.
    tolerance : float
        Difference that was measured to be harmless for this model when it was exported.
    """

    images: int
    changed_pixels: tuple[str, ...]
    largest_difference: float
    tolerance: float

    @property
    def preprocessing_holds(self) -> bool:
        """Whether all pixels are exactly what they were."""
        return not self.changed_pixels

    @property
    def inference_holds(self) -> bool:
        """Whether all probabilities are what they were, within the tolerance."""
        return self.largest_difference <= self.tolerance


def golden_file(model: Path) -> Path:
    """Return where the golden images of a model file are."""
    return model.with_suffix(SUFFIX)


def pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    """Return the checksum of a model's input."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def run_self_test(model: OnnxModel) -> SelfTest:
    """Send a model's golden images through the whole path on this machine.

    Parameters
    ----------
    model : OnnxModel
        The model, with its golden images beside its file.

    Returns
    -------
    SelfTest
        What still holds.

    Raises
    ------
    ModelError
        If there are no golden images, they are damaged, or they belong to another model.
    """
    file = golden_file(model.source.path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        golden = [GoldenImage.from_json(entry) for entry in content["images"]]
        model_sha256 = content["model_sha256"]
        tolerance = min(float(content.get("probability_tolerance", PROBABILITY_TOLERANCE)), LARGEST_TOLERANCE)
    except FileNotFoundError:
        raise ModelError(f"{file}: missing; a self-test needs the golden images of the model") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: cannot be used: {error!r}") from None
    if model_sha256 != model.sha256 or not golden:
        raise ModelError(f"{file}: belongs to another model, with the SHA-256 {model_sha256}")
    exact = Resizer(model.input_size, model.description.preprocessing)
    fast = Resizer(model.input_size, model.description.preprocessing, fast=True)
    changed = []
    largest = 0.0
    for image in golden:
        try:
            pixels = decode_model_input(io.BytesIO(image.content), exact).pixels
            quick = decode_model_input(io.BytesIO(image.content), fast).pixels
        except ImageError:
            changed.append(image.name)
            continue
        off = np.abs(pixels.astype(np.int16) - quick).max()
        if pixels_sha256(pixels) != image.pixels_sha256 or off > FAST_RESIZE_TOLERANCE:
            changed.append(image.name)
        difference = np.abs(model.run(pixels[np.newaxis])[0] - np.array(image.probabilities, np.float32)).max()
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf)))
    return SelfTest(len(golden), tuple(changed), largest, tolerance)
