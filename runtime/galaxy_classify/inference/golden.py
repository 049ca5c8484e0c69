"""Golden images show whether the whole path, from bytes to probabilities, still gives what it gave at first.

Beside a model file ``NAME.onnx`` lies ``NAME.golden.json``: a few drawn galaxies as PNG and JPEG, the checksums of the
pixels that the model saw, and what the model file and the trained network said of them.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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


def golden_file(model: Path) -> Path:
    """Return where the golden images of a model file are."""
    return model.with_suffix(SUFFIX)


def pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    """Return the checksum of a model's input."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
