"""The gate on the convolutional network: what is special to it is seen as well."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from few_calibration_images import FEW
from galaxy_classify.errors import ContractError, LogitError, ParityError, ProbabilityError
from galaxy_classify.inference.model import OnnxModel
from galaxy_painter import draw_golden
from keras_once import KerasOnce
from trainings import Convert

pytestmark = [pytest.mark.parity, pytest.mark.slow]

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def files(
    convert: Convert,
    trained_cnn: Path,
    drawn_dataset: Path,
    painted_notes: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Export the drawn galaxies' CNN as float32 and, with golden images, as int8."""
    folder = tmp_path_factory.mktemp("cnn")
    (folder / "golden").mkdir()
    draw_golden(folder / "golden")
    paths = {name: folder / f"{name}.onnx" for name in ("float", "int8")}
    common: list[str | Path] = [trained_cnn, "--images", drawn_dataset, "--notes", painted_notes]
    plain = convert(*common, "-o", paths["float"])
    assert plain.returncode == 0, plain.stderr
    small = convert(*common, "-o", paths["int8"], "--int8", "--golden", folder / "golden")
    assert small.returncode == 0, small.stderr
    assert "int8 against float32" in small.stdout
    return paths


@pytest.fixture(scope="module")
def verify(keras_once: KerasOnce, trained_cnn: Path, gate_dataset: Path) -> Callable[[Path], None]:
    """Verify a file against the trained network."""
    from galaxy_export import verify
    from galaxy_export.report import GateReport

    trained = keras_once.functions["load_trained"](trained_cnn)

    def check(path: Path) -> None:
        with keras_once.inside(verify):
            verify.verify_model(path, trained, gate_dataset, 1e-5, GateReport(path.name))

    return check


@pytest.fixture(scope="module")
def verified(files: dict[str, Path], verify: Callable[[Path], None]) -> dict[str, Path]:
    """Both files, which pass as they are."""
    for path in files.values():
        verify(path)
    return files


def tensor(proto: onnx.ModelProto, suits: Callable[[onnx.TensorProto], bool]) -> onnx.TensorProto:
    """Return the first constant that suits."""
    found: onnx.TensorProto = next(found for found in proto.graph.initializer if suits(found))
    return found


def set_tensor(found: onnx.TensorProto, values: Any) -> None:
    """Change a constant."""
    found.CopyFrom(numpy_helper.from_array(np.asarray(values, numpy_helper.to_array(found).dtype), found.name))


def kernel_scaled(proto: onnx.ModelProto) -> None:
    """A convolution's kernel scaled by a thousandth."""
    kernel = tensor(proto, lambda found: len(found.dims) == 4)
    set_tensor(kernel, numpy_helper.to_array(kernel) * 1.001)


