"""Mutation tests: whatever is wrong with a model file, the gate sees it, and names the step."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from galaxy_classify.errors import ContractError, GraphError, LogitError, ParityError, ProbabilityError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_classify.inference.embedded import find_model
from galaxy_classify.inference.model import OnnxModel
from galaxy_train.run_folder import RunFolder
from keras_once import KerasOnce
from simulated_galaxies import change_held_out
from trainings import run_export

pytestmark = [pytest.mark.parity, pytest.mark.slow]

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def files(
    keras_once: KerasOnce, trained_run: Path, drawn_dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Export the drawn galaxies' MLP as float32 and as int8."""
    from galaxy_export import export
    from galaxy_export.report import GateReport

    folder = tmp_path_factory.mktemp("verified")
    paths = {}
    for name, int8 in (("float", False), ("int8", True)):
        paths[name] = folder / f"{name}.onnx"
        with keras_once.inside(export):
            export.export_run(
                RunFolder(trained_run), paths[name], drawn_dataset, GateReport(name),
                name="drawn", version="1", tolerance=1e-5, int8=int8,
            )  # fmt: skip
    return paths


@pytest.fixture(scope="module")
def verify(keras_once: KerasOnce, trained_run: Path, gate_dataset: Path) -> Callable[[Path], Any]:
    """Verify a file against the trained network, and return the report."""
    from galaxy_export import verify
    from galaxy_export.report import GateReport

    trained = keras_once.functions["load_trained"](trained_run)

    def check(path: Path) -> GateReport:
        report = GateReport(path.name)
        with keras_once.inside(verify):
            verify.verify_model(path, trained, gate_dataset, 1e-5, report)
        return report

    return check


def test_a_standalone_file_is_verified_through_the_file_that_it_was_made_from(
    files: dict[str, Path], verify: Callable[[Path], Any], tmp_path: Path
) -> None:
    """It takes whole images, which the trained network does not: the message says what to do instead."""
    from galaxy_classify.inference.embedded import ModelSource
    from galaxy_export.standalone.write import write_standalone

    write_standalone(ModelSource(files["float"]), tmp_path / "s.onnx", None, batched=False)
    with pytest.raises(ContractError, match=r"s\.onnx: is a standalone file: verify the model file"):
        verify(tmp_path / "s.onnx")


def float_tensors(proto: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Return kernels and biases in the order of the layers."""
    return [
        tensor
        for tensor in proto.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > 1
    ]


def scaled(number: int, factor: float) -> Change:
    """Scale one kernel or bias."""

    def change(proto: onnx.ModelProto) -> None:
        tensor = float_tensors(proto)[number]
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))

    return change


def classes_permuted(proto: onnx.ModelProto) -> None:
    """Exchange two outputs of the last layer."""
    for tensor in float_tensors(proto)[-2:]:
        values = np.ascontiguousarray(numpy_helper.to_array(tensor)[..., [1, 0, 2, 3]])
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def channels_swapped(proto: onnx.ModelProto) -> None:
    """Take RGB for BGR."""
    proto.graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0]), "bgr"))
    proto.graph.node[0].input[0] = "swapped"
    proto.graph.node.insert(0, helper.make_node("Gather", ["images", "bgr"], ["swapped"], axis=3))


def channels_last_read_as_first(proto: onnx.ModelProto) -> None:
    """Leave out the transpose."""
    (transpose,) = [node for node in proto.graph.node if node.op_type == "Transpose"]
    transpose.attribute[0].CopyFrom(helper.make_attribute("perm", [0, 1, 2, 3]))


def scaling_twice(proto: onnx.ModelProto) -> None:
    """Divide by 255 again."""
    scaling = next(node for node in proto.graph.node if node.op_type == "Mul")  # the temperature is another
    (constant,) = [tensor for tensor in proto.graph.initializer if tensor.name in scaling.input]
    constant.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(constant) / np.float32(255), constant.name))


def softmax_missing(proto: onnx.ModelProto) -> None:
    """Give logits for probabilities."""
    proto.graph.node[-1].CopyFrom(helper.make_node("Identity", ["logits"], ["probabilities"]))


def metadata(key: str, value: str | None) -> Change:
    """Change or remove an entry of the metadata."""

    def change(proto: onnx.ModelProto) -> None:
        entries = {entry.key: entry.value for entry in proto.metadata_props}
        del proto.metadata_props[:]
        if value is None:
            del entries[f"galaxy_classify.{key}"]
        else:
            entries[f"galaxy_classify.{key}"] = value
        helper.set_model_props(proto, entries)

    return change


def fixed_batch(proto: onnx.ModelProto) -> None:
    """Take single images only."""
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def external_data(proto: onnx.ModelProto) -> None:
    """Keep a tensor in another file."""
    tensor = float_tensors(proto)[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def wrong_type(proto: onnx.ModelProto) -> None:
    """Give an operator too many inputs."""
    next(node for node in proto.graph.node if node.op_type == "Relu").input.append("logits")


HELD_OUT = json.dumps({"labels": [0, 1, 2, 3], "probabilities": [[0.25] * 4] * 4})
LABELS = json.dumps([*GALAXY_MNIST_CLASSES[1:], GALAXY_MNIST_CLASSES[0]])
MUTATIONS: dict[str, tuple[Change, type[ParityError] | tuple[type[ParityError], ...]]] = {
    **{f"kernel {number} scaled by 1.001": (scaled(2 * number, 1.001), LogitError) for number in range(4)},
    # A bias may be so small beside the logits that only the stricter limit on probabilities notices.
    **{
        f"bias {number} scaled by 1.01": (scaled(2 * number + 1, 1.01), (LogitError, ProbabilityError))
        for number in range(4)
    },
    "classes permuted": (classes_permuted, LogitError),
    "channels swapped RGB/BGR": (channels_swapped, LogitError),
    "NHWC read as NCHW": (channels_last_read_as_first, LogitError),
    "scaling applied twice": (scaling_twice, LogitError),
    "softmax missing": (softmax_missing, ProbabilityError),
    "crop left out": (metadata("preprocessing", '{"crop_fraction": 1.0, "resample": "lanczos"}'), ContractError),
    "wrong label order": (metadata("classes", LABELS), ContractError),
    "another training's checksum": (metadata("source_sha256", "0" * 64), ContractError),
    "other held-out predictions": (metadata("held_out", HELD_OUT), ContractError),
    "metadata missing": (metadata("training", None), ContractError),
    "fixed batch size": (fixed_batch, ContractError),
    "external data": (external_data, ContractError),
    "an operator misused": (wrong_type, GraphError),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_file_is_refused_with_the_right_error(
    name: str, files: dict[str, Path], verify: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Each change is caught by the step that is there for it."""
    change, error = MUTATIONS[name]
    proto = onnx.load(files["float"])
    change(proto)
    path = tmp_path / "changed.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(error):
        verify(path)


def test_a_truncated_file_is_refused(files: dict[str, Path], verify: Callable[[Path], Any], tmp_path: Path) -> None:
    """A broken download is no model."""
    path = tmp_path / "cut.onnx"
    path.write_bytes(files["float"].read_bytes()[:-1000])
    with pytest.raises(ContractError, match="damaged or incomplete"):
        verify(path)


@pytest.mark.parametrize("name", ["float", "int8"])
def test_the_honest_file_passes(name: str, files: dict[str, Path], verify: Callable[[Path], Any]) -> None:
    """On every image, at every batch size."""
    report = verify(files[name])
    assert [row.batch_size for row in report.parity.comparisons] == [1, 3, 17, 64]
    assert all(row.classes["probabilities"].agreement == 1 for row in report.parity.comparisons)
    assert (report.quantization is not None) == (name == "int8")


def test_a_changed_int8_file_is_refused(files: dict[str, Path], verify: Callable[[Path], Any], tmp_path: Path) -> None:
    """Within the guard's room for rounding, another scale is still another network."""
    proto = onnx.load(files["int8"])
    (scale,) = [tensor for tensor in proto.graph.initializer if tensor.name == "5/MatMul/weight_scale"]
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale) * np.float32(1.001), scale.name))
    path = tmp_path / "changed.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(LogitError):
        verify(path)


