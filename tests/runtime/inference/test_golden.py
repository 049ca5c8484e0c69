"""The self-test of an installation, and that it can fail."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from galaxy_classify.cli.about.self_test import run_self_test
from galaxy_classify.inference.embedded import embedded_models, find_model
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from in_process import run_classify

Change = Callable[[dict[str, Any]], None]


def self_test(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run galaxy-classify --self-test."""
    return run_classify("--self-test", *arguments)


@pytest.mark.parametrize("name", embedded_models())
def test_every_embedded_model_passes_here(name: str) -> None:
    """Exact pixels, and probabilities to a ten-thousandth, of PNG and JPEG in several sizes."""
    result = self_test("-m", name)
    assert result.returncode == 0, result.stdout
    assert "self-test passed" in result.stdout
    outcome = run_self_test(OnnxModel(embedded_models()[name]))
    assert outcome.images >= 8
    assert outcome.preprocessing_holds
    assert golden_file(embedded_models()[name].path).stat().st_size < 300_000


def other_pixels(content: dict[str, Any]) -> None:
    """As if a decoder gave other pixels."""
    content["images"][2]["pixels_sha256"] = "0" * 64


def other_probability(content: dict[str, Any]) -> None:
    """As if inference gave another answer."""
    content["images"][3]["probabilities"][0] += 2e-4


def broken_image(content: dict[str, Any]) -> None:
    """As if a format could not be decoded on this machine."""
    content["images"][0]["content"] = content["images"][0]["content"][:400]


def another_model(content: dict[str, Any]) -> None:
    """As if the file were another model's."""
    content["model_sha256"] = "0" * 64


def no_images(content: dict[str, Any]) -> None:
    """As if nothing were tested."""
    content["images"] = []


def one_probability(content: dict[str, Any]) -> None:
    """As if one number could stand for all classes: NumPy would compare it with each."""
    content["images"][0]["probabilities"] = [0.25]


def no_probabilities(content: dict[str, Any]) -> None:
    """As if text were a number."""
    content["images"][0]["probabilities"] = ["many"] * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_pixels, "the pixels of 9 of 10 golden images are exact"),
        (other_probability, "the largest difference of a probability is 2.0e-04"),
        (broken_image, "has other pixels, or none"),
        (another_model, "belongs to another model"),
        (no_images, "belongs to another model"),
        (one_probability, "does not have a probability for each class"),
        (no_probabilities, "cannot be used"),
    ],
)
def test_what_has_changed_is_told(tmp_path: Path, change: Change, message: str) -> None:
    """Preprocessing and inference are told apart, and the exit code is 3."""
    source = find_model("galaxy-mlp")
    model = tmp_path / "model.onnx"
    shutil.copy(source.path, model)
    content = json.loads(golden_file(source.path).read_text())
    change(content)
    golden_file(model).write_text(json.dumps(content))
    result = self_test("-m", model)
    assert result.returncode == 3
    assert message in result.stdout + result.stderr
    assert "passed" not in result.stdout
    assert "Traceback" not in result.stderr


def test_rounding_in_the_last_digits_is_tolerated(tmp_path: Path) -> None:
    """Another processor may differ a little."""
    source = find_model("galaxy-mlp")
    shutil.copy(source.path, tmp_path / "model.onnx")
    content = json.loads(golden_file(source.path).read_text())
    content["images"][0]["probabilities"][0] += 5e-5
    golden_file(tmp_path / "model.onnx").write_text(json.dumps(content))
    assert self_test("-m", tmp_path / "model.onnx").returncode == 0


def test_without_golden_images_there_is_no_self_test(tiny_model: Path, tmp_path: Path) -> None:
    """A test of nothing does not pass."""
    result = self_test("-m", tiny_model)
    assert result.returncode == 3
    assert "a self-test needs the golden images of the model" in result.stderr
    shutil.copy(tiny_model, tmp_path / "model.onnx")
    (tmp_path / "model.golden.json").write_text("{")
    assert self_test("-m", tmp_path / "model.onnx").returncode == 3
    (tmp_path / "model.golden.json").write_text("[" * 100_000)
    assert self_test("-m", tmp_path / "model.onnx").returncode == 3
