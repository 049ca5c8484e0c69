"""The gate on a Keras model of another project and its ONNX file: each way to spoil the file is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from galaxy_classify.errors import OutputError
from galaxy_export.parity import assert_parity
from trainings import run_export

pytestmark = [pytest.mark.parity, pytest.mark.slow]

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def network() -> Any:
    """Return a network with a normalisation, a convolution and two outputs of the same shape."""
    import keras

    keras.utils.set_random_seed(3)
    images = keras.Input((6, 8, 3), name="images")
    normal = keras.layers.Rescaling(1 / 40, offset=-2.5)(images)
    features = keras.layers.Conv2D(4, 3, activation="relu", name="features")(normal)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    votes = keras.layers.Dense(4, name="votes")(pooled)
    return keras.Model(images, {"probabilities": keras.layers.Softmax(name="probabilities")(votes), "votes": votes})


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Return inputs of the network."""
    return np.random.default_rng(0).uniform(0, 255, (40, 6, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(network: Any, pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the network as ``.keras``, SavedModel and ONNX, and with its inputs."""
    import tensorflow as tf
    import tf2onnx

    path = tmp_path_factory.mktemp("foreign")
    signature = [tf.TensorSpec((None, 6, 8, 3), tf.float32, name="images")]
    predict = tf.function(lambda images: network(images, training=False), input_signature=signature)
    tf2onnx.convert.from_function(predict, input_signature=signature, opset=17, output_path=path / "candidate.onnx")
    network.save(path / "network.keras")
    tf.saved_model.save(tf.Module(), path / "empty")
    module = tf.Module()
    module.network = network
    tf.saved_model.save(module, path / "saved", signatures={"serving_default": predict})
    np.savez(path / "inputs.npz", pixels=pixels)
    return path


def constant(proto: onnx.ModelProto, axes: int) -> onnx.TensorProto:
    """Return the first constant of floats with so many axes."""
    found: onnx.TensorProto = next(
        each for each in proto.graph.initializer if len(each.dims) == axes and each.data_type == TensorProto.FLOAT
    )
    return found


def scaled(proto: onnx.ModelProto) -> None:
    """Scale the kernel of the convolution by a thousandth."""
    tensor = constant(proto, 4)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.001), tensor.name))


def outputs_swapped(proto: onnx.ModelProto) -> None:
    """Exchange the two outputs."""
    names = {"probabilities": "votes", "votes": "probabilities"}
    for each in proto.graph.node:
        each.input[:] = [names.get(name, name) for name in each.input]
        each.output[:] = [names.get(name, name) for name in each.output]


def wrong_axis(proto: onnx.ModelProto) -> None:
    """Take the softmax over the batch."""
    (softmax,) = [each for each in proto.graph.node if each.op_type == "Softmax"]
    del softmax.attribute[:]
    softmax.attribute.append(helper.make_attribute("axis", 0))


def normalisation_dropped(proto: onnx.ModelProto) -> None:
    """Let the first layer see the pixels as they are."""
    first = [each for each in proto.graph.node if "images" in each.input]
    (last,) = [each for each in proto.graph.node if each.op_type in ("Transpose", "Conv")][:1]
    assert first[0] is not last
    last.input[0] = "images"


def batch_fixed(proto: onnx.ModelProto) -> None:
    """Take single images only."""
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


MUTATIONS: dict[str, tuple[Change, str]] = {
    "scaled tensor": (scaled, r"output '\w+' of sample \d+ at \[\d\] is .* the limit"),
    "swapped outputs": (outputs_swapped, "it is the reference's output 'votes'"),
    "wrong axis": (wrong_axis, r"output 'probabilities' .* in a batch of \d+ it depends on the others"),
    "dropped normalisation": (normalisation_dropped, "40 of 40 samples are beyond their limit"),
    "fixed batch": (batch_fixed, "takes batches of 1 only"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_spoilt_file_is_refused_for_the_right_reason(
    name: str, folder: Path, network: Any, pixels: np.ndarray
) -> None:
    """As for the models of this project."""
    change, message = MUTATIONS[name]
    proto = onnx.load(folder / "candidate.onnx")
    change(proto)
    with pytest.raises(OutputError, match=message):
        assert_parity(proto, network, pixels, classes="probabilities")


def test_batch_dependent_int8_is_refused(folder: Path, network: Any, pixels: np.ndarray) -> None:
    """ONNX Runtime's own dynamic quantization is within wide limits, but what an image gets depends on the others."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = folder / "int8.onnx"
    # Reduced to the dense layer: convolutions of int8 are not on every machine.
    quantize_dynamic(
        folder / "candidate.onnx", path, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"]
    )
    assert_parity(path, network, pixels, rtol=0.2, atol=0.2, batch_sizes=[1])
    with pytest.raises(OutputError, match="depends on the others in the batch"):
        assert_parity(path, network, pixels, rtol=0.2, atol=0.2)


@pytest.mark.parametrize("against", ["network.keras", "saved", "candidate.onnx"])
def test_the_honest_file_passes(folder: Path, against: str) -> None:
    """Against the network as Keras has saved it, as a SavedModel, and against itself."""
    arguments: list[str | Path] = ["--inputs", folder / "inputs.npz", "--classes", "probabilities"]
    result = run_export("parity", folder / "candidate.onnx", "--against", folder / against, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert "gives the outputs of" in result.stdout


def test_what_keras_and_tensorflow_cannot_load_is_one_line(folder: Path) -> None:
    """With what to do about it."""
    (folder / "cut.keras").write_bytes((folder / "network.keras").read_bytes()[:2000])
    cases = {"cut.keras": "name a function that imports them and calls it", "empty": "has no signature serving_default"}
    for against, message in cases.items():
        result = run_export(
            "parity", folder / "candidate.onnx", "--against", folder / against, "--inputs", folder / "inputs.npz"
        )
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert message in result.stderr


def test_a_model_of_one_batch_size_only_can_be_a_reference(folder: Path, pixels: np.ndarray) -> None:
    """It is run at that size."""
    proto = onnx.load(folder / "candidate.onnx")
    batch_fixed(proto)
    assert_parity(folder / "candidate.onnx", proto, pixels)
