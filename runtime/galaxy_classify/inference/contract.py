"""The model contract: tensors and metadata that an ONNX file must have to be accepted.

The input tensor is ``images``, uint8, (batch, height, width, 3), RGB. The output tensor is ``probabilities``, float32,
(batch, classes). Two more outputs may follow it: ``familiarity``, float32, (batch), 0 to 1: how much an image is like
those that the model can judge; and ``embedding``, float32, (batch, features): the features that the network compares
images by. The graph contains every step from pixels to outputs. What a graph cannot express (class names, crop, resize,
training, parity) is JSON in the file's metadata, under ``galaxy_classify.*``. `galaxy_classify.inference.tensors`
checks the tensors, this module the metadata.

A standalone file crops and resizes in its graph, too. It takes a whole image, ``image``, uint8, (height, width, 3), or
several of equal size, ``images``, uint8, (batch, height, width, 3). After the outputs of the model that it was made
from comes ``pixels``, uint8, (batch, height, width, 3): what the network saw.
docs/reference/model-contract.md has all of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from galaxy_classify.errors import ModelError
from galaxy_classify.inference.names import MOST_CHARACTERS, class_fault, name_fault, text_fault
from galaxy_classify.probabilities.held_out import HeldOut

#: Versions of the contract that this release understands. In the first, `probabilities` is the only output; the second
#: allows `OPTIONAL_OUTPUTS`.
CONTRACT_VERSIONS: Final = ("1", "2")
#: What standalone files state instead of a version.
STANDALONE: Final = "standalone"
INPUT_NAME: Final = "images"
#: Input of a standalone file that takes one image; if it takes several, it is `INPUT_NAME`.
IMAGE_INPUT: Final = "image"
#: Last output of a standalone file.
PIXELS_NAME: Final = "pixels"
OUTPUT_NAME: Final = "probabilities"
FAMILIARITY_NAME: Final = "familiarity"
EMBEDDING_NAME: Final = "embedding"
#: Outputs that a model may have after `OUTPUT_NAME`, in this order.
OPTIONAL_OUTPUTS: Final = (FAMILIARITY_NAME, EMBEDDING_NAME)
METADATA_PREFIX: Final = "galaxy_classify."
MAX_CLASSES: Final = 1000
#: Classes of GalaxyMNIST in the order of their labels 0 to 3.
GALAXY_MNIST_CLASSES: Final = ("smooth_round", "smooth_cigar", "edge_on_disk", "unbarred_spiral")
#: Filters that the contract allows for the resize, named as Pillow names them.
RESAMPLING_FILTERS: Final = ("lanczos", "bicubic", "bilinear", "box", "hamming", "nearest")

#: The one of them that graphs of standalone files have.
STANDALONE_FILTER: Final = "lanczos"


def contract_version(outputs: Iterable[str]) -> str:
    """Return the version of the contract that a file with these outputs has to state.

    It is the first that allows them. Releases that cannot read them then say that a newer release is needed.

    Examples
    --------
    >>> contract_version(["probabilities"]), contract_version(["probabilities", "familiarity"])
    ('1', '2')
    """
    return CONTRACT_VERSIONS[any(name in OPTIONAL_OUTPUTS for name in outputs)]


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
    contract : str
        Version of the contract that the file states, as `contract_version` gives it for the file's outputs; or
        `STANDALONE`.
    made_from : dict or None
        Of a standalone file: ``contract`` and ``sha256`` of the model file that it was made from.
    held_out : HeldOut or None
        Predictions on galaxies that were held out of the training; None if the file carries none.
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
    contract: str = CONTRACT_VERSIONS[0]
    made_from: dict[str, Any] | None = None
    held_out: HeldOut | None = None

    @property
    def is_standalone(self) -> bool:
        """Whether the file crops and resizes in its graph."""
        return self.contract == STANDALONE

    def as_standalone(self, sha256: str) -> ModelDescription:
        """Return the description of a standalone file that is made from this model's file."""
        return replace(self, contract=STANDALONE, made_from={"contract": self.contract, "sha256": sha256})

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata as an ONNX file's ``metadata_props``."""
        values = {
            "contract": self.contract,
            "name": self.name,
            "version": self.version,
            "classes": _dump(list(self.classes)),
            "preprocessing": _dump(asdict(self.preprocessing)),
            "training": _dump(self.training),
            "parity": _dump(self.parity),
            "source_sha256": self.source_sha256,
            "exported_with": _dump(self.exported_with),
        }
        if self.card:
            values["card"] = self.card
        if self.made_from is not None:
            values["made_from"] = _dump(self.made_from)
        if self.held_out is not None:
            values["held_out"] = _dump(self.held_out.to_json())
        return {METADATA_PREFIX + key: value for key, value in values.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> ModelDescription:
        """Read an ONNX file's ``metadata_props``; raise `ModelError` naming the clause of the contract they break."""
        contract = _text(metadata, "contract")
        if contract not in (*CONTRACT_VERSIONS, STANDALONE):
            raise ModelError(
                f"contract: version is {contract!r}, this galaxy-classify understands "
                f"{', '.join(map(repr, CONTRACT_VERSIONS))} and {STANDALONE!r}; install a release that matches the "
                "model"
            )
        classes = _classes(metadata)
        return cls(
            name=_checked(metadata, "name", name_fault),
            version=_checked(metadata, "version", text_fault),
            classes=classes,
            preprocessing=_preprocessing(metadata, contract),
            training=_object(metadata, "training"),
            parity=_object(metadata, "parity"),
            source_sha256=_sha256(metadata, "source_sha256"),
            exported_with=_object(metadata, "exported_with"),
            card=metadata.get(METADATA_PREFIX + "card", ""),
            contract=contract,
            made_from=_made_from(metadata) if contract == STANDALONE else None,
            held_out=_held_out(metadata, len(classes)),
        )


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
    if not _is_sha256(value):
        raise ModelError(f"contract: metadata {METADATA_PREFIX}{key} is not a SHA-256 in hexadecimal")
    return value


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _made_from(metadata: Mapping[str, str]) -> dict[str, Any]:
    value = _object(metadata, "made_from")
    if value.get("contract") not in CONTRACT_VERSIONS or not _is_sha256(value.get("sha256")):
        raise ModelError(
            f"contract: metadata {METADATA_PREFIX}made_from does not have contract and sha256 of a model file"
        )
    return value


def _held_out(metadata: Mapping[str, str], classes: int) -> HeldOut | None:
    if METADATA_PREFIX + "held_out" not in metadata:
        return None
    value = _object(metadata, "held_out")
    try:
        return HeldOut.from_json(value, classes)
    except ModelError as error:
        raise ModelError(f"contract: metadata {METADATA_PREFIX}{error}") from None


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


def _preprocessing(metadata: Mapping[str, str], contract: str) -> Preprocessing:
    value = _object(metadata, "preprocessing")
    # Files from before the margin was introduced lack its key, and must stay loadable.
    if not {"crop_fraction", "resample"} <= set(value) <= {"crop_fraction", "resample", "margin"}:
        raise ModelError(
            f"contract: preprocessing has the keys {sorted(value)}, not crop_fraction, resample and optionally margin"
        )
    preprocessing = Preprocessing(**value)
    if contract == STANDALONE and preprocessing.resample != STANDALONE_FILTER:
        raise ModelError(
            f"contract: preprocessing: resample is {preprocessing.resample!r}, but a standalone file resizes with "
            f"{STANDALONE_FILTER!r}"
        )
    return preprocessing
