"""The gate on a pair of ONNX files of another project: the honest one passes, and each way to spoil it is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import foreign_models as foreign
from foreign_models import Change
from galaxy_classify.errors import OutputError
from galaxy_export.parity import assert_parity
from trainings import run_export

FUNCTION = "foreign_models:predict"

#: Wide limits, as int8 needs them.
WIDE: dict[str, Any] = {"rtol": 0.2, "atol": 0.2}

MUTATIONS: dict[str, tuple[Change, dict[str, Any], str, str]] = {
    "scaled tensor": (foreign.scaled, {}, "difference", r"output 'features' of sample \d+ at \[\d\] is .* the limit"),
    "swapped outputs": (foreign.outputs_swapped, {}, "difference", "it is the reference's output 'features'"),
    "wrong axis of the softmax": (foreign.softmax_over_the_batch, {}, "depends on the batch", "output 'scores' of"),
    "wrong axis of the input": (foreign.axes_exchanged, {}, "difference", r"40 of 40 samples are beyond"),
    "dropped normalisation": (foreign.normalisation_dropped, {}, "difference", "output 'features' of sample"),
    "fixed batch": (foreign.batch_fixed, {}, "cannot run", "takes batches of 1 only"),
    "batch fixed inside": (foreign.batch_fixed_inside, {}, "cannot run", "fails at batch size 3: ONNX Runtime says"),
    "batch-dependent int8": (foreign.quantized_by_the_batch, WIDE, "depends on the batch", "gives .*: in a batch of"),
    "missing output": (foreign.output_missing, {}, "missing output", "has no output 'features'"),
    "added output": (foreign.output_added, {}, "extra output", "has an output 'logits'"),
    "dtype": (foreign.label_of_floats, {}, "dtype", "output 'label' is float32, but the reference's is int64"),
    "shape": (foreign.label_of_two_axes, {}, "shape", r"'label' has the shape \[N, 1\], but the reference's has \[N\]"),
    "not a number": (foreign.not_a_number, {}, "difference", r"at \[\d\] is nan, the reference gives"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the pair and its inputs."""
    path = tmp_path_factory.mktemp("pair")
    foreign.save_pair(path)
    return path


