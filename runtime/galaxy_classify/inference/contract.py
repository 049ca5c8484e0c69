"""The model contract: tensors and metadata that an ONNX file must have to be accepted.

The input tensor is ``images``, uint8, (batch, height, width, 3), RGB; the output tensor is ``probabilities``, float32,
(batch, classes). The graph contains every step from pixels to probabilities. What a graph cannot express (class names,
crop, resize, training, parity) is JSON in the file's metadata, under ``galaxy_classify.*``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from galaxy_classify.errors import ModelError
from galaxy_classify.inference.names import MOST_CHARACTERS, class_fault, name_fault, text_fault

CONTRACT_VERSION: Final = "1"
INPUT_NAME: Final = "images"
OUTPUT_NAME: Final = "probabilities"
FAMILIARITY_NAME: Final = "familiarity"
EMBEDDING_NAME: Final = "embedding"
METADATA_PREFIX: Final = "galaxy_classify."
#: Largest height and width of the input, in pixels: beyond it a batch would take gigabytes.
MAX_INPUT_EDGE: Final = 4096
MAX_CLASSES: Final = 1000
#: Classes of GalaxyMNIST in the order of their labels 0 to 3.
GALAXY_MNIST_CLASSES: Final = ("smooth_round", "smooth_cigar", "edge_on_disk", "unbarred_spiral")
#: Filters that the contract allows for the resize, named as Pillow names them.
RESAMPLING_FILTERS: Final = ("lanczos", "bicubic", "bilinear", "box", "hamming", "nearest")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Crop and resize that turn a decoded image into a model's input.

    ``crop_fraction`` is the side of the central square that is kept, as a fraction of the shorter edge. ``resample`` is
    the filter of the resize, one of `RESAMPLING_FILTERS`. ``margin`` is the number of pixels along each edge of its
    input that the network ignores, so that the runtime need not compute them.

    The defaults are those of GalaxyMNIST's ``create_dataset.py`` (Walmsley, github.com/mwalmsley/galaxy_mnist).
    """

    crop_fraction: float = 0.75
    resample: str = "lanczos"
    margin: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.crop_fraction, bool) or not isinstance(self.crop_fraction, int | float):
            raise ModelError(f"contract: preprocessing: crop_fraction is {self.crop_fraction!r}, not a number")
        if not 0.0 < self.crop_fraction <= 1.0:
            raise ModelError(f"contract: preprocessing: crop_fraction is {self.crop_fraction}, not in (0, 1]")
        if self.resample not in RESAMPLING_FILTERS:
            raise ModelError(
                f"contract: preprocessing: resample is {self.resample!r}, not one of {', '.join(RESAMPLING_FILTERS)}"
            )
        if isinstance(self.margin, bool) or not isinstance(self.margin, int) or self.margin < 0:
            raise ModelError(f"contract: preprocessing: margin is {self.margin!r}, not a number of pixels")

    def check_size(self, size: tuple[int, int]) -> None:
        """Raise `ModelError` if the margin covers a whole input of this height and width in pixels."""
        if 2 * self.margin >= min(size):
            raise ModelError(
                f"contract: preprocessing: a margin of {self.margin} leaves nothing of {size[0]} x {size[1]} pixels"
            )


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """Metadata of a model that keeps the contract.

    Parameters
    ----------
    name, version : str
        Name and version of the model.
    classes : tuple of str
        Class names in the order of the output's columns.
    preprocessing : Preprocessing
        Crop and resize that the model was trained with.
    training : dict
        Data set and its checksum, sizes, recipe, epochs, random seed and metrics on the test set.
    parity : dict
        Images compared with the trained model, largest difference, agreement and tolerance.
    source_sha256 : str
        SHA-256 of the ``.keras`` file that was exported.
    exported_with : dict
        Versions of the tools that made the file.
    card : str
        Model card in Markdown; empty if there is none.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    training: dict[str, Any]
    parity: dict[str, Any]
    source_sha256: str
    exported_with: dict[str, Any]
    card: str = ""

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata as an ONNX file's ``metadata_props``."""
        values = {
            "contract": CONTRACT_VERSION,
            "name": self.name,
            "version": self.version,
            "classes": _dump(list(self.classes)),
            "preprocessing": _dump(asdict(self.preprocessing)),
            "training": _dump(self.training),
            "parity": _dump(self.parity),
            "source_sha256": self.source_sha256,
            "exported_with": _dump(self.exported_with),
        } | ({"card": self.card} if self.card else {})
        return {METADATA_PREFIX + key: value for key, value in values.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> ModelDescription:
        """Read an ONNX file's ``metadata_props``; raise `ModelError` naming the clause of the contract they break."""
        version = _text(metadata, "contract")
        if version != CONTRACT_VERSION:
            raise ModelError(
                f"contract: version is {version!r}, this galaxy-classify understands {CONTRACT_VERSION!r}; "
                "install a release that matches the model"
            )
        return cls(
            name=_checked(metadata, "name", name_fault),
            version=_checked(metadata, "version", text_fault),
            classes=_classes(metadata),
            preprocessing=_preprocessing(metadata),
            training=_object(metadata, "training"),
            parity=_object(metadata, "parity"),
            source_sha256=_sha256(metadata, "source_sha256"),
            exported_with=_object(metadata, "exported_with"),
            card=metadata.get(METADATA_PREFIX + "card", ""),
        )


def check_tensors(
    inputs: Mapping[str, tuple[str, list[Any]]], outputs: Mapping[str, tuple[str, list[Any]]], classes: int
) -> tuple[int, int]:
    """Check names, dtypes and shapes of a model's tensors, and return height and width of its input in pixels.

    Parameters
    ----------
    inputs, outputs : mapping of str to (str, list)
        Name to ONNX Runtime's type (``"tensor(uint8)"``) and shape (an int, or a name or None where dynamic).
    classes : int
        Number of classes in the metadata.

    Raises
    ------
    ModelError
        If a clause of the contract is broken; the message names it.
    """
    kind, shape = _only("input", INPUT_NAME, inputs)
    if kind != "tensor(uint8)":
        raise ModelError(f"contract: input {INPUT_NAME!r} is {kind}, not tensor(uint8)")
    if len(shape) != 4 or shape[3] != 3 or not all(isinstance(edge, int) and edge > 0 for edge in shape[1:3]):
        raise ModelError(f"contract: input {INPUT_NAME!r} has shape {shape}, not [batch, height, width, 3]")
    if max(shape[1:3]) > MAX_INPUT_EDGE:
        raise ModelError(
            f"contract: input {INPUT_NAME!r} has {shape[1]} x {shape[2]} pixels, the limit is {MAX_INPUT_EDGE} each way"
        )
    if isinstance(shape[0], int):
        raise ModelError(f"contract: the batch size of input {INPUT_NAME!r} is fixed to {shape[0]}, it must be dynamic")
    kind, output_shape = _only("output", OUTPUT_NAME, outputs)
    if kind != "tensor(float)":
        raise ModelError(f"contract: output {OUTPUT_NAME!r} is {kind}, not tensor(float)")
    if len(output_shape) != 2 or output_shape[1] != classes:
        raise ModelError(
            f"contract: output {OUTPUT_NAME!r} has shape {output_shape}, not [batch, {classes}] for {classes} classes"
        )
    if isinstance(output_shape[0], int):
        raise ModelError(
            f"contract: the batch size of output {OUTPUT_NAME!r} is fixed to {output_shape[0]}, it must be dynamic"
        )
    return shape[1], shape[2]


def _only(what: str, name: str, tensors: Mapping[str, tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    if list(tensors) != [name]:
        raise ModelError(f"contract: {what}s are {', '.join(tensors) or 'none'}; exactly one is allowed, {name!r}")
    return tensors[name]


def _dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _text(metadata: Mapping[str, str], key: str) -> str:
    value = metadata.get(METADATA_PREFIX + key)
    if not value:
        raise ModelError(f"contract: metadata {METADATA_PREFIX}{key} is missing")
    return value


def _json(metadata: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(_text(metadata, key))
    except ValueError as error:
        raise ModelError(f"contract: metadata {METADATA_PREFIX}{key} is not JSON: {error}") from None
    except RecursionError:
        raise ModelError(f"contract: metadata {METADATA_PREFIX}{key} is nested too deeply") from None


def _object(metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    value = _json(metadata, key)
    if not isinstance(value, dict):
        raise ModelError(f"contract: metadata {METADATA_PREFIX}{key} is not a JSON object")
    return value


def _sha256(metadata: Mapping[str, str], key: str) -> str:
    value = _text(metadata, key)
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ModelError(f"contract: metadata {METADATA_PREFIX}{key} is not a SHA-256 in hexadecimal")
    return value


def _classes(metadata: Mapping[str, str]) -> tuple[str, ...]:
    value = _json(metadata, "classes")
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ModelError("contract: metadata galaxy_classify.classes is not a JSON list of names")
    if len(value) < 2 or len(set(value)) != len(value):
        raise ModelError(f"contract: classes are {value!a:.200}; two or more different names are needed")
    if len(value) > MAX_CLASSES:
        raise ModelError(f"contract: there are {len(value):,} classes, the limit is {MAX_CLASSES:,}")
    if fault := class_fault(value):
        raise ModelError(f"contract: {fault}")
    return tuple(value)


def _checked(metadata: Mapping[str, str], key: str, find_fault: Callable[[str], str | None]) -> str:
    value = _text(metadata, key)
    if fault := find_fault(value):
        raise ModelError(f"contract: {key} {value[:MOST_CHARACTERS]!a} {fault}")
    return value


def _preprocessing(metadata: Mapping[str, str]) -> Preprocessing:
    value = _object(metadata, "preprocessing")
    # Files from before the margin was introduced lack its key, and must stay loadable.
    if not {"crop_fraction", "resample"} <= set(value) <= {"crop_fraction", "resample", "margin"}:
        raise ModelError(
            f"contract: preprocessing has the keys {sorted(value)}, not crop_fraction, resample and optionally margin"
        )
    return Preprocessing(**value)
