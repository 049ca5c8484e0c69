"""Make a standalone file of a model file, and check it against the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from galaxy_classify.cli.about.self_test import read_golden
from galaxy_classify.cli.about.standalone import golden_with_pixels
from galaxy_classify.errors import DataError, ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from galaxy_classify.inputs.discovery import Discovery
from galaxy_export.partial_model import partial_model, write_whole
from galaxy_export.standalone.check import StandaloneParity, check_standalone
from galaxy_export.standalone.graph import standalone_graph


def write_standalone(
    source: ModelSource, output: Path, images: Path | None, *, batched: bool
) -> tuple[OnnxModel, StandaloneParity]:
    """Write a standalone file, and golden images beside it if the model has some; leave none if a check fails.

    Parameters
    ----------
    source : ModelSource
        The model file.
    output : pathlib.Path
        The file to write; an existing one is replaced.
    images : pathlib.Path or None
        File or folder of images to compare pixels and predictions on, beside the golden ones.
    batched : bool
        Whether the file takes several images of equal size, or one.

    Returns
    -------
    OnnxModel
        The file, as the runtime loads it.
    StandaloneParity
        How far it is from the package.

    Raises
    ------
    DataError
        If the model is standalone already or cannot be made so, or an image or the file to write cannot be used.
    ModelError
        If the model breaks the contract.
    ParityError
        If pixels or predictions differ from the package's.
    """
    model = OnnxModel(source)
    if model.description.is_standalone:
        raise DataError(f"{source.path}: is a standalone model already")
    if not output.absolute().parent.is_dir():
        raise DataError(f"{output}: cannot be written: there is no folder {output.parent}")
    if output.is_dir():
        raise DataError(f"{output}: cannot be written: it is a folder")
    if output.exists() and output.samefile(source.path):
        raise DataError(f"{output}: is the model itself; name another file with --output")
    decoder = Decoder(Resizer(model.input_size, model.description.preprocessing))
    has_golden = golden_file(source.path).exists()
    pictures = [
        *(_golden_pictures(model, decoder) if has_golden else ()),
        *(_pictures(images, decoder) if images else ()),
    ]
    proto = onnx.load_from_string(source.path.read_bytes())
    standalone = standalone_graph(proto, model.description, model.sha256, batched=batched)
    onnx.checker.check_model(standalone, full_check=True)
    with partial_model(standalone, output) as partial:
        parity = check_standalone(standalone, model, pictures)
        loaded = OnnxModel(ModelSource(partial))
        loaded.run(np.zeros((2, *model.input_size, 3), np.uint8))
        if has_golden:  # before the model gets its name: if they cannot be written, nothing is left
            write_whole(golden_file(output), golden_with_pixels(model, loaded.sha256))
    return OnnxModel(ModelSource(output)), parity


def _golden_pictures(model: OnnxModel, decoder: Decoder) -> Iterator[tuple[str, Image.Image]]:
    for image in read_golden(model)[0]:
        yield image.name, decoder.decode_picture(image.content).rgb


def _pictures(images: Path, decoder: Decoder) -> Iterator[tuple[str, Image.Image]]:
    """Decode image files; one that the package refuses can show nothing and is an error."""
    found = False
    for path in Discovery().paths([str(images)], ()):
        found = True
        try:
            yield path, decoder.read_picture(path).rgb
        except ImageError as error:
            raise DataError(f"{path}: {error}; leave it out") from None
    if not found:
        raise DataError(f"{images}: has no images")
