"""Record golden images: a few images with a model's output, beside the model file, for its self-test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from galaxy_classify.errors import DataError, ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import EMBEDDING_NAME, INPUT_NAME
from galaxy_classify.inference.golden import PROBABILITY_TOLERANCE, GoldenImage, golden_file, pixels_sha256
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inputs.discovery import Discovery
from galaxy_export.gate.differences import measure_difference
from galaxy_export.gate.limits import EXACT
from galaxy_export.gate.models.onnx_file import OnnxGraph
from galaxy_export.graph.predictions import keras_predictions

#: Golden images are part of every installation; base64 adds a third, so they stay below 300 kB.
MAX_BYTES: Final = 200_000


@dataclass(frozen=True, slots=True)
class GoldenCandidate:
    """An image file to record as a golden image: its name, and its encoded content."""

    name: str
    content: bytes


def read_golden_candidates(folder: Path, resizer: Resizer) -> list[GoldenCandidate]:
    """Read and decode the images to record, so that a bad one shows before the export.

    Parameters
    ----------
    folder : pathlib.Path
        Image files, preferably in several formats and sizes.
    resizer : Resizer
        Resizes to the network's input size.

    Raises
    ------
    DataError
        If there are no images, one cannot be decoded, or together they are too large.
    """
    candidates = []
    for path in Discovery().paths([str(folder)], ()):
        try:
            candidate = GoldenCandidate(Path(path).name, Path(path).read_bytes())
            Decoder(resizer).decode(candidate.content)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None
        except ImageError as error:
            raise DataError(f"{path}: cannot be a golden image: {error}") from None
        candidates.append(candidate)
    if not candidates:
        raise DataError(f"{folder}: has no image files to make golden images of")
    total = sum(len(candidate.content) for candidate in candidates)
    if total > MAX_BYTES:
        raise DataError(f"{folder}: its images have {total:,} bytes, the limit for golden images is {MAX_BYTES:,}")
    return candidates


def machine_tolerance(proto: onnx.ModelProto, pixels: NDArray[np.uint8]) -> float:
    """Return the tolerance for differences of a probability or familiarity between machines.

    The graph is run with ONNX Runtime's optimisations and without. These use different kernels, which add in different
    orders, as different processors do. The tolerance is three times the difference, and at least that of every model.

    Parameters
    ----------
    proto : onnx.ModelProto
        Graph of the model file.
    pixels : ndarray of uint8, shape (N, height, width, 3)
        Real or realistic galaxies.
    """
    content = proto.SerializeToString()
    usual, plain = (
        OnnxGraph(content, "the model", optimized=optimized).run({INPUT_NAME: pixels}) for optimized in (True, False)
    )
    names = [name for name in usual if name != EMBEDDING_NAME]
    differences = (measure_difference(plain[name], usual[name], EXACT).absolute for name in names)
    return max(PROBABILITY_TOLERANCE, *(3 * difference for difference in differences))


def write_golden(model: OnnxModel, network: Any, candidates: list[GoldenCandidate], tolerance: float) -> None:
    """Record a few images beside a model file, with its own output and that of the trained network.

    Parameters
    ----------
    model : OnnxModel
        The model file.
    network : keras.Model
        The trained network.
    candidates : list of GoldenCandidate
        The images.
    tolerance : float
        Tolerance from `machine_tolerance`.
    """
    decoder = Decoder(Resizer(model.input_size, model.description.preprocessing))
    pixels = np.stack([decoder.decode(candidate.content).pixels for candidate in candidates])
    trained = keras_predictions(network, pixels)
    golden = []
    for row, (candidate, seen) in enumerate(zip(candidates, pixels, strict=True)):
        found = model.run(seen[np.newaxis])
        golden.append(
            GoldenImage(
                candidate.name,
                candidate.content,
                pixels_sha256(seen),
                tuple(found.probabilities[0].tolist()),
                tuple(trained.logits[row].tolist()),
                tuple(trained.probabilities[row].tolist()),
                None if found.familiarity is None else found.familiarity[0].item(),
            )
        )
    entries = {
        "model_sha256": model.sha256,
        "probability_tolerance": tolerance,
        "images": [image.to_json() for image in golden],
    }
    golden_file(model.source.path).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
