"""Proof that an ONNX file is the Keras model, and proof that the proof can fail."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import DataError, ParityError, QuantizationError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.model import OnnxModel
from galaxy_painter import paint_set
from in_process import run_classify
from keras_once import KerasOnce
from trainings import Convert, run_export

pytestmark = [pytest.mark.parity, pytest.mark.slow]


@pytest.fixture(scope="module")
def exported(
    convert: Convert, trained_run: Path, drawn_dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Export the drawn galaxies' MLP as float32 and as int8."""
    folder = tmp_path_factory.mktemp("exported")
    images = drawn_dataset / "test_dataset.hdf5"
    results = {}
    for name, options in (("float", []), ("int8", ["--int8"])):
        path = folder / f"{name}.onnx"
        results[name] = (path, convert(trained_run, "-o", path, "--images", images, *options))
    return results


@pytest.fixture(scope="module")
def network(trained_run: Path) -> Any:
    """The trained network."""
    from galaxy_train.networks.keras_model import load_model

    return load_model(trained_run / "model.keras")


def test_the_runtime_gives_keras_probabilities(exported: dict[str, Any], network: Any) -> None:
    """The file, loaded without TensorFlow's help, answers as the trained network does."""
    path, result = exported["float"]
    assert result.returncode == 0, result.stderr
    images, _ = paint_set(per_class=20, seed=9)
    found = GalaxyClassifier(path).predict_proba(images)
    assert found == pytest.approx(network.predict(images, verbose=0), abs=1e-5)


def test_the_file_keeps_the_contract(exported: dict[str, Any], trained_run: Path) -> None:
    """Names, dtypes, dynamic batch, opset, operators and metadata are those of the contract."""
    path, _ = exported["float"]
    proto = onnx.load(path)
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", 17)]
    assert proto.ir_version <= 10
    assert not [tensor for tensor in proto.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    assert {tensor.type.tensor_type.shape.dim[0].dim_param for tensor in (*proto.graph.input, *proto.graph.output)} == {
        "batch"
    }
    model = OnnxModel(ModelSource(path))
    description, metrics = model.description, json.loads((trained_run / "metrics.json").read_text())
    assert (description.name, description.version) == ("float", "1.0.0")
    assert description.classes == GALAXY_MNIST_CLASSES
    assert description.source_sha256 == metrics["model_sha256"]
    assert description.training["data"]["train"]["sha256"] == metrics["data"]["train"]["sha256"]
    assert description.training["test"] == metrics["test"]
    assert description.training["parameters"]["seed"] == 0
    assert description.parity["images"] == 200
    assert description.parity["batch_sizes"] == [1, 3, 17, 64]
    assert (
        0 < description.parity["largest_probability_difference"] < description.parity["probability_tolerance"] == 1e-5
    )
    assert description.parity["class_agreement"] == 1
    assert {"tf2onnx", "onnx", "onnxruntime", "tensorflow", "keras"} <= set(description.exported_with)


def test_the_proof_is_printed_as_a_table(exported: dict[str, Any]) -> None:
    """Whoever runs the export sees what was compared, and the checksum of the result."""
    path, result = exported["float"]
    assert "parity with the trained network on 200 images (test_dataset.hdf5)" in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines()[2:7]] == ["1", "3", "17", "64", "limit"]
    assert OnnxModel(ModelSource(path)).sha256 in result.stdout


def test_int8_is_small_and_close(exported: dict[str, Any]) -> None:
    """A quarter of the size, the same classes, and its cost in the metadata."""
    path, result = exported["int8"]
    assert result.returncode == 0, result.stderr
    float_path, _ = exported["float"]
    assert path.stat().st_size < 0.26 * float_path.stat().st_size
    loss = OnnxModel(ModelSource(path)).description.parity["int8"]
    assert loss["agreement"] >= 0.99
    assert loss["float_accuracy"] - loss["accuracy"] <= 0.005
    assert "int8 against float32" in result.stdout


