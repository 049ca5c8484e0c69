"""Convert a Keras network to an ONNX graph that keeps the model contract."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

import keras
import onnx
import tensorflow as tf
import tf2onnx

from galaxy_classify.errors import DataError, FamiliarityError, LogitError
from galaxy_classify.inference.contract import (
    EMBEDDING_NAME,
    FAMILIARITY_NAME,
    INPUT_NAME,
    OPTIONAL_OUTPUTS,
    OUTPUT_NAME,
)
from galaxy_export.graph.canonical import make_canonical
from galaxy_train.networks.recipes import FAMILIARITY_LOGIT, LOGITS

#: At opset 18 global pooling becomes Transpose and ReduceMean; tf2onnx refuses 19 and above.
OPSET: Final = 17


def network_outputs(model: Any) -> tuple[str, ...]:
    """Return the names of the outputs that a file of this network has, in the order of the contract.

    The network gives a familiarity if it has that output, and an embedding if it has a layer of that name.
    """
    has = {
        FAMILIARITY_NAME: isinstance(model.output, dict) and FAMILIARITY_NAME in model.output,
        EMBEDDING_NAME: any(layer.name == EMBEDDING_NAME for layer in model.layers),
    }
    return (OUTPUT_NAME, *(name for name in OPTIONAL_OUTPUTS if has[name]))


def compared_tensors(outputs: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all tensors that the parity gate compares, for a network with these outputs."""
    found = tuple(outputs)
    return (LOGITS, *found, *([FAMILIARITY_LOGIT] if FAMILIARITY_NAME in found else []))


def with_compared_tensors(model: Any) -> Any:
    """Return a network that shares the weights of `model` and gives, by name, every tensor that the gate compares.

    Raises
    ------
    DataError
        If a layer ``logits`` is missing, or ``familiarity_logit`` in a network with a familiarity.
    """
    outputs = model.output if isinstance(model.output, dict) else {OUTPUT_NAME: model.outputs[0]}
    found = {}
    for name in compared_tensors(network_outputs(model)):
        try:
            found[name] = outputs[name] if name in outputs else model.get_layer(name).output
        except ValueError:
            raise DataError(
                f"the network has no layer {name!r}, which the parity gate needs: see galaxy_train.networks.recipes"
            ) from None
    return keras.Model(model.inputs, found)


def to_onnx(model: Any) -> onnx.ModelProto:
    """Convert a Keras network; the same network always gives the same bytes.

    Parameters
    ----------
    model : keras.Model
        Built by a recipe: uint8 pixels in, layers ``logits`` and ``probabilities`` at the end.

    Returns
    -------
    onnx.ModelProto
        One input ``images``, the outputs of `network_outputs`, dynamic batch, no metadata yet; the tensors before
        temperature and softmax, and before shift and sigmoid, are called ``logits`` and ``familiarity_logit``.
    """
    compared = with_compared_tensors(model)
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name=INPUT_NAME)]

    # tf2onnx.convert.from_keras does not work with Keras 3, so a traced function is converted instead.
    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def predict(images: Any) -> dict[str, Any]:
        found: dict[str, Any] = compared(images, training=False)
        return found

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    proto: onnx.ModelProto
    proto, _ = tf2onnx.convert.from_function(predict, input_signature=signature, opset=OPSET)
    _tidy(proto, network_outputs(model))
    return proto


def expose_compared_tensors(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Return a copy of a converted graph whose outputs are all tensors that the parity gate compares, and their names.

    Raises
    ------
    LogitError, FamiliarityError
        If the graph has no such tensor.
    """
    names = compared_tensors(output.name for output in proto.graph.output)
    exposed = onnx.ModelProto()
    exposed.CopyFrom(proto)
    known = {name for node in proto.graph.node for name in node.output}
    for name, error, columns in ((LOGITS, LogitError, [None]), (FAMILIARITY_LOGIT, FamiliarityError, [1])):
        if name not in names:
            continue
        if name not in known:
            raise error(f"parity: the graph has no tensor {name!r} that could be compared; export it again")
        shape = ["batch", *columns]
        exposed.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    return exposed, names


def _tidy(proto: onnx.ModelProto, outputs: tuple[str, ...]) -> None:
    """Remove everything that the contract does not name, and bring the graph into canonical form."""
    graph = proto.graph
    found = {output.name: output for output in graph.output}
    ordered = [found[name] for name in outputs]
    del graph.output[:]
    graph.output.extend(ordered)
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    make_canonical(proto, keep=compared_tensors(outputs))
