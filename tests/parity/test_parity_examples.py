"""The examples of the gate in other projects' tests: each is run where its packages are installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.parity, pytest.mark.slow]

EXAMPLES = Path(__file__).parents[2] / "examples" / "parity"


@pytest.mark.filterwarnings("ignore::FutureWarning:keras.*")
def test_the_keras_example_passes(tmp_path: Path) -> None:
    """In this process, which has TensorFlow loaded."""
    spec = importlib.util.spec_from_file_location("keras_example", EXAMPLES / "test_keras_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.test_the_onnx_file_is_the_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "packages"), [("torch", ["torch", "onnxscript"]), ("sklearn", ["sklearn", "skl2onnx"])]
)
def test_the_other_examples_pass(tmp_path: Path, name: str, packages: list[str]) -> None:
    """In processes of their own: PyTorch and TensorFlow cannot be loaded by the same one."""
    if missing := [package for package in packages if importlib.util.find_spec(package) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    options = ["-q", "-c", os.devnull, "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(EXAMPLES / f"test_{name}_model.py")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, " passed" in result.stdout) == (0, True), result.stdout


def test_each_example_says_what_it_needs() -> None:
    """And none is forgotten here."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        f"test_{name}_model.py" for name in ("keras", "sklearn", "torch")
    }
    assert {path.name for path in EXAMPLES.glob("*.txt")} == {
        f"requirements-{name}.txt" for name in ("keras", "sklearn", "torch")
    }