@pytest.fixture
def convert_changed(keras_once: KerasOnce, trained_run: Path, gate_dataset: Path) -> Callable[..., None]:
    """Export a run while `change` is done to the converted graph, as a broken converter would."""
    from galaxy_export import export
    from galaxy_export.report import GateReport
    from galaxy_train.run_folder import RunFolder

    def convert(output: Path, change: Any, **options: Any) -> None:
        def broken(model: Any) -> onnx.ModelProto:
            proto: onnx.ModelProto = keras_once.functions["to_onnx"](model)
            change(proto)
            return proto

        settings: dict[str, Any] = {"name": "x", "version": "1", "tolerance": 1e-5, "int8": False} | options
        with keras_once.inside(export, to_onnx=broken):
            export.export_run(RunFolder(trained_run), output, gate_dataset, GateReport("x"), **settings)

    return convert


def scale(factor: float, number: int) -> Any:
    """Return a change that scales one weight tensor, counted among the tensors of floats with more than one value."""

    def change(proto: onnx.ModelProto) -> None:
        tensors = [
            tensor
            for tensor in proto.graph.initializer
            if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) > 1
        ]
        assert len(tensors) == 8
        tensors[number].CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensors[number]) * np.float32(factor), tensors[number].name)
        )

    return change


@pytest.mark.parametrize("number", range(8))
def test_one_tensor_changed_by_one_percent_is_refused(
    convert_changed: Callable[..., None], tmp_path: Path, number: int
) -> None:
    """Every kernel and every bias is watched: no file is left, and the message has difference and tolerance."""
    output = tmp_path / "model.onnx"
    with pytest.raises(ParityError, match=r"the largest .*difference of a .* is .* at batch size 1, beyond the tol"):
        convert_changed(output, scale(1.01, number))
    assert list(tmp_path.iterdir()) == []


def test_swapped_classes_are_refused(convert_changed: Callable[..., None], tmp_path: Path) -> None:
    """An order of classes that is not the trained one would mislabel every galaxy."""

    def swap(proto: onnx.ModelProto) -> None:
        for tensor in proto.graph.initializer:
            if tensor.dims and tensor.dims[-1] == 4:
                values = numpy_helper.to_array(tensor)[..., [1, 0, 2, 3]]
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))

    with pytest.raises(ParityError):
        convert_changed(tmp_path / "model.onnx", swap)
    assert list(tmp_path.iterdir()) == []


def test_an_older_model_survives_a_failed_export(convert_changed: Callable[..., None], tmp_path: Path) -> None:
    """What was proven yesterday is not lost today."""
    output = tmp_path / "model.onnx"
    output.write_bytes(b"older")
    with pytest.raises(ParityError):
        convert_changed(output, scale(1.01, 0))
    assert output.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [output]


def test_a_quantization_that_costs_too_much_is_refused(
    monkeypatch: pytest.MonkeyPatch, convert_changed: Callable[..., None], tmp_path: Path
) -> None:
    """With three levels instead of 129 the classes change, and the guard sees it."""
    from galaxy_export.int8 import dense as quantization

    monkeypatch.setattr(quantization, "WEIGHT_LEVELS", 1)
    with pytest.raises(QuantizationError, match=r"int8: .* of the classes agree with the float model, 99% must"):
        convert_changed(tmp_path / "model.onnx", lambda proto: None, int8=True)
    assert list(tmp_path.iterdir()) == []


def test_a_fall_in_accuracy_alone_is_refused(exported: dict[str, Any]) -> None:
    """Where the few changed classes were all right ones, agreement does not show it."""
    from galaxy_export.graph.predictions import Predictions
    from galaxy_export.int8.guard import check_quantization

    path, _ = exported["int8"]
    images, _ = paint_set(per_class=75, seed=3)
    answers = GalaxyClassifier(path).predict_proba(images)
    truth = answers.argmax(axis=1)
    reference = Predictions(np.zeros_like(answers), np.eye(4, dtype=np.float32)[truth])
    labels = truth.copy()
    for index in (0, 1):  # two of 300 change for the worse
        reference.probabilities[index] = np.roll(reference.probabilities[index], 1)
        labels[index] = reference.predicted[index]
    with pytest.raises(QuantizationError, match=r"int8: accuracy falls from 1\.0000 to 0\.9933"):
        check_quantization(reference, onnx.load(path), images, labels)