@pytest.fixture
def parity(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``galaxy-export parity`` on the inputs of the pair, against the reference unless another is given."""

    def run(candidate: object, *options: object, against: object = "") -> subprocess.CompletedProcess[str]:
        against = against or folder / "reference.onnx"
        arguments = [candidate, "--against", against, "--inputs", folder / "samples.npz", *options]
        return run_export("parity", *map(str, arguments))

    return run


@pytest.mark.parametrize("against", ["", FUNCTION])
def test_the_honest_file_passes(
    folder: Path, parity: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, against: str
) -> None:
    """With other rounding, on two inputs and three outputs, against another graph and against a function."""
    report = tmp_path / "report.json"
    result = parity(folder / "candidate.onnx", "--classes", "scores", "--report", report, against=against)
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(report.read_text())
    assert found["passed"] is True
    assert [row["batch_size"] for row in found["comparisons"]] == [1, 3, 17]
    assert 0 < found["largest_difference"] < 1e-5
    assert [(each["name"], each["rtol"], each["atol"]) for each in found["outputs"]] == [
        ("scores", 1e-4, 1e-5), ("features", 1e-4, 1e-5), ("label", 0, 0),
    ]  # fmt: skip
    assert found["comparisons"][0]["classes"]["scores"]["agreement"] == 1


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_spoilt_file_is_refused_for_the_right_reason(name: str, folder: Path, tmp_path: Path) -> None:
    """The first reason is the one that says what is wrong; the message names the output and the sample."""
    change, limits, reason, message = MUTATIONS[name]
    proto = foreign.candidate()
    change(proto)
    report = tmp_path / "report.json"
    with pytest.raises(OutputError, match=message):
        assert_parity(proto, folder / "reference.onnx", foreign.samples(), **limits, report=report)
    failures = json.loads(report.read_text())["failures"]
    assert failures[0]["reason"] == reason


def test_what_is_refused_would_pass_within_the_batch_alone(folder: Path) -> None:
    """The rounding of int8 is within the wide limits: only the dependence on the batch is not."""
    proto = foreign.candidate()
    foreign.quantized_by_the_batch(proto)
    names = {"label": "", "": "label"}  # whose last digits int8 may change
    assert_parity(proto, folder / "reference.onnx", foreign.samples(), **WIDE, names=names, batch_sizes=[1])
    with pytest.raises(OutputError, match="depends on the others in the batch"):
        assert_parity(proto, folder / "reference.onnx", foreign.samples(), **WIDE, names=names)


def test_other_domains_and_half_precision(folder: Path) -> None:
    """Whatever ONNX Runtime runs can be compared; outputs of float16 get wider limits by themselves."""
    proto = foreign.candidate()
    proto.graph.node[foreign.place(proto, "Relu")].CopyFrom(
        helper.make_node("FusedMatMul", ["sum", "identity"], ["linear"], domain="com.microsoft")
    )
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.eye(5, dtype=np.float32), "identity"))
    number = foreign.place(proto, "FusedMatMul")
    for position, each in enumerate(
        (
            foreign.node("Relu", "linear", "wide"),
            foreign.node("Cast", "wide", "features", to=TensorProto.FLOAT16),
            foreign.node("Cast", "features", "narrow", to=TensorProto.FLOAT),
        )
    ):
        proto.graph.node.insert(number + 1 + position, each)
    proto.graph.node[foreign.place(proto, "Softmax") - 1].input[0] = "narrow"
    proto.graph.output[1].type.tensor_type.elem_type = TensorProto.FLOAT16
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    loose = {"scores": 1e-2}
    assert_parity(proto, folder / "reference.onnx", foreign.samples(), rtol=loose, atol=loose, classes={"label": 0.9})


def test_names_can_be_mapped(folder: Path, parity: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Inputs and outputs have other names in most converted files, and one of them may be left out."""
    proto = foreign.candidate()
    new = {"pixels": "input:0", "scores": "Identity:0", "label": "top"}
    for each in proto.graph.node:
        each.input[:] = [new.get(name, name) for name in each.input]
        each.output[:] = [new.get(name, name) for name in each.output]
    for tensor in (*proto.graph.input, *proto.graph.output):
        tensor.name = new.get(tensor.name, tensor.name)
    path = folder / "renamed.onnx"
    onnx.save(proto, path)
    options = ["--map", "input:0=pixels", "--map", "Identity:0=scores"]
    assert parity(path, *options, "--map", "top=label").returncode == 0
    assert parity(path, *options, "--map", "top=", "--map", "=label").returncode == 0
    without = parity(path, *options, "--map", "top=")
    assert (without.returncode, "the candidate has no output 'label'" in without.stderr) == (1, True)
    wrong = parity(path, *options, "--map", "top=lable")
    assert (wrong.returncode, "no output 'lable'; did you mean 'label'?" in wrong.stderr) == (2, True)
    assert parity(path, *options, "--map", "top=label", against=FUNCTION).returncode == 0


def test_limits_of_all_outputs_and_of_one(
    folder: Path, parity: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """A limit for one output leaves the others as strict as they were; one for all is not for labels."""
    proto = foreign.candidate()
    foreign.scaled(proto)
    path = folder / "scaled.onnx"
    onnx.save(proto, path)
    assert parity(path, "--rtol", "1e-2", "--atol", "1e-3").returncode == 0
    assert parity(path, "--atol", "features=0.1", "--rtol", "scores=0.1").returncode == 0
    one = parity(path, "--rtol", "scores=1e-2")
    assert (one.returncode, one.stderr.startswith("error: parity: output 'features' of sample ")) == (1, True)
    assert parity(path, "--rtol", "1e-2", "--atol", "1e-3", "--atol", "features=1e-7").returncode == 1
    labels = foreign.samples()

    def shifted(pixels: np.ndarray, colours: np.ndarray) -> dict[str, np.ndarray]:
        outputs = foreign.predict(pixels, colours)
        return outputs | {"label": outputs["label"] + 1}

    with pytest.raises(OutputError, match=r"output 'label' of sample 0 is \d, the reference gives \d"):
        assert_parity(folder / "candidate.onnx", shifted, labels, rtol=0.5, atol=2)
    assert_parity(folder / "candidate.onnx", shifted, labels, atol={"label": 1})


def test_classes_may_change_only_where_two_are_alike(folder: Path) -> None:
    """Scores within their limits can still change a class, which is refused unless the two best were a tie."""

    def model(gap: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: np.stack([np.full(len(x), 0.5), 0.5 + gap * x], axis=1)

    x = np.ones(20, np.float32)
    assert_parity(model(-2e-5), model(2e-5), x, atol=1, classes="output")
    with pytest.raises(OutputError, match=r"gives only 0\.0000% of the samples the reference's class") as refused:
        assert_parity(model(-1e-3), model(1e-3), x, atol=1, classes="output")
    assert "sample 0 is another although the reference's two largest scores are 0.001 apart" in str(refused.value)
    x[:15] = 0.9
    changed = lambda x: model(1e-3)(np.where(x == 1, -x, x))  # noqa: E731
    assert_parity(changed, model(1e-3), x, atol=1, classes={"output": 0.75})
    with pytest.raises(OutputError, match=re.escape("80.00% must have it")):
        assert_parity(changed, model(1e-3), x, atol=1, classes={"output": 0.8})


def test_the_worst_sample_is_saved(
    folder: Path, parity: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Whoever debugs a refused candidate has the inputs and both outputs of the sample, and its whole batch."""
    proto = foreign.candidate()
    foreign.quantized_by_the_batch(proto)
    path, worst = folder / "quantized.onnx", tmp_path / "worst.npz"
    onnx.save(proto, path)
    assert parity(folder / "candidate.onnx", "--save-worst", worst).returncode == 0
    assert not worst.exists()
    assert parity(path, "--save-worst", worst).returncode == 1
    with np.load(worst) as saved:
        sample, row, size = (int(saved[name]) for name in ("sample", "row", "batch_size"))
        assert np.array_equal(saved["batch/pixels"][row], foreign.samples()["pixels"][sample])
        assert len(saved["batch/colours"]) <= size
        name = str(saved["output"])
        expected = foreign.predict(**{key: array[sample : sample + 1] for key, array in foreign.samples().items()})
        assert saved[f"reference/{name}"] == pytest.approx(expected[name], abs=1e-5)
        assert np.abs(saved[f"candidate/{name}"] - expected[name]).max() > 1e-4


def test_reports(folder: Path, parity: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """JSON for programs, without values that JSON does not have; Markdown that no name in a file can break."""
    proto = foreign.candidate()
    foreign.not_a_number(proto)
    path = folder / "nan|<b>.onnx"
    onnx.save(proto, path)
    reports = [tmp_path / "parity.json", tmp_path / "parity.md"]
    result = parity(path, *(part for report in reports for part in ("--report", report)))
    assert result.returncode == 1

    def refuse(word: str) -> None:
        raise AssertionError(word)

    found = json.loads(reports[0].read_text(), parse_constant=refuse)
    assert (found["passed"], found["largest_difference"]) == (False, None)
    assert found["failures"][0]["output"] == "scores"
    assert {each["name"]: each["passed"] for each in found["outputs"]} == {
        "scores": False, "features": True, "label": False,
    }  # fmt: skip
    markdown = reports[1].read_text()
    assert "**failed** (difference)" in markdown
    assert "| features | 17 |" in markdown
    assert (
        markdown.count("<b>") == markdown.split("\n")[0].count("nan|<b>.onnx`") == 1
    )  # as code, which it cannot leave
    assert "nan\\|&lt;b&gt;.onnx compared with" in markdown


@pytest.mark.slow
def test_a_process_of_its_own_needs_neither_tensorflow_nor_onnx(folder: Path) -> None:
    """Two ONNX files are compared with the runtime's own dependencies; the exit code says which way it went."""
    missing = ("tensorflow", "keras", "h5py", "matplotlib", "onnx", "tf2onnx", "platformdirs")
    proto = foreign.candidate()
    foreign.scaled(proto)
    onnx.save(proto, folder / "changed.onnx")
    for name, code, said in (
        ("candidate.onnx", 0, ""),
        ("changed.onnx", 1, "error: parity: output 'scores' of sample "),
        ("none.onnx", 2, "error: none.onnx: no such file"),
    ):
        arguments = ["galaxy-export", "parity", name, "--against", "reference.onnx", "--inputs", "samples.npz"]
        script = f"import sys; sys.modules.update(dict.fromkeys({missing})); sys.argv = {arguments}\n"
        script += "from galaxy_export.cli import main; main()"
        result = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr[: len(said)]) == (code, said), result.stderr
        assert result.stderr.count("\n") == (code > 0)