def orientation_lost(proto: onnx.ModelProto) -> None:
    """One of the eight orientations left out."""
    kernel = tensor(proto, lambda found: len(found.dims) == 4)
    values = numpy_helper.to_array(kernel).copy()
    values[: len(values) // 8] = 0
    set_tensor(kernel, values)


def crop_shifted(proto: onnx.ModelProto) -> None:
    """The part that the network looks at shifted by a pixel."""
    slice_node = next(node for node in proto.graph.node if node.op_type == "Slice")
    for name in slice_node.input[1:3]:
        bounds = tensor(proto, lambda found, name=name: found.name == name)  # type: ignore[misc]
        values = numpy_helper.to_array(bounds).copy()
        values[np.abs(values) == 8] += 1
        values[values == 56] += 1
        set_tensor(bounds, values)


def temperature_changed(proto: onnx.ModelProto) -> None:
    """Overconfident by a hundredth: the classes stay, the probabilities do not."""
    softmax = next(node for node in proto.graph.node if node.op_type == "Softmax")
    scale = next(node for node in proto.graph.node if softmax.input[0] in node.output)
    factor = tensor(proto, lambda found: found.name in scale.input)
    set_tensor(factor, numpy_helper.to_array(factor) * 1.01)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (kernel_scaled, LogitError),
        (orientation_lost, LogitError),
        (crop_shifted, ContractError),
        (temperature_changed, ProbabilityError),
    ],
)
def test_a_changed_file_is_refused(
    verified: dict[str, Path], verify: Callable[[Path], None], tmp_path: Path, change: Change, error: type[ParityError]
) -> None:
    """Each change is refused with the error of its step; the unchanged file passes."""
    proto = onnx.load(verified["float"])
    before = proto.SerializeToString()
    change(proto)
    assert proto.SerializeToString() != before
    (tmp_path / "changed.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(error):
        verify(tmp_path / "changed.onnx")


def activation_scale_changed(proto: onnx.ModelProto) -> None:
    """An activation quantized on another scale."""
    node = next(node for node in proto.graph.node if node.op_type == "QuantizeLinear")
    scale = tensor(proto, lambda found: found.name == node.input[1])
    set_tensor(scale, numpy_helper.to_array(scale) * 1.02)


def integer_kernel_changed(proto: onnx.ModelProto) -> None:
    """A few int8 weights off by one."""
    kernel = tensor(proto, lambda found: found.data_type == onnx.TensorProto.INT8 and len(found.dims) == 4)
    values = numpy_helper.to_array(kernel).copy()
    values[0] = np.where(np.abs(values[0]) < 60, values[0] + 1, values[0])
    set_tensor(kernel, values)


@pytest.mark.parametrize("change", [activation_scale_changed, integer_kernel_changed])
def test_a_changed_int8_file_is_refused(
    verified: dict[str, Path], verify: Callable[[Path], None], tmp_path: Path, change: Change
) -> None:
    """It is compared with the network quantized again, so it cannot hide within what rounding may cost."""
    proto = onnx.load(verified["int8"])
    change(proto)
    (tmp_path / "changed.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ParityError):
        verify(tmp_path / "changed.onnx")


def test_an_int8_file_without_its_ranges_is_refused(
    files: dict[str, Path], verify: Callable[[Path], None], tmp_path: Path
) -> None:
    """Nobody could tell how it was quantized."""
    proto = onnx.load(files["int8"])
    (entry,) = [entry for entry in proto.metadata_props if entry.key == "galaxy_classify.parity"]
    proof = json.loads(entry.value)
    del proof["int8"]["ranges"]
    entry.value = json.dumps(proof)
    (tmp_path / "changed.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ContractError, match="on which ranges int8 was calibrated"):
        verify(tmp_path / "changed.onnx")


def test_two_processes_give_the_same_bytes(
    files: dict[str, Path], elsewhere: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    """Folding, calibration and quantization leave nothing to chance; int8 is made from the float graph."""
    assert (elsewhere[0] / "cnn-int8.onnx").read_bytes() == files["int8"].read_bytes()


def test_what_the_files_carry(files: dict[str, Path]) -> None:
    """The int8 file is a third of the other; both have a card with the notes, and int8 its calibration."""
    models = {name: load(path) for name, path in files.items()}
    assert files["int8"].stat().st_size < files["float"].stat().st_size / 3
    for model in models.values():
        assert "## Where the data come from\n\nPainted." in model.description.card
    int8 = models["int8"].description.parity["int8"]
    assert int8["calibration_images"] == FEW
    assert len(int8["ranges"]) >= 5
    assert 0 <= int8["float_convolutions"] == 10 - len(int8["corrections"]) <= 6
    golden = json.loads(files["int8"].with_suffix(".golden.json").read_text())
    assert 1e-4 <= golden["probability_tolerance"] < 0.05


def load(path: Path) -> OnnxModel:
    """Load a file as the runtime does."""
    from galaxy_classify.inference.embedded import ModelSource

    return OnnxModel(ModelSource(path))


def test_the_self_test_of_an_int8_network(files: dict[str, Path]) -> None:
    """Its golden images hold on the machine that made them."""
    from galaxy_classify.cli.about.self_test import run_self_test

    outcome = run_self_test(load(files["int8"]))
    assert outcome.preprocessing_holds
    assert outcome.inference_holds