def test_worse_calibration_alone_is_refused(exported: dict[str, Any]) -> None:
    """Where every class stays but confidence no longer means what it did."""
    from galaxy_export.graph.predictions import Predictions
    from galaxy_export.int8.guard import check_quantization

    path, _ = exported["int8"]
    images, _ = paint_set(per_class=75, seed=3)
    answers = GalaxyClassifier(path).predict_proba(images)
    labels = answers.argmax(axis=1)
    reference = Predictions(np.zeros_like(answers), answers)
    model = onnx.load(path)
    check_quantization(reference, model, images, labels)
    (kernel,) = [tensor for tensor in model.graph.initializer if list(tensor.dims) == [512, 4]]
    kernel.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(kernel) / np.float32(8), kernel.name))
    (bias,) = [tensor for tensor in model.graph.initializer if list(tensor.dims) == [4]]
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) / np.float32(8), bias.name))
    with pytest.raises(QuantizationError, match="int8: the expected calibration error rises from"):
        check_quantization(reference, model, images, labels)


def test_batch_dependent_int8_is_refused(exported: dict[str, Any], drawn_dataset: Path, tmp_path: Path) -> None:
    """ONNX Runtime's own dynamic quantization, whose answers depend on the neighbours, does not pass."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from galaxy_export.graph.predictions import onnx_runner
    from galaxy_export.int8.guard import check_quantization
    from galaxy_train.data.hdf5 import find_split, load_file

    path, _ = exported["float"]
    quantize_dynamic(path, tmp_path / "dynamic.onnx", weight_type=QuantType.QInt8, per_channel=True)
    test = load_file(find_split(drawn_dataset, "test"))
    reference = onnx_runner(onnx.load(path))(test.images, 64)
    with pytest.raises(QuantizationError, match="depends on the others in its batch"):
        check_quantization(reference, onnx.load(tmp_path / "dynamic.onnx"), test.images, test.labels.astype(np.int64))


def test_a_network_that_was_exchanged_is_refused(trained_run: Path, tmp_path: Path) -> None:
    """The metadata would tell of another training."""
    from galaxy_export.verify import load_trained
    from galaxy_train.run_folder import RunFolder

    run_folder = RunFolder(tmp_path)
    run_folder.model.write_bytes((trained_run / "model.keras").read_bytes() + b"\0")
    run_folder.metrics.write_bytes((trained_run / "metrics.json").read_bytes())
    with pytest.raises(DataError, match=r"is not the network that metrics\.json describes"):
        load_trained(tmp_path)


def test_the_same_network_gives_the_same_bytes(
    exported: dict[str, Any], elsewhere: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    """Exported again in another process, float32 and int8 alike, the file has the same SHA-256.

    The last export is a mistake, and the process ends as one of the command does.
    """
    folder, result = elsewhere
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    assert re.match(r"error: .* no such run folder", result.stderr)
    for name in ("float", "int8"):
        assert (folder / f"mlp-{name}.onnx").read_bytes() == exported[name][0].read_bytes()


def test_mistakes_are_one_line_each(
    convert: Convert, trained_run: Path, drawn_dataset: Path, drawn_images: Path, tmp_path: Path
) -> None:
    """A user's mistake never makes a traceback, and leaves no file."""
    output = tmp_path / "m.onnx"
    cases = {
        ("convert", tmp_path / "none", "-o", output, "--images", drawn_dataset): "no such run folder",
        ("convert", trained_run, "-o", output, "--images", drawn_images): "the parity gate needs 32 or more",
        ("convert", trained_run, "-o", output, "--images", tmp_path / "none"): "no such file or folder",
        (
            "convert",
            trained_run,
            "-o",
            output,
            "--images",
            drawn_dataset,
            "--tolerance",
            "1e-12",
        ): "beyond the tolerance 1e-1",
        ("convert", trained_run, "-o", tmp_path / "no" / "m.onnx", "--images", drawn_dataset): "cannot be written",
        ("convert", trained_run, "-o", tmp_path / "m.onx", "--images", drawn_dataset): f"did you mean {output}?",
        ("embed", drawn_images / "smooth_round.jpg", "--into", tmp_path): "not a usable ONNX model",
        ("embed", output, "--into", tmp_path / "none"): "no such folder",
    }
    for arguments, message in cases.items():
        command, *others = arguments
        result = convert(*others) if command == "convert" else run_export(*arguments)
        assert result.returncode in (1, 2, 3), arguments
        assert message in result.stderr
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert (result.stdout == "") == ("tolerance" not in message)  # where it came to a comparison, that is shown
    assert list(tmp_path.iterdir()) == []


