"""Mistakes of a user: one line that says what to do, exit code 2, and no traceback."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from onnx import TensorProto, helper

import foreign_models as foreign
from galaxy_classify.errors import DataError, OutputError
from galaxy_export.parity import assert_parity
from trainings import run_export

MODULE = """
import sys
import numpy as np
from foreign_models import predict

def broken(pixels, colours):
    raise ValueError("out of\\nluck")

def stopped(pixels, colours):
    sys.exit(3)

def one_input(pixels):
    return pixels

def no_arrays(pixels, colours):
    return {"scores": object(), "features": None}

def other_outputs(pixels, colours):
    return {"one": pixels, "two": colours}

def mean(pixels, colours):
    return pixels.mean(), colours, pixels

def careless(pixels, colours):
    pixels += 1
    return predict(pixels - 1, colours)

constant = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Working directory of a careless user."""
    path = tmp_path_factory.mktemp("mistakes")
    foreign.save_pair(path)
    (path / "cut.onnx").write_bytes((path / "candidate.onnx").read_bytes()[:-300])
    (path / "letters.onnx").write_bytes((path / "candidate.onnx").read_bytes().replace(b"pixels", b"pixel\xff"))
    (path / "net.pt").write_bytes(b"PK")
    (path / "broken.keras").write_bytes(b"PK")
    (path / "empty").mkdir()
    (path / "reference_functions.py").write_text(MODULE)
    (path / "bad_import.py").write_text("x = 1\nraise RuntimeError('no GPU')\n")
    (path / "needs_more.py").write_text("import no_such_package\n")
    given = foreign.samples()
    np.savez(path / "names.npz", image=given["pixels"], colours=given["colours"])
    np.savez(path / "bytes.npz", pixels=given["pixels"].astype(np.uint8), colours=given["colours"])
    np.savez(path / "flat.npz", pixels=given["pixels"].reshape(40, -1), colours=given["colours"])
    np.savez(path / "few.npz", pixels=given["pixels"][:3], colours=given["colours"])
    np.savez(path / "none.npz", pixels=given["pixels"][:0], colours=given["colours"][:0])
    np.savez(path / "objects.npz", pixels=np.array([{}, {}]), colours=given["colours"])
    np.savez(path / "dates.npz", pixels=np.zeros(3, "datetime64[s]"), colours=given["colours"][:3])
    (path / "cut.npz").write_bytes((path / "samples.npz").read_bytes()[:-400])
    with h5py.File(path / "samples.hdf5", "w") as file:
        file["pixels"], file["colours"] = given["pixels"], given["colours"]
    (path / "letters.hdf5").write_bytes((path / "samples.hdf5").read_bytes().replace(b"pixels", b"pixel\xff"))
    (path / "cut.hdf5").write_bytes((path / "samples.hdf5").read_bytes()[:900])
    (path / "text.npz").write_text("no zip")
    with zipfile.ZipFile(path / "files.npz", "w") as archive:
        archive.writestr("pixels", "no array")
        archive.writestr("colours", "no array")
    for name, given_pixels in (("word", "spiral"), ("nothing", h5py.Empty("f4"))):
        with h5py.File(path / f"{name}.hdf5", "w") as file:
            file["pixels"], file["colours"] = given_pixels, given["colours"]
    with h5py.File(path / "lists.hdf5", "w") as file:
        file.create_dataset("pixels", (40,), h5py.vlen_dtype("f4"))
        file["colours"] = given["colours"]
    return path


@pytest.fixture
def parity(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``galaxy-export parity`` there; what a test does not give is right."""

    def run(
        *options: str, candidate: str = "candidate.onnx", against: str = "reference.onnx", inputs: str = "samples.npz"
    ) -> subprocess.CompletedProcess[str]:
        from galaxy_export.cli import main
        from in_process import run_in_process

        return run_in_process(main, "parity", candidate, "--against", against, "--inputs", inputs, *options, cwd=folder)

    return run


