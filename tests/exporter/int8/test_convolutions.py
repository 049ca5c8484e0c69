"""Static int8 quantization of convolutional networks: what is quantized, on what, and how it is verified."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from few_calibration_images import with_few_calibration_images
from galaxy_classify.errors import ContractError, DataError
from galaxy_export.int8.convolutions import (
    CALIBRATION_IMAGES,
    MIN_TRAINING_AGREEMENT,
    StaticQuantization,
    calibrate,
    choose_images,
    quantize_convolutions,
)
from galaxy_export.int8.dense import WEIGHT_LEVELS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def graph(cnn_graph: Callable[[], onnx.ModelProto]) -> onnx.ModelProto:
    """Float32 graph of the drawn galaxies' CNN."""
    return cnn_graph()


@pytest.fixture(scope="module")
def pixels(drawn_dataset: Path) -> np.ndarray:
    """Drawn test galaxies."""
    from galaxy_train.data.load import load_data

    return load_data(drawn_dataset).test.images


@pytest.fixture(scope="module")
def recipe(graph: onnx.ModelProto, pixels: np.ndarray) -> StaticQuantization:
    """How it is to be quantized."""
    with with_few_calibration_images():
        return calibrate(graph, pixels)


def run(proto: onnx.ModelProto, pixels: np.ndarray, batch: int = 64) -> np.ndarray:
    """Return probabilities."""
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate(
        [session.run(None, {"images": pixels[start : start + batch]})[0] for start in range(0, len(pixels), batch)]
    )


def test_convolutions_are_integer_and_answers_stay(
    graph: onnx.ModelProto, pixels: np.ndarray, recipe: StaticQuantization
) -> None:
    """A third of the size, the same classes, standard operators, and no answer depends on the batch."""
    quantized = quantize_convolutions(graph, recipe)
    assert quantized.ByteSize() < graph.ByteSize() / 3
    assert {opset.domain for opset in quantized.opset_import} == {""}
    operators = Counter(node.op_type for node in quantized.graph.node)
    assert operators["Conv"] == 10
    assert operators["QuantizeLinear"] >= 5
    weights = [tensor for tensor in quantized.graph.initializer if len(tensor.dims) == 4]
    kinds = Counter(tensor.data_type for tensor in weights)
    assert kinds[onnx.TensorProto.FLOAT] == recipe.float_convolutions
    assert kinds[onnx.TensorProto.INT8] == 10 - recipe.float_convolutions >= 4
    for tensor in weights:
        if tensor.data_type == onnx.TensorProto.INT8:
            assert np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max() <= WEIGHT_LEVELS
    before, after = run(graph, pixels), run(quantized, pixels)
    assert (before.argmax(axis=1) == after.argmax(axis=1)).mean() >= MIN_TRAINING_AGREEMENT
    for batch in (1, 3):  # to the last bit: a resumed run must give the same bytes in other batches
        assert np.array_equal(run(quantized, pixels, batch), after)
        assert np.array_equal(run(graph, pixels, batch), before)


def test_integer_arithmetic_is_really_used(graph: onnx.ModelProto, recipe: StaticQuantization, tmp_path: Path) -> None:
    """ONNX Runtime fuses each quantized convolution; a pattern that it does not know would be slower than float32."""
    quantized = quantize_convolutions(graph, recipe)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 4
    onnxruntime.InferenceSession(quantized.SerializeToString(), options, providers=["CPUExecutionProvider"])
    operators = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert operators["QLinearConv"] == 10 - recipe.float_convolutions


def test_the_same_graph_and_images_give_the_same_bytes(
    graph: onnx.ModelProto, pixels: np.ndarray, recipe: StaticQuantization
) -> None:
    """So that a file can be quantized again and compared."""
    first, second = (quantize_convolutions(graph, recipe).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second
    with with_few_calibration_images():
        assert calibrate(graph, pixels) == recipe


def test_as_many_convolutions_stay_float_as_it_takes(
    graph: onnx.ModelProto, pixels: np.ndarray, recipe: StaticQuantization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A looser demand quantizes more; one that nothing meets is refused."""
    from galaxy_export.int8 import convolutions as quantization_static

    few = pixels[:16]
    monkeypatch.setattr(quantization_static, "MIN_TRAINING_AGREEMENT", 0.0)
    assert calibrate(graph, few).float_convolutions == 0 <= recipe.float_convolutions
    monkeypatch.setattr(quantization_static, "MIN_TRAINING_AGREEMENT", 1.1)
    with pytest.raises(DataError, match="changes too many classes, however few"):
        calibrate(graph, few)


def test_calibration_images_are_few_and_always_the_same() -> None:
    """A sample of the training set; all of it if it is small."""
    pixels = np.random.default_rng(0).integers(0, 255, (700, 4, 4, 3), dtype=np.uint8)
    chosen = choose_images(pixels, CALIBRATION_IMAGES)
    assert len(chosen) == CALIBRATION_IMAGES
    assert np.array_equal(chosen, choose_images(pixels, CALIBRATION_IMAGES))
    assert np.array_equal(choose_images(pixels[:20], CALIBRATION_IMAGES), pixels[:20])


def test_calibration_on_anything_but_the_training_set_is_refused(
    trained_cnn: Path, drawn_dataset: Path, drawn_images: Path, tmp_path: Path
) -> None:
    """Test images would flatter the quantized model; the checksum tells them apart."""
    from galaxy_export.int8.choose import load_training_images
    from galaxy_train.run_folder import RunFolder

    recorded = RunFolder(trained_cnn).read_metrics().data
    assert len(load_training_images(drawn_dataset, recorded)) == 800
    for split in ("train", "test"):
        shutil.copy(drawn_dataset / "test_dataset.hdf5", tmp_path / f"{split}_dataset.hdf5")
    with pytest.raises(DataError, match="is not the training set of this run"):
        load_training_images(tmp_path, recorded)
    with pytest.raises(DataError, match="calibrated on the run's training set, see --calibration"):
        load_training_images(drawn_dataset / "test_dataset.hdf5", recorded)


def test_metadata_without_ranges_cannot_be_verified(graph: onnx.ModelProto, recipe: StaticQuantization) -> None:
    """A file that does not say how it was quantized is refused by name, and so are ranges of another network."""
    from galaxy_export.int8.choose import quantize_again

    broken: list[dict[str, Any]] = [{}, {"ranges": 3}, {"ranges": {"a": ["x", "y"]}}, {"ranges": recipe.ranges}]
    for noted in broken:
        with pytest.raises(ContractError, match="on which ranges int8 was calibrated"):
            quantize_again(graph, noted)
    for count, ranges in (
        (recipe.float_convolutions, dict(list(recipe.ranges.items())[1:])),
        (99, recipe.ranges),
    ):
        with pytest.raises(DataError):
            quantize_again(graph, {"ranges": ranges, "float_convolutions": count})


def test_a_network_with_one_convolution_is_refused() -> None:
    """There would be nothing to quantize behind the first one."""
    node = onnx.helper.make_node("Conv", ["x", "w"], ["logits"])
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [info("x", onnx.TensorProto.FLOAT, ["n", 3, 8, 8])],
        [info("logits", onnx.TensorProto.FLOAT, ["n", 1, 8, 8])],
        [onnx.numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "w")],
    )
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    with pytest.raises(DataError, match="too few convolutions"):
        calibrate(proto, np.zeros((1, 8, 8, 3), np.uint8))