def test_golden_images_travel_with_the_model(convert: Convert, trained_run: Path, tmp_path: Path) -> None:
    """They hold Keras' own answers, stay small, are copied along, and pass the self-test of the command."""
    from galaxy_painter import draw_golden

    draw_golden(tmp_path / "golden")
    model = tmp_path / "own.onnx"
    options: list[str | Path] = ["--golden", tmp_path / "golden"]  # and the images of the run's own data
    result = convert(trained_run, "-o", model, *options)
    assert result.returncode == 0, result.stderr
    content = json.loads((tmp_path / "own.golden.json").read_text())
    assert (tmp_path / "own.golden.json").stat().st_size < 300_000
    assert {Path(image["name"]).suffix for image in content["images"]} == {".jpg", ".png"}
    temperature = json.loads((trained_run / "metrics.json").read_text())["temperature"]
    for image in content["images"]:
        assert image["probabilities"] == pytest.approx(image["trained_probabilities"], abs=1e-5)
        logits = np.array(image["trained_logits"]) / temperature
        softmax = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        assert softmax == pytest.approx(np.array(image["trained_probabilities"]), abs=1e-5)
    (tmp_path / "models").mkdir()
    assert run_export("embed", model, "--into", tmp_path / "models").returncode == 0
    assert run_classify("--self-test", "-m", tmp_path / "models" / "own.onnx").returncode == 0
    for name in ("more", "still more"):
        shutil.copytree(tmp_path / "golden", tmp_path / name)
        (tmp_path / name).rename(tmp_path / "golden" / name)
    too_large = convert(trained_run, "-o", model, *options)
    assert too_large.returncode == 2
    assert "the limit for golden images is 200,000" in too_large.stderr


def test_a_model_can_be_embedded(exported: dict[str, Any], tmp_path: Path) -> None:
    """The manifest lists the copy with its checksum; the first model is the default until another is made it."""
    from galaxy_classify.inference.embedded import embedded_models

    float_path, int8_path = exported["float"][0], exported["int8"][0]
    assert run_export("embed", float_path, "--into", tmp_path).returncode == 0
    assert not list(tmp_path.glob("*.golden.json"))
    assert run_export("embed", int8_path, "--into", tmp_path).returncode == 0
    assert list(embedded_models(tmp_path)) == ["float", "int8"]
    assert run_export("embed", int8_path, "--into", tmp_path, "--default").returncode == 0
    models = embedded_models(tmp_path)
    assert list(models) == ["int8", "float"]
    for source in models.values():
        OnnxModel(source)


@pytest.mark.data
def test_every_embedded_model_passes_on_real_galaxies(galaxy_data: Path) -> None:
    """The shipped file reaches, on the SDSS test set, exactly the accuracy that it claims."""
    from galaxy_classify.inference.embedded import embedded_models
    from galaxy_train.data.hdf5 import find_split, load_file

    test = load_file(find_split(galaxy_data / "galaxies64", "test"))
    for source in embedded_models().values():
        model = OnnxModel(source)
        predicted = model.run(test.images).probabilities.argmax(axis=1)
        claimed = model.description.parity.get("int8", model.description.training["test"])["accuracy"]
        assert model.description.training["data"]["test"]["sha256"] == test.sha256
        assert (predicted == test.labels).mean() == pytest.approx(claimed, abs=0.002)


def test_an_onnx_runtime_session_needs_no_special_options(exported: dict[str, Any]) -> None:
    """The file is plain ONNX: other programs can run it with nothing but uint8 pixels."""
    path, _ = exported["int8"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images, _ = paint_set(per_class=2, seed=1)
    (probabilities,) = session.run(None, {"images": images})
    assert probabilities.shape == (8, 4)
