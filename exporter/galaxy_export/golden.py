"""Make the golden images that a model file takes along for its self-test."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from galaxy_classify.discovery import Discovery
from galaxy_classify.errors import DataError, ImageError
from galaxy_classify.golden import GoldenImage, golden_file, pixels_sha256
from galaxy_classify.imagefile import decode_model_input
from galaxy_classify.model import OnnxModel
from galaxy_export.parity import keras_answers

#: They travel with every installation.
MAX_BYTES = 300_000


def write_golden(model: OnnxModel, network: Any, folder: Path) -> Path:
    """Record what a model file, and the network that it came from, say of a few images.

    Parameters
    ----------
    model : OnnxModel
        The file.
    network : keras.Model
        The network.
    folder : pathlib.Path
        Image files, best in several formats and sizes.

    Returns
    -------
    pathlib.Path
        The file beside the model's that holds images and answers.

    Raises
    ------
    DataError
        If there are no images, one cannot be decoded, or together they are too large.
    """
    paths = [Path(path) for path in Discovery().paths([str(folder)], ())]
    if not paths:
        raise DataError(f"{folder}: has no image files to make golden images of")
    contents = [path.read_bytes() for path in paths]
    try:
        pixels = np.stack(
            [
                decode_model_input(io.BytesIO(content), model.input_size, model.description.preprocessing).pixels
                for content in contents
            ]
        )
    except ImageError as error:
        raise DataError(f"{folder}: one of its images cannot be used: {error}") from None
    trained = keras_answers(network, pixels)
    golden = [
        GoldenImage(
            path.name,
            content,
            pixels_sha256(image),
            tuple(model.run(image[np.newaxis])[0].tolist()),
            tuple(logits.tolist()),
            tuple(probabilities.tolist()),
        )
        for path, content, image, logits, probabilities in zip(
            paths, contents, pixels, trained.logits, trained.probabilities, strict=True
        )
    ]
    entries = {"model_sha256": model.sha256, "images": [image.to_json() for image in golden]}
    text = json.dumps(entries, indent=1) + "\n"
    if len(text) > MAX_BYTES:
        raise DataError(f"{folder}: its images give {len(text):,} bytes of golden images, the limit is {MAX_BYTES:,}")
    target = golden_file(model.source.path)
    target.write_text(text, encoding="utf-8")
    return target
