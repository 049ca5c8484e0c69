"""Training for real, on drawn galaxies."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time
import zipfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_export.model_file import training_summary
from galaxy_train.run_folder import RunFolder
from galaxy_train.training.progress import EpochReporter
from trainings import TRAIN_COMMAND, run_as_process, run_train, step_by_step

pytestmark = pytest.mark.slow


def test_the_mlp_is_that_of_the_blog_post() -> None:
    """12288-512-512-512-4 on pixels in channels-first order, scaled to 0 to 1 inside the model."""
    from galaxy_train.networks.recipes import mlp

    model = mlp(64, 4)
    assert model.count_params() == 6_819_332
    assert model.input_shape == (None, 64, 64, 3)
    assert model.input.dtype == "uint8"
    images = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    x = images.transpose(0, 3, 1, 2).reshape(2, 12288).astype(np.float32) / 255
    weights = model.get_weights()
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = np.maximum(x @ kernel + bias, 0)
    logits = x @ weights[-2] + weights[-1]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert model.predict(images, verbose=0) == pytest.approx(expected, abs=1e-6)


def test_a_run_folder_is_complete(trained_run: Path) -> None:
    """Model, history, metrics and two pictures, with everything that makes the figures repeatable."""
    assert {path.name for path in trained_run.iterdir()} == {
        "model.keras", "history.csv", "metrics.json", "accuracy.png", "confusion_matrix.png",
        "reliability.png", "held_out.json",
    }  # fmt: skip
    with (trained_run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert len(history) == 6
    assert {"epoch", "accuracy", "loss", "val_accuracy", "val_loss"} <= set(history[0])
    metrics = json.loads((trained_run / "metrics.json").read_text())
    assert metrics["parameter_count"] == 6_819_332
    assert metrics["parameters"] == {
        "recipe": "mlp", "epochs": 6, "batch_size": 50, "learning_rate": 0.0015, "validation_split": 0.2,
        "balance": 0.0, "seed": 0, "init": None, "teachers": [], "unlabelled": None, "fold": None, "augment": "plain",
        "outliers": None,
    }  # fmt: skip
    assert metrics["interrupted"] is False
    assert metrics["epochs_completed"] == 6
    assert {"python", "tensorflow", "keras", "numpy", "galaxy-classify"} <= set(metrics["versions"])
    assert len(metrics["data"]["train"]["sha256"]) == 64
    test = metrics["test"]
    assert set(test["recall"]) == set(test["precision"]) == set(GALAXY_MNIST_CLASSES)
    assert np.sum(test["confusion_matrix"]) == test["images"] == 200
    assert {"calibration_error", "negative_log_likelihood", "brier_score", "symmetry_agreement", "kept"} < set(test)
    assert metrics["validation"]["images"] == 160
    held_out = json.loads((trained_run / "held_out.json").read_text())
    assert len(held_out["labels"]) == len(held_out["probabilities"]) == 160
    predicted = np.array(held_out["probabilities"]).argmax(axis=1)
    assert np.mean(predicted == held_out["labels"]) == pytest.approx(metrics["validation"]["accuracy"], abs=0.01)
    assert set(metrics["prediction_sets"]) == {"0.80", "0.90", "0.95"}
    assert set(test["standard_errors"]) == {"accuracy", "macro_recall", "calibration_error"}
    assert metrics["temperature"] > 0
    for name in ("accuracy.png", "confusion_matrix.png", "reliability.png"):
        with Image.open(trained_run / name) as picture:
            assert min(picture.size) > 400
            assert np.unique(np.asarray(picture.convert("L"))).size > 50


def test_the_network_learns_to_tell_drawn_galaxies_apart(trained_run: Path) -> None:
    """A training that learns nothing would pass every other test."""
    assert json.loads((trained_run / "metrics.json").read_text())["test"]["accuracy"] > 0.85


def test_evaluate_repeats_the_test_figures(trained_run: Path) -> None:
    """The model on disk is the model that was measured; the run knows on which data."""
    result = run_train("evaluate", trained_run)
    test = json.loads((trained_run / "metrics.json").read_text())["test"]
    assert result.returncode == 0, result.stderr
    for name, figure in (
        ("accuracy", "accuracy"),
        ("macro recall", "macro_recall"),
        ("expected calibration error", "calibration_error"),
        ("negative log-likelihood", "negative_log_likelihood"),
        ("Brier score", "brier_score"),
    ):
        assert re.search(rf"^{name} +{test[figure]:.4f}$", result.stdout, re.MULTILINE)
    assert f"in all eight orientations  {test['symmetry_agreement']:.2%}" in result.stdout


@pytest.mark.parametrize("recipe", ["mlp", "swift"])
def test_fit_reports_progress_and_is_repeatable(minute_dataset: Path, tmp_path: Path, recipe: str) -> None:
    """The same seed gives the same network, another seed another; stdout has the figures, stderr the progress.

    The first MLP is trained in a process of its own, the other networks in this one. Another seed is tried with the MLP
    only: it draws the weights of both alike.
    """
    results = {}
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6"))[: 3 if recipe == "mlp" else 2]:
        arguments: list[str | Path] = [
            "fit", "--data", minute_dataset, "--recipe", recipe, "--out", tmp_path / name, "--epochs", "2",
            "--batch-size", "16", "--seed", seed,
        ]  # fmt: skip
        if (recipe, name) == ("mlp", "a"):
            results[name] = run_as_process(TRAIN_COMMAND, *arguments)
        else:
            with step_by_step() if recipe == "swift" or name == "c" else nullcontext():
                results[name] = run_train(*arguments, whole=recipe == "mlp" and name == "b")
        assert results[name].returncode == 0, results[name].stderr
    history = {name: (tmp_path / name / "history.csv").read_text() for name in results}
    assert history["a"] == history["b"]
    assert history["a"] not in [history[name] for name in history if name == "c"]
    assert results["a"].stdout == results["b"].stdout
    assert "accuracy" in results["a"].stdout
    lines = results["a"].stderr.splitlines()
    assert [line.split("  ")[0] for line in lines[:2]] == ["epoch 1/2", "epoch 2/2"]
    folder, following = lines[2:]
    pictures = ("accuracy.png", "confusion_matrix.png", "reliability.png")
    assert folder == f"run folder: {tmp_path / 'a'}, with the pictures {', '.join(pictures)}"
    if recipe == "mlp":
        assert all((tmp_path / "a" / name).exists() for name in pictures)
    assert following == f"next: galaxy-export convert {tmp_path / 'a'} -o a.onnx"


def test_an_interrupted_run_keeps_its_epochs_and_its_network(minute_dataset: Path, tmp_path: Path) -> None:
    """Ctrl-C completes the run folder with what is there, says so in the metrics, and ends with 130."""
    out = tmp_path / "run"
    process = subprocess.Popen(
        [
            *TRAIN_COMMAND,
            "fit",
            "--data",
            str(minute_dataset),
            "--out",
            str(out),
            "--recipe",
            "mlp",
            "--epochs",
            "1000",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    history = out / "history.csv"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (history.exists() and history.read_text().count("\n") >= 3):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "interrupted: the run folder holds the network after" in errors
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["interrupted"] is True
    assert metrics["epochs_completed"] == history.read_text().count("\n") - 1 >= 2
    assert (out / "model.keras").exists()


def test_mistakes_are_one_line_each(drawn_dataset: Path, trained_run: Path, tmp_path: Path) -> None:
    """A user's mistake never makes a traceback, and costs nothing that was there."""
    before = (trained_run / "model.keras").stat().st_mtime_ns
    cases = {
        ("fit", "--data", tmp_path / "none"): "no such file or folder",
        ("fit", "--data", drawn_dataset, "--recipe", "magic"): "no recipe is called 'magic'; there are: mlp",
        ("fit", "--data", drawn_dataset, "--recipe", "mlp", "--out", trained_run): "exists already",
        ("evaluate", tmp_path / "none", "--data", drawn_dataset): "no such run folder",
        ("evaluate", trained_run, "--data", tmp_path): "holds no test_dataset.hdf5",
    }
    for arguments, message in cases.items():
        result = run_train(*arguments)
        assert result.returncode == 2
        assert result.stdout == ""
        assert message in result.stderr
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
    assert (trained_run / "model.keras").stat().st_mtime_ns == before


