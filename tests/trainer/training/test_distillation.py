"""Distillation: a student network is trained on teachers' predictions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from galaxy_classify.errors import DataError
from galaxy_classify.inference.embedded import find_model
from galaxy_classify.inference.model import OnnxModel
from galaxy_painter import KINDS, paint_set
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.load import load_data
from galaxy_train.networks.keras_model import load_model, predict
from galaxy_train.run_folder import RunFolder
from galaxy_train.run_metrics.runs import RefitRecord
from galaxy_train.teachers import Teacher
from galaxy_train.training.distillation import TEACHERS_SHARE, UNLABELLED_WEIGHT, check_teachers, distil
from galaxy_train.training.targets import TrainingExamples
from trainings import run_train

pytestmark = pytest.mark.slow


def test_targets_are_labels_and_the_teachers_mean(trained_tiny: Path) -> None:
    """Half the label, half the teachers; images without labels have the teachers' word alone, and half the weight."""
    images, labels = paint_set(per_class=3, seed=31)
    further, _ = paint_set(per_class=1, seed=32)
    run = RunFolder(trained_tiny)
    teacher = Teacher.of_run(run)
    labelled = TrainingExamples(images, np.eye(4, dtype=np.float32)[labels], np.linspace(1, 3, 12, dtype=np.float32))
    everything = np.arange(12)
    train = GalaxyDataset(images, labels, KINDS, "drawn", "0" * 64)
    found = distil(labelled, everything, [teacher, teacher], train, further)
    network = load_model(run.model)
    expected = (1 - TEACHERS_SHARE) * labelled.targets + TEACHERS_SHARE * predict(network, images)
    assert np.allclose(found.targets[:12], expected, atol=1e-6)
    assert np.allclose(found.targets[12:], predict(network, further), atol=1e-6)
    assert np.allclose(found.targets.sum(axis=1), 1, atol=1e-5)
    assert found.weights is not None
    assert found.weights.mean() == pytest.approx(1)
    assert np.allclose(found.weights[12:] / found.weights[:12].mean(), UNLABELLED_WEIGHT)
    assert np.array_equal(found.images, np.concatenate([images, further]))
    alone = distil(labelled, everything, [teacher], train, None)
    assert np.allclose(alone.targets, expected, atol=1e-6)
    assert alone.weights is labelled.weights


def test_a_student_records_its_teachers(
    trained_tiny: Path, small_dataset: Path, tmp_path: Path, write_dataset: Callable[..., None]
) -> None:
    """The command trains with teachers and further images, and the run says with which."""
    further, _ = paint_set(per_class=20, seed=33)
    write_dataset(tmp_path / "further.hdf5", further, None)
    result = run_train(
        "fit", "--data", small_dataset, "--recipe", "tiny", "--out", tmp_path / "run", "--teacher", trained_tiny,
        "--unlabelled", tmp_path / "further.hdf5",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    teacher = json.loads((trained_tiny / "metrics.json").read_text())
    assert metrics["parameters"]["teachers"] == [teacher["model_sha256"]]
    assert len(metrics["parameters"]["unlabelled"]) == 64
    assert metrics["test"]["accuracy"] > 0.4


def test_a_teacher_that_has_seen_the_held_out_images_is_refused(
    trained_tiny: Path, small_dataset: Path, tmp_path: Path
) -> None:
    """The student would learn from it about images that are to judge it: its held-out metrics would be too good."""
    data = load_data(small_dataset)
    check_teachers([Teacher.of_run(RunFolder(trained_tiny))], data, "swift", 0.2)
    repeated = RunFolder(Path(shutil.copytree(trained_tiny, tmp_path / "repeated")))
    recorded = repeated.read_metrics()
    repeated.write_metrics(replace(recorded, refit_of=RefitRecord("0" * 64, recorded.test)))
    with pytest.raises(DataError, match="no --refit"):
        check_teachers([Teacher.of_run(repeated)], data, "swift", 0.2)
    with pytest.raises(DataError, match="are held out here"):
        check_teachers([Teacher.of_run(RunFolder(trained_tiny))], data, "swift", 0.1)
    other = tmp_path / "other"
    shutil.copytree(trained_tiny, other)
    content = json.loads((other / "metrics.json").read_text())
    (other / "metrics.json").write_text(json.dumps(content | {"recipe": "mlp"}))
    with pytest.raises(DataError, match="not the recipe mlp"):
        check_teachers([Teacher.of_run(RunFolder(other))], data, "swift", 0.2)
    (other / "metrics.json").write_text(json.dumps(content | {"recipe": "of another version"}))
    with pytest.raises(DataError, match="are held out here"):
        check_teachers([Teacher.of_run(RunFolder(other))], data, "swift", 0.2)
    for change, message in (
        ({"classes": ["a", "b", "c", "d"]}, "its classes are"),
        ({"data": content["data"] | {"train": content["data"]["train"] | {"shape": [9, 224, 224, 3]}}}, "224 px"),
    ):
        (other / "metrics.json").write_text(json.dumps(content | change))
        with pytest.raises(DataError, match=message):
            check_teachers([Teacher.of_run(RunFolder(other))], data, "swift", 0.2)


def test_a_shipped_model_teaches_other_data(
    tiny_recipe: str, small_dataset: Path, tmp_path: Path, write_dataset: Callable[..., None]
) -> None:
    """It has seen none of their labels, as far as its file says; the user is told that this is all that is known."""
    further, _ = paint_set(per_class=20, seed=33)
    write_dataset(tmp_path / "further.hdf5", further, None)
    result = run_train(
        "fit", "--data", small_dataset, "--recipe", tiny_recipe, "--epochs", "1", "--out", tmp_path / "run",
        "--teacher", "galaxy-cnn", "--unlabelled", tmp_path / "further.hdf5",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "galaxy-cnn.onnx: was trained on other data, train_dataset.hdf5; if images of this training" in result.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    taught_by = OnnxModel(find_model("galaxy-cnn")).description.source_sha256
    assert metrics["parameters"]["teachers"] == [taught_by]


def test_mistakes_are_one_line_each(
    trained_tiny: Path, small_dataset: Path, tmp_path: Path, write_dataset: Callable[..., None]
) -> None:
    """Each names the remedy, before anything is trained."""
    small = np.zeros((5, 32, 32, 3), np.uint8)
    write_dataset(tmp_path / "small.hdf5", small, None)
    cases: list[tuple[list[str | Path], int, str]] = [
        (["--unlabelled", tmp_path / "small.hdf5"], 2, "of use with --teacher only"),
        (["--teacher", trained_tiny, "--unlabelled", tmp_path / "small.hdf5"], 2, "has images of 32 px"),
        (["--teacher", tmp_path / "none"], 2, "no such run folder"),
        (["--teacher", tmp_path / "small.hdf5"], 3, "small.hdf5: "),
        (["--recipe", "mlp", "--teacher", trained_tiny], 2, "learns from labels only"),
    ]
    for options, code, message in cases:
        result = run_train("fit", "--data", small_dataset, "--recipe", "cnn", "--out", tmp_path / "run", *options)
        assert (result.returncode, result.stderr.count("error: ")) == (code, 1), result.stderr
        assert message in result.stderr
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()
