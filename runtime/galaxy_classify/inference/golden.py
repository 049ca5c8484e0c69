"""Golden images: reference images with recorded results, to test decoding, resize and model on another machine.

The file ``NAME.golden.json`` belongs to the model file ``NAME.onnx``. It holds a few drawn galaxies as PNG and JPEG,
the checksums of the pixels given to the model, and the outputs of the model file and of the trained network. Of models
that give it, the familiarity is recorded too.
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
#: Largest difference of a probability or familiarity that passes: processors and versions of ONNX Runtime round
#: differently.
PROBABILITY_TOLERANCE: Final = 1e-4
#: Largest tolerance that a golden file may set instead. An int8 network needs more, as a difference in the last digit
#: can move an activation to the next of its 256 levels.
LARGEST_TOLERANCE: Final = 0.02
#: Largest difference of a pixel after the fast resize, in levels of 255.
FAST_RESIZE_TOLERANCE: Final = 1


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """A reference image with the results recorded at export.

    Parameters
    ----------
    name : str
        Description of the image.
    content : bytes
        The encoded image.
    pixels_sha256 : str
        SHA-256 of the model's input.
    probabilities : tuple of float
        Output of the model file.
    trained_logits, trained_probabilities : tuple of float
        Outputs of the trained Keras network.
    familiarity : float or None
        Output of the model file; None if it gives none, or it was not recorded.
    """

    name: str
    content: bytes
    pixels_sha256: str
    probabilities: tuple[float, ...]
    trained_logits: tuple[float, ...]
    trained_probabilities: tuple[float, ...]
    familiarity: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the image as an object for the golden file."""
        return {
            "name": self.name,
            "content": base64.b64encode(self.content).decode("ascii"),
            "pixels_sha256": self.pixels_sha256,
            "probabilities": list(self.probabilities),
            "trained_logits": list(self.trained_logits),
            "trained_probabilities": list(self.trained_probabilities),
        } | ({} if self.familiarity is None else {"familiarity": self.familiarity})

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> GoldenImage:
        """Read an image from an object of the golden file; raise KeyError, TypeError or ValueError if it is none."""
        return cls(
            entry["name"],
            base64.b64decode(entry["content"]),
            entry["pixels_sha256"],
            tuple(map(float, entry["probabilities"])),
            tuple(map(float, entry["trained_logits"])),
            tuple(map(float, entry["trained_probabilities"])),
            None if entry.get("familiarity") is None else float(entry["familiarity"]),
        )


def golden_file(model: Path) -> Path:
    """Return the path of a model file's golden images."""
    return model.with_suffix(SUFFIX)


def pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of a model's input."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