def test_the_command_ends_with_0_1_or_2(
    files: dict[str, Path], keras_once: KerasOnce, trained_run: Path, drawn_dataset: Path, tmp_path: Path
) -> None:
    """A CI job can tell a failed proof from a wrong command line, and finds the reports either way."""
    from galaxy_export import verify

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        with keras_once.inside(verify):
            return run_export("verify", *arguments)

    common: list[str | Path] = ["--images", drawn_dataset]
    reports = [tmp_path / "parity.json", tmp_path / "parity.md"]
    options: list[str | Path] = [part for path in reports for part in ("--report", path)]
    for against in (trained_run, trained_run / "model.keras"):
        passed = run(files["float"], "--against", against, *common, *options)
        assert passed.returncode == 0, passed.stderr
        assert "is the trained network" in passed.stdout
        report = json.loads(reports[0].read_text())
        assert report["passed"] is True
        assert report["parity"]["images"] == 200
        assert report["parity"]["comparisons"][0]["probabilities"]["absolute"] < 1e-5
        assert "| 17 |" in reports[1].read_text()

    proto = onnx.load(files["float"])
    scaled(0, 1.01)(proto)
    (tmp_path / "changed.onnx").write_bytes(proto.SerializeToString())
    failed = run(tmp_path / "changed.onnx", "--against", trained_run, *common, *options)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: parity: the largest relative difference of a logit is ")
    report = json.loads(reports[0].read_text())
    assert (report["passed"], report["step"]) == (False, "LogitError")
    assert report["parity"]["comparisons"][0]["logits"]["relative"] > 1e-4
    assert "**failed** (LogitError)" in reports[1].read_text()

    wrong = run(files["float"], "--against", trained_run, *common, "--report", tmp_path / "parity.txt")
    assert wrong.returncode == 2
    assert run(files["float"], *common).returncode == 2
    assert run(tmp_path / "none.onnx", "--against", trained_run, *common).returncode == 2


def test_an_export_carries_the_held_out_predictions_of_its_run(files: dict[str, Path], trained_run: Path) -> None:
    """As float32 and as int8; the card in the file says what they are good for."""
    expected = RunFolder(trained_run).read_held_out(4)
    assert expected is not None
    for path in files.values():
        description = OnnxModel(find_model(path)).description
        assert description.held_out == expected
        assert description.training["prediction_sets"]
        assert "## Class mix" in description.card
        assert "## Prediction sets" in description.card


def test_a_file_without_held_out_predictions_passes(
    files: dict[str, Path], verify: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Earlier versions made such files."""
    path = change_held_out(Path(shutil.copy(files["float"], tmp_path / "earlier.onnx")), None)
    verify(path)
