"""Write the standalone model that comes with the package, and golden images for whoever runs it in another language."""

from __future__ import annotations

import base64
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from galaxy_classify.cli.about.self_test import read_golden
from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.pixels import without_margin
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.embedded import embedded_standalone, find_model
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.results.safe_writing import name_of_ones_own, written_aside

SUFFIX: Final = ".onnx"


def write_standalone(path: str, model: str | None, *, force: bool) -> tuple[OnnxModel, Path]:
    """Write the standalone file of the default model, and its golden images beside it; return it and their path.

    Raises
    ------
    UsageError
        If another model is named, the file's name does not end with ``.onnx``, or a file exists and must stay.
    GalaxyClassifyError
        If a file cannot be written.
    """
    source, made_from = embedded_standalone()
    if model is not None and find_model(model).path != made_from.path:
        raise UsageError(
            f"standalone writes the one that comes with the package, of {made_from.name}; make one of "
            f"{model} with  galaxy-export standalone {model} -o {path}"
        )
    target = Path(path)
    if target.suffix != SUFFIX:
        raise UsageError(f"{path or 'standalone'}: a model file ends with {SUFFIX}")
    golden = golden_file(target)
    for file in (target, golden):
        if file.is_dir():
            raise UsageError(f"{file}: is a folder; choose another name")
        if not force and os.path.lexists(file):
            raise UsageError(f"{file}: exists already; choose another name, or replace it with --force")
    loaded = OnnxModel(source)
    contents = {target: source.path.read_bytes(), golden: golden_with_pixels(OnnxModel(made_from), loaded.sha256)}
    file = target
    try:
        # Both are written before either gets its name.
        with ExitStack() as stack:
            for file, content in contents.items():
                aside = stack.enter_context(written_aside(str(file), name_of_ones_own(str(file))))
                Path(aside).write_bytes(content)
    except OSError as error:
        raise GalaxyClassifyError(f"{file}: cannot be written: {error.strerror}") from None
    return loaded, golden


def golden_with_pixels(model: OnnxModel, sha256: str) -> bytes:
    """Return the golden images of a standalone file: those of the model that it was made from, with their pixels.

    A program in another language decodes JPEGs with another library. With the pixels it can tell how far that, or its
    handling of the image, is from this package.

    Parameters
    ----------
    model : OnnxModel
        The model that the standalone file was made from.
    sha256 : str
        Checksum of the standalone file.

    Raises
    ------
    ModelError
        If the model has no golden images, or they are damaged.
    """
    golden, content = read_golden(model)
    margin = model.description.preprocessing.margin
    decoder = Decoder(Resizer(model.input_size, model.description.preprocessing))
    for image, entry in zip(golden, content["images"], strict=True):
        seen = without_margin(decoder.decode(image.content).pixels, margin)
        entry["pixels"] = base64.b64encode(seen.tobytes()).decode("ascii")
    return (json.dumps(content | {"model_sha256": sha256}, indent=1) + "\n").encode()
