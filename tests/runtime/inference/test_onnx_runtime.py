"""ONNX Runtime as it is loaded: nothing goes over the network, nothing is stored, nothing is printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper

from galaxy_classify import GalaxyClassifier, ModelError
from galaxy_classify.inference.onnx_runtime import NO_TELEMETRY, switch_off_telemetry
from tiny_model import save_tiny_model

#: A program that classifies in this process and in a worker that inherits nothing, and uses the exporter.
PROGRAM = """
import multiprocessing
import sys
from galaxy_classify import GalaxyClassifier

if __name__ == "__main__":
    GalaxyClassifier().predict(open(sys.argv[1], "rb").read())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(GalaxyClassifier().predict_proba, [open(sys.argv[1], "rb").read()])[0].shape == (1, 4)
"""
EXPORTER = "import galaxy_export, onnxruntime, sys; onnxruntime.InferenceSession(sys.argv[1])"
CALLS = "socket,connect,open,openat,creat,mkdir"


def plain_environment(home: Path) -> dict[str, str]:
    """Return the environment of a person with a home of their own, in which nothing is switched off."""
    kept = {name: value for name, value in os.environ.items() if name not in (NO_TELEMETRY, "CI", "GITHUB_ACTIONS")}
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "TMPDIR": str(home.parent)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["command", "program", "exporter"])
def test_nothing_is_sent_and_nothing_stored(tmp_path: Path, drawn_images: Path, tiny_model: Path, kind: str) -> None:
    """No socket to a network is opened, and no file is written below the user's home."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "program.py").write_text(PROGRAM)
    image = drawn_images / "smooth_round.jpg"
    commands: dict[str, list[str | Path]] = {
        "command": ["-m", "galaxy_classify", image, "--quiet"],
        "program": [tmp_path / "program.py", image],
        "exporter": ["-c", EXPORTER, tiny_model],
    }
    command = commands[kind]
    trace = tmp_path / "calls.txt"
    strace = shutil.which("strace")
    traced: list[str | Path] = [strace, "-f", "-qq", "-e", f"trace={CALLS}", "-o", trace] if strace else []
    environment = plain_environment(home)
    result = subprocess.run([*traced, sys.executable, *command], env=environment, capture_output=True, text=True)
    if strace and "ptrace" in result.stderr:
        traced = []
        result = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert list(home.rglob("*")) == []
    if not traced:
        pytest.skip("strace is missing or not allowed: the network was not watched")
    calls = trace.read_text()
    assert "libonnxruntime" in calls or "onnxruntime_pybind11_state" in calls
    assert not re.findall(r"socket\(AF_INET.*|connect\(.*AF_INET.*", calls)
    assert not [line for line in calls.splitlines() if str(home) in line and ("O_CREAT" in line or "mkdir(" in line)]


@pytest.mark.parametrize(("given", "kept"), [(None, "1"), ("0", "0"), ("1", "1")])
def test_a_person_who_wants_telemetry_keeps_it(monkeypatch: pytest.MonkeyPatch, given: str | None, kept: str) -> None:
    """What was set explicitly is left as it is."""
    monkeypatch.delenv(NO_TELEMETRY)
    if given is not None:
        monkeypatch.setenv(NO_TELEMETRY, given)
    switch_off_telemetry()
    assert os.environ[NO_TELEMETRY] == kept


def test_onnx_runtime_does_not_print(tmp_path: Path, drawn_images: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its errors are in the exception; what it logs would get past --quiet, and what it prints among the rows."""
    image = drawn_images / "smooth_round.jpg"
    nodes = [
        helper.make_node("Shape", ["softmax"], ["shape"]),
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.array([2, 3]))),
        helper.make_node("Mul", ["shape", "two"], ["wrong"]),
        helper.make_node("Reshape", ["softmax", "wrong"], ["probabilities"]),
    ]
    classifier = GalaxyClassifier(save_tiny_model(tmp_path / "a.onnx", ending=nodes))
    with pytest.raises(ModelError, match="inference failed"):
        list(classifier.classify([image]))
    with pytest.raises(ModelError, match="not a usable ONNX model"):
        GalaxyClassifier(
            save_tiny_model(tmp_path / "b.onnx", ending=[helper.make_node("Blub", ["softmax"], ["probabilities"])])
        )
    assert capfd.readouterr() == ("", "")