CASES: list[tuple[dict[str, Any], str]] = [
    ({"candidate": "none.onnx"}, "none.onnx: no such file"),
    ({"candidate": "cut.onnx"}, "cut.onnx: ONNX Runtime cannot load it: "),
    ({"candidate": "letters.onnx"}, "letters.onnx: ONNX Runtime cannot load it: "),
    ({"inputs": "letters.hdf5"}, "the candidate's input 'pixels'; it has"),
    ({"against": "net.pt"}, "anything else is compared as module:function"),
    ({"against": "empty"}, "empty: is no SavedModel: it has no saved_model.pb"),
    ({"against": "none"}, "none: is neither a file, nor the folder of a SavedModel, nor module:function"),
    ({"against": "no_module:predict"}, "no module 'no_module', neither in the working directory nor on PYTHONPATH"),
    ({"against": "needs_more:predict"}, "importing the module needs 'no_such_package', which is not installed"),
    ({"against": "bad_import:predict"}, "raises RuntimeError: no GPU (bad_import.py, line 2)"),
    ({"against": "reference_functions:brokn"}, "there is no 'brokn'; did you mean 'broken'?"),
    ({"against": "reference_functions:constant"}, "is a int, not a function"),
    ({"against": "reference_functions:broken"}, "raises ValueError: out of luck (reference_functions.py, line 7)"),
    ({"against": "reference_functions:stopped"}, "raises SystemExit: 3 (reference_functions.py, line 10)"),
    ({"against": "reference_functions:one_input"}, "takes (pixels), but the inputs are pixels, colours"),
    ({"against": "reference_functions:no_arrays"}, "returns no array of numbers for output 'scores', but object"),
    (
        {"against": "reference_functions:other_outputs"},
        "no output in common: the candidate has scores, features, label",
    ),
    ({"against": "reference_functions:mean"}, "its output 'output 0' has the shape [] for a batch of 40"),
    ({"inputs": "none.npy"}, "none.npy: cannot be read: No such file or directory"),
    ({"inputs": "text.npz"}, "is neither an NPZ nor an HDF5 file nor a folder of images"),
    ({"inputs": "cut.npz"}, "cut.npz: cannot be read as NPZ: "),
    ({"inputs": "cut.hdf5"}, "cut.hdf5: cannot be read as HDF5: "),
    ({"inputs": "objects.npz"}, "objects.npz: cannot be read as NPZ: Object arrays cannot be loaded"),
    ({"inputs": "dates.npz"}, "'pixels' is datetime64[s]; inputs are numbers or text"),
    ({"inputs": "files.npz"}, "files.npz: 'pixels' is no array, but bytes; inputs are numbers or text"),
    ({"inputs": "word.hdf5"}, "word.hdf5: 'pixels' is no array, but str"),
    ({"inputs": "nothing.hdf5"}, "nothing.hdf5: 'pixels' is no array, but Empty"),
    ({"inputs": "lists.hdf5"}, "input 'pixels' is object, but candidate.onnx takes float32"),
    ({"candidate": ""}, "is neither a file, nor the folder of a SavedModel, nor module:function"),
    ({"inputs": "none.npz"}, "none.npz: holds no samples"),
    ({"inputs": "few.npz"}, "different numbers of samples: pixels 3, colours 40"),
    ({"inputs": "names.npz"}, "has no array for the candidate's input 'pixels'; it has image, colours"),
    ({"inputs": "bytes.npz"}, "input 'pixels' is uint8, but candidate.onnx takes float32; store float32 values"),
    ({"inputs": "flat.npz"}, "has the shape [N, 24], but candidate.onnx takes 'pixels' (float32 [?, 2, 4, 3])"),
    ({"inputs": "empty"}, "candidate.onnx has 2 inputs, so that images alone are not enough"),
    ({"options": ["--map", "pixels"]}, "--map: 'pixels' is not CANDIDATE=REFERENCE"),
    ({"options": ["--map", "pixel=pixels"]}, "--map: the candidate has no 'pixel'; did you mean 'pixels'?"),
    ({"options": ["--map", "pixels=image"]}, "--map: the reference has no input 'image'"),
    ({"options": ["--map", "label=a", "--map", "label=b"]}, "--map: names label of the candidate twice"),
    ({"options": ["--rtol", "feature=1"]}, "--rtol: the candidate has no 'feature'; did you mean 'features'?"),
    ({"options": ["--atol", "much"]}, "--atol: 'much' is not a number of at least 0"),
    ({"options": ["--atol", "nan"]}, "--atol: 'nan' is not a number of at least 0"),
    ({"options": ["--classes", "klass"]}, "--classes: the candidate has no 'klass'"),
    ({"options": ["--classes", "scores=2"]}, "--classes: '2' is not a number between 0 and 1"),
    ({"options": ["--batch-sizes", "1,zero"]}, "--batch-sizes: 'zero' is not a whole number of at least 1"),
    ({"options": ["--batch-sizes", "64"]}, "--batch-sizes: 64 are not between 1 and the 40 samples"),
    ({"options": ["--save-worst", "worst.npy"]}, "worst.npy: the worst sample is saved as .npz"),
    ({"options": ["--save-worst", "no/worst.npz"]}, "no/worst.npz: cannot be written: there is no folder no"),
    ({"options": ["--report", "report.txt"]}, "a report is .json or .md, by its suffix"),
]


