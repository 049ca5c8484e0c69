"""Write a model file's metadata: those of the contract, and those that ONNX itself defines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

import onnx

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import ModelDescription
from galaxy_classify.text import one_line

#: Keys that ONNX recommends for every model (https://onnx.ai/onnx/repo-docs/IR.html#optional-metadata).
AUTHOR: Final = "model_author"
LICENCE: Final = "model_license"
#: What tensors of the type IMAGE hold (https://onnx.ai/onnx/repo-docs/MetadataProps.html).
IMAGE_FORMAT: Final = {
    "Image.BitmapPixelFormat": "Rgb8",
    "Image.ColorSpaceGamma": "SRGB",
    "Image.NominalPixelRange": "NominalRange_0_255",
}


def set_metadata(proto: onnx.ModelProto, description: ModelDescription, credit: Mapping[str, str]) -> None:
    """Replace a file's metadata.

    Parameters
    ----------
    proto : onnx.ModelProto
        The file.
    description : ModelDescription
        The metadata of the contract.
    credit : mapping
        From `credit_of`, or `AUTHOR` and `LICENCE` as far as they are known.

    Raises
    ------
    DataError
        If the metadata hold what Python reads from JSON, but JSON in UTF-8 cannot: not a number, or half a character.
    """
    del proto.metadata_props[:]
    try:
        onnx.helper.set_model_props(proto, description.to_metadata() | dict(credit) | IMAGE_FORMAT)
    except ValueError as error:
        raise DataError(f"the model's metadata cannot be written: {one_line(error)}") from None
    proto.graph.input[0].type.denotation = "IMAGE"
    proto.producer_name = "galaxy-export"
    proto.producer_version = version("galaxy-classify")
    proto.model_version = version_number(description.version)
    proto.doc_string = (
        f"{description.name} {description.version}: classifies images of galaxies as {', '.join(description.classes)}"
    )


def credit_of(proto: onnx.ModelProto) -> dict[str, str]:
    """Return author and licence, as far as a file names them."""
    return {entry.key: entry.value for entry in proto.metadata_props if entry.key in (AUTHOR, LICENCE)}


def version_number(text: str) -> int:
    """Return a version as ONNX has it, a whole number; 0 if it is not of the form 1.2.3.

    Examples
    --------
    >>> version_number("2.0.1"), version_number("2026 a")
    (2000001, 0)
    """
    found = re.fullmatch(r"(\d{1,6})\.(\d{1,3})\.(\d{1,3})", text)
    if found is None:
        return 0
    major, minor, patch = map(int, found.groups())
    return (major * 1000 + minor) * 1000 + patch