def test_a_diverging_training_is_told_so(minute_dataset: Path, tiny_recipe: str, tmp_path: Path) -> None:
    """A network of not-a-numbers is not saved as a result."""
    result = run_train(
        "fit",
        "--data",
        minute_dataset,
        "--recipe",
        tiny_recipe,
        "--out",
        tmp_path / "run",
        "--epochs",
        "2",
        "--learning-rate",
        "1e18",
    )
    assert result.returncode == 4
    assert "the training diverged" in result.stderr
    assert not (tmp_path / "run" / "model.keras").exists()


def test_without_a_validation_part(minute_dataset: Path, tmp_path: Path) -> None:
    """All images may be trained on; the history then has no validation columns."""
    result = run_train(
        "fit",
        "--data",
        minute_dataset,
        "--recipe",
        "mlp",
        "--out",
        tmp_path / "run",
        "--epochs",
        "1",
        "--validation-split",
        "0",
    )
    assert result.returncode == 0, result.stderr
    assert "val_accuracy" not in (tmp_path / "run" / "history.csv").read_text()
    assert not (tmp_path / "run" / "held_out.json").exists()
    assert "prediction_sets" not in json.loads((tmp_path / "run" / "metrics.json").read_text())


def test_the_data_of_a_run_are_remembered(trained_run: Path, tmp_path: Path) -> None:
    """By path, which stays out of model files; data that have gone or changed are not evaluated on by mistake."""
    copied = tmp_path / "run"
    shutil.copytree(trained_run, copied)
    metrics = json.loads((copied / "metrics.json").read_text())
    data = Path(metrics["data_source"])
    assert data.is_absolute()
    assert str(data) not in json.dumps(training_summary(RunFolder(copied).read_metrics()))
    for source, message in ((tmp_path / "gone", "is not there any more"), (tmp_path / "data", "has changed since")):
        (copied / "metrics.json").write_text(json.dumps(metrics | {"data_source": str(source)}))
        (tmp_path / "data").mkdir(exist_ok=True)
        shutil.copy(data / "train_dataset.hdf5", tmp_path / "data" / "test_dataset.hdf5")
        result = run_train("evaluate", copied)
        assert (result.returncode, message in result.stderr) == (2, True), result.stderr