@pytest.mark.parametrize(("wrong", "message"), CASES, ids=[message[:40] for _, message in CASES])
def test_a_mistake_is_one_line(
    parity: Callable[..., subprocess.CompletedProcess[str]], wrong: dict[str, Any], message: str
) -> None:
    """Whatever is named, nothing is printed but what to change."""
    result = parity(*wrong.get("options", []), **{key: value for key, value in wrong.items() if key != "options"})
    assert message in result.stderr
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("wrong", "missing"), [({"against": "broken.keras"}, "tensorflow"), ({"inputs": "samples.hdf5"}, "h5py")]
)
def test_a_missing_package_is_one_line(
    parity: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, str],
    missing: str,
) -> None:
    """TensorFlow and h5py are needed only for what only they can read."""
    monkeypatch.setattr("galaxy_classify.extras.find_spec", lambda module: None)
    result = parity(**wrong)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"error: {missing} not installed: run pip install 'galaxy-classify[export]'\n"
    assert parity().returncode == 0


def test_a_missing_option_is_one_line() -> None:
    """As of all commands."""
    result = run_export("parity", "candidate.onnx")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "--against" in result.stderr


def test_a_function_cannot_change_the_inputs(parity: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """It gets copies: what the candidate sees later is what was given."""
    assert parity(against="reference_functions:careless").returncode == 0


def test_hdf5_is_as_good_as_npz(parity: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """The same arrays give the same comparison."""
    first, second = (parity(inputs=f"samples.{kind}") for kind in ("npz", "hdf5"))
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.replace("npz", "hdf5") == second.stdout


def test_a_classifier_with_a_dictionary_for_each_sample_is_told_the_remedy() -> None:
    """It is what skl2onnx makes if it is not told otherwise."""
    nodes = [
        helper.make_node("ZipMap", ["x"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]
    value = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    )
    graph = helper.make_graph(
        nodes, "zip", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_value_info("probabilities", value)],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    with pytest.raises(DataError, match=re.escape("options={'zipmap': False}")):
        assert_parity(model, lambda x: x, np.eye(2, dtype=np.float32))


def test_what_is_no_model_is_a_type_error() -> None:
    """A mistake in a test's own code."""
    with pytest.raises(TypeError, match="the candidate is a int"):
        assert_parity(3, lambda x: x, np.zeros(3))


@pytest.mark.parametrize(
    ("function", "fault"),
    [("noisy", "each time: is its dropout on?"), ("training", "depend on the others in the batch: is it in training")],
)
def test_a_reference_in_training_mode_is_recognised(function: str, fault: str) -> None:
    """A forgotten eval() is the commonest reason for a difference, and not the candidate's fault."""
    random = np.random.default_rng(0)

    def noisy(x: np.ndarray) -> Any:
        return x + random.normal(size=x.shape)

    def training(x: np.ndarray) -> Any:
        return x - x.mean(axis=0)

    reference = {"noisy": noisy, "training": training}[function]
    with pytest.raises(OutputError, match=fault):
        assert_parity(lambda x: x, reference, np.linspace(0, 1, 10).reshape(10, 1))
