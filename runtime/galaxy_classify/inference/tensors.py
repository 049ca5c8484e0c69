"""The model contract's tensors: names, dtypes and shapes of a model's input and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from galaxy_classify.errors import ModelError
from galaxy_classify.inference.contract import (
    EMBEDDING_NAME,
    FAMILIARITY_NAME,
    IMAGE_INPUT,
    INPUT_NAME,
    OPTIONAL_OUTPUTS,
    OUTPUT_NAME,
    PIXELS_NAME,
    ModelDescription,
    contract_version,
)

#: Largest height and width of the input, in pixels: beyond it a batch would take gigabytes.
MAX_INPUT_EDGE: Final = 4096
#: Largest length of an embedding. Embeddings of large networks for photographs have some 2,000 features.
MAX_FEATURES: Final = 16_384

#: Tensors by name: ONNX Runtime's type (``"tensor(uint8)"``) and shape (an int, or a name or None where dynamic).
Tensors = Mapping[str, tuple[str, list[Any]]]


@dataclass(frozen=True, slots=True)
class ModelTensors:
    """What the tensors of one model are; models that keep the contract differ in nothing else."""

    #: Name of the input.
    input_name: str
    #: Height and width, in pixels, of what the network sees.
    input_size: tuple[int, int]
    #: Whether the input is one image, not a batch.
    one_image: bool
    has_familiarity: bool
    #: Features of the embedding; None if the model has no such output.
    embedding_size: int | None


def check_tensors(inputs: Tensors, outputs: Tensors, description: ModelDescription) -> ModelTensors:
    """Check names, dtypes and shapes of a model's tensors, and return what is particular to it.

    Raises
    ------
    ModelError
        If a clause of the contract is broken; the message names it.
    """
    name, one_image = _check_input(inputs, description)
    outputs = dict(outputs)
    if description.is_standalone:
        seen, size = f"output {PIXELS_NAME!r}", _check_pixels(outputs, one_image=one_image)
    else:
        seen, size = f"input {name!r}", tuple(inputs[name][1][1:3])
    height, width = size
    if max(size) > MAX_INPUT_EDGE:
        raise ModelError(f"contract: {seen} has {height} x {width} pixels, the limit is {MAX_INPUT_EDGE} each way")
    _check_names(outputs, description)
    classes = len(description.classes)
    _check_output(outputs, OUTPUT_NAME, f"[batch, {classes}] for {classes} classes", (classes,), one_image=one_image)
    if FAMILIARITY_NAME in outputs:
        _check_output(outputs, FAMILIARITY_NAME, "[batch]", (), one_image=one_image)
    features = outputs[EMBEDDING_NAME][1][1:] if EMBEDDING_NAME in outputs else []
    if EMBEDDING_NAME in outputs:
        if len(features) != 1 or not isinstance(features[0], int) or not 0 < features[0] <= MAX_FEATURES:
            raise ModelError(
                f"contract: output {EMBEDDING_NAME!r} has shape {outputs[EMBEDDING_NAME][1]}, "
                f"not [batch, features] with 1 to {MAX_FEATURES:,} features"
            )
        _check_output(outputs, EMBEDDING_NAME, "[batch, features]", (features[0],), one_image=one_image)
    return ModelTensors(
        name, (height, width), one_image, FAMILIARITY_NAME in outputs, features[0] if features else None
    )


def _check_input(inputs: Tensors, description: ModelDescription) -> tuple[str, bool]:
    """Check the input; return its name, and whether it is one image and not a batch."""
    allowed = (IMAGE_INPUT, INPUT_NAME) if description.is_standalone else (INPUT_NAME,)
    if len(inputs) != 1 or not set(inputs) <= set(allowed):
        raise ModelError(
            f"contract: inputs are {_listed(inputs)}; exactly one is allowed, {' or '.join(map(repr, allowed))}"
        )
    ((name, (kind, shape)),) = inputs.items()
    if kind != "tensor(uint8)":
        raise ModelError(f"contract: input {name!r} is {kind}, not tensor(uint8)")
    one_image = name == IMAGE_INPUT
    edges = shape[-3:-1]
    if description.is_standalone:
        edges_fit = not any(isinstance(edge, int) for edge in edges)
    else:
        edges_fit = all(isinstance(edge, int) and edge > 0 for edge in edges)
    if len(shape) != 4 - one_image or shape[-1] != 3 or not edges_fit:
        wanted = "[height, width, 3]" if one_image else "[batch, height, width, 3]"
        note = ", height and width dynamic" if description.is_standalone else ""
        raise ModelError(f"contract: input {name!r} has shape {shape}, not {wanted}{note}")
    if not one_image:
        _check_batch(f"input {name!r}", shape, one_image=False)
    return name, one_image


def _check_pixels(outputs: dict[str, tuple[str, list[Any]]], *, one_image: bool) -> tuple[int, int]:
    """Check the last output of a standalone file and take it from the others; return its height and width."""
    if list(outputs)[-1:] != [PIXELS_NAME]:
        raise ModelError(f"contract: outputs are {_listed(outputs)}; the last of a standalone file is {PIXELS_NAME!r}")
    kind, shape = outputs.pop(PIXELS_NAME)
    if kind != "tensor(uint8)":
        raise ModelError(f"contract: output {PIXELS_NAME!r} is {kind}, not tensor(uint8)")
    if len(shape) != 4 or shape[3] != 3 or not all(isinstance(edge, int) and edge > 0 for edge in shape[1:3]):
        raise ModelError(f"contract: output {PIXELS_NAME!r} has shape {shape}, not [batch, height, width, 3]")
    _check_batch(f"output {PIXELS_NAME!r}", shape, one_image=one_image)
    return shape[1], shape[2]


def _check_names(outputs: Tensors, description: ModelDescription) -> None:
    """Check that the outputs are those that this version of the contract allows, in its order."""
    allowed = [OUTPUT_NAME, *(name for name in OPTIONAL_OUTPUTS if name in outputs)]
    if list(outputs) != allowed:
        raise ModelError(
            f"contract: outputs are {_listed(outputs)}; the first must be {OUTPUT_NAME!r}, which only "
            f"{' and '.join(map(repr, OPTIONAL_OUTPUTS))} may follow, in this order"
        )
    if not description.is_standalone and contract_version(outputs) > description.contract:
        raise ModelError(
            f"contract: outputs are {_listed(outputs)}; a file that states version {description.contract!r} may have "
            f"only {OUTPUT_NAME!r}"
        )


def _check_output(outputs: Tensors, name: str, wanted: str, columns: tuple[int, ...], *, one_image: bool) -> None:
    """Check that an output is float32 and has, after the batch, the dimensions of `columns`."""
    kind, shape = outputs[name]
    if kind != "tensor(float)":
        raise ModelError(f"contract: output {name!r} is {kind}, not tensor(float)")
    if len(shape) != 1 + len(columns) or tuple(shape[1:]) != columns:
        raise ModelError(f"contract: output {name!r} has shape {shape}, not {wanted}")
    _check_batch(f"output {name!r}", shape, one_image=one_image)


def _check_batch(tensor: str, shape: list[Any], *, one_image: bool) -> None:
    if one_image and shape[0] != 1:
        raise ModelError(f"contract: the batch size of {tensor} is {shape[0]}, for one image it must be 1")
    if not one_image and isinstance(shape[0], int):
        raise ModelError(f"contract: the batch size of {tensor} is fixed to {shape[0]}, it must be dynamic")


def _listed(tensors: Tensors) -> str:
    return ", ".join(tensors) or "none"