def test_the_bar_moves_within_an_epoch() -> None:
    """An epoch takes minutes on large data; the bar counts its batches."""
    controller, end = pty.openpty()
    with os.fdopen(end, "w") as terminal:
        reporter = EpochReporter(2, terminal)
        reporter.set_params({"steps": 4})
        reporter.on_epoch_begin(1)
        reporter.on_train_batch_end(1)
        assert reporter._bar is not None
        assert reporter._bar.tasks[0].completed == 1.5
        reporter.close()
    os.close(controller)


def test_a_damaged_network_is_a_data_error(trained_run: Path, tmp_path: Path) -> None:
    """A truncated model.keras names the file."""
    from galaxy_train.networks.keras_model import load_model

    (tmp_path / "model.keras").write_bytes((trained_run / "model.keras").read_bytes()[:1000])
    with pytest.raises(DataError, match=r"model\.keras: cannot be loaded as a Keras model"):
        load_model(tmp_path / "model.keras")


def test_a_network_of_another_keras_says_which_one(trained_run: Path, tmp_path: Path) -> None:
    """A layer may have options that this version does not know; Keras would quote the whole network."""
    from galaxy_train.networks.keras_model import load_model

    for version, message in (
        ("99.0", r"written with Keras 99\.0, [0-9.]+ is installed; install"),
        (None, "cannot be loaded as a Keras model: "),
    ):
        file = tmp_path / f"{version}.keras"
        with zipfile.ZipFile(trained_run / "model.keras") as before, zipfile.ZipFile(file, "w") as after:
            for name in before.namelist():
                content = before.read(name)
                if name == "config.json":
                    content = content.replace(b'"name": "logits"', b'"charm": 1, "name": "logits"')
                if name == "metadata.json" and version is not None:
                    content = json.dumps({"keras_version": version}).encode()
                after.writestr(name, content)
        with pytest.raises(DataError, match=message) as caught:
            load_model(file)
        assert len(str(caught.value)) < 500 + len(str(file))
