"""Convert a Keras network to an ONNX graph that keeps the model contract."""

from __future__ import annotations

import logging
from typing import Any, Final

import keras
import onnx
import tensorflow as tf
import tf2onnx

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import INPUT_NAME, OUTPUT_NAME
from galaxy_export.graph.canonical import make_canonical
from galaxy_train.networks.recipes import LOGITS

#: At opset 18 global pooling becomes Transpose and ReduceMean; tf2onnx refuses 19 and above.
OPSET: Final = 17


def with_logits(model: Any) -> Any:
    """Return a network with two outputs, the logits and the probabilities of `model`, sharing its weights.

    Raises
    ------
    DataError
        If there is no layer ``logits``.
    """
    try:
        logits = model.get_layer(LOGITS).output
    except ValueError:
        raise DataError(
            f"the network has no layer {LOGITS!r}, which the parity gate needs: see galaxy_train.networks.recipes"
        ) from None
    return keras.Model(model.inputs, [logits, model.outputs[0]])


def to_onnx(model: Any) -> onnx.ModelProto:
    """Convert a Keras network; the same network always gives the same bytes.

    Parameters
    ----------
    model : keras.Model
        Built by a recipe: uint8 pixels in, layers ``logits`` and ``probabilities`` at the end.

    Returns
    -------
    onnx.ModelProto
        One input ``images``, one output ``probabilities``, dynamic batch, no metadata yet; the tensor before
        temperature and softmax is called ``logits``.
    """
    both = with_logits(model)
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name=INPUT_NAME)]

    # tf2onnx.convert.from_keras does not work with Keras 3, so a traced function is converted instead.
    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def predict(images: Any) -> dict[str, Any]:
        logits, probabilities = both(images, training=False)
        return {LOGITS: logits, OUTPUT_NAME: probabilities}

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    proto: onnx.ModelProto
    proto, _ = tf2onnx.convert.from_function(predict, input_signature=signature, opset=OPSET)
    _tidy(proto)
    return proto


def expose_logits(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a converted graph with ``logits`` as a second output, for the parity gate."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(proto)
    exposed.graph.output.append(onnx.helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, ["batch", None]))
    return exposed


def _tidy(proto: onnx.ModelProto) -> None:
    """Remove everything that the contract does not name, and bring the graph into canonical form."""
    graph = proto.graph
    for output in [output for output in graph.output if output.name != OUTPUT_NAME]:
        graph.output.remove(output)
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    make_canonical(proto, keep=[LOGITS])
