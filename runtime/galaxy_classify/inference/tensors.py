"""The model contract's tensors: names, dtypes and shapes of a model's input and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from galaxy_classify.errors import ModelError
from galaxy_classify.inference.contract import (
    EMBEDDING_NAME,
    FAMILIARITY_NAME,
    INPUT_NAME,
    OPTIONAL_OUTPUTS,
    OUTPUT_NAME,
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

    #: Height and width of the input, in pixels.
    input_size: tuple[int, int]
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
    if list(inputs) != [INPUT_NAME]:
        raise ModelError(f"contract: inputs are {_listed(inputs)}; exactly one is allowed, {INPUT_NAME!r}")
    kind, shape = inputs[INPUT_NAME]
    if kind != "tensor(uint8)":
        raise ModelError(f"contract: input {INPUT_NAME!r} is {kind}, not tensor(uint8)")
    if len(shape) != 4 or shape[3] != 3 or not all(isinstance(edge, int) and edge > 0 for edge in shape[1:3]):
        raise ModelError(f"contract: input {INPUT_NAME!r} has shape {shape}, not [batch, height, width, 3]")
    if max(shape[1:3]) > MAX_INPUT_EDGE:
        raise ModelError(
            f"contract: input {INPUT_NAME!r} has {shape[1]} x {shape[2]} pixels, the limit is {MAX_INPUT_EDGE} each way"
        )
    _check_batch(f"input {INPUT_NAME!r}", shape)
    _check_names(outputs, description.contract)
    classes = len(description.classes)
    _check_output(outputs, OUTPUT_NAME, f"[batch, {classes}] for {classes} classes", (classes,))
    if FAMILIARITY_NAME in outputs:
        _check_output(outputs, FAMILIARITY_NAME, "[batch]", ())
    features = outputs[EMBEDDING_NAME][1][1:] if EMBEDDING_NAME in outputs else []
    if EMBEDDING_NAME in outputs:
        if len(features) != 1 or not isinstance(features[0], int) or not 0 < features[0] <= MAX_FEATURES:
            raise ModelError(
                f"contract: output {EMBEDDING_NAME!r} has shape {outputs[EMBEDDING_NAME][1]}, "
                f"not [batch, features] with 1 to {MAX_FEATURES:,} features"
            )
        _check_output(outputs, EMBEDDING_NAME, "[batch, features]", (features[0],))
    return ModelTensors((shape[1], shape[2]), FAMILIARITY_NAME in outputs, features[0] if features else None)


def _check_names(outputs: Tensors, contract: str) -> None:
    """Check that the outputs are those that this version of the contract allows, in its order."""
    allowed = [OUTPUT_NAME, *(name for name in OPTIONAL_OUTPUTS if name in outputs)]
    if list(outputs) != allowed:
        raise ModelError(
            f"contract: outputs are {_listed(outputs)}; the first must be {OUTPUT_NAME!r}, which only "
            f"{' and '.join(map(repr, OPTIONAL_OUTPUTS))} may follow, in this order"
        )
    if contract_version(outputs) > contract:
        raise ModelError(
            f"contract: outputs are {_listed(outputs)}; a file that states version {contract!r} may have only "
            f"{OUTPUT_NAME!r}"
        )


def _check_output(outputs: Tensors, name: str, wanted: str, columns: tuple[int, ...]) -> None:
    """Check that an output is float32 and has, after the batch, the dimensions of `columns`."""
    kind, shape = outputs[name]
    if kind != "tensor(float)":
        raise ModelError(f"contract: output {name!r} is {kind}, not tensor(float)")
    if len(shape) != 1 + len(columns) or tuple(shape[1:]) != columns:
        raise ModelError(f"contract: output {name!r} has shape {shape}, not {wanted}")
    _check_batch(f"output {name!r}", shape)


def _check_batch(tensor: str, shape: list[Any]) -> None:
    if isinstance(shape[0], int):
        raise ModelError(f"contract: the batch size of {tensor} is fixed to {shape[0]}, it must be dynamic")


def _listed(tensors: Tensors) -> str:
    return ", ".join(tensors) or "none"
