"""A training that is repeated on all images."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from trainings import run_train

pytestmark = pytest.mark.slow


def fit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run galaxy-train fit."""
    return run_train("fit", *arguments)


@pytest.fixture(scope="module")
def options(small_dataset: Path, tiny_recipe: str) -> list[str | Path]:
    """Options of the training of `trained_tiny`."""
    return ["--data", small_dataset, "--recipe", tiny_recipe]


@pytest.fixture(scope="module")
def repeated(trained_tiny: Path, options: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder of that training, repeated on all images."""
    folder = tmp_path_factory.mktemp("refit") / "run"
    result = fit(*options, "--refit", trained_tiny, "--out", folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_all_images_are_trained_on(trained_tiny: Path, repeated: Path) -> None:
    """Nothing is held out any more; the held-out metrics are recorded as those of the earlier run."""
    before = json.loads((trained_tiny / "metrics.json").read_text())
    metrics = json.loads((repeated / "metrics.json").read_text())
    assert metrics["parameters"] == before["parameters"]
    assert metrics["validation"] is None
    known = {"model_sha256": before["model_sha256"], "validation": before["validation"], "teachers": []}
    assert metrics["refit_of"] == known
    assert "val_accuracy" not in (repeated / "history.csv").read_text()
    assert metrics["model_sha256"] != before["model_sha256"]
    assert metrics["test"]["accuracy"] > 0.9


def test_the_calibration_is_taken_over(trained_tiny: Path, repeated: Path) -> None:
    """It is in the network, not only in the metrics."""
    from galaxy_train.networks.keras_model import load_model
    from galaxy_train.networks.recipes import TEMPERATURE

    before = json.loads((trained_tiny / "metrics.json").read_text())
    assert json.loads((repeated / "metrics.json").read_text())["temperature"] == before["temperature"]
    scale = load_model(repeated / "model.keras").get_layer(TEMPERATURE).scale
    assert float(scale) == pytest.approx(1 / before["temperature"])


def test_the_held_out_predictions_are_taken_over(trained_tiny: Path, repeated: Path) -> None:
    """Of a network that has seen all images there can be none; those of the earlier run come with it."""
    assert (repeated / "held_out.json").read_bytes() == (trained_tiny / "held_out.json").read_bytes()
    before, after = (json.loads((run / "metrics.json").read_text()) for run in (trained_tiny, repeated))
    validation = before["validation"]["images"]
    assert len(json.loads((repeated / "held_out.json").read_text())["labels"]) == validation
    assert set(after["prediction_sets"]) == set(before["prediction_sets"])


def test_a_run_of_an_earlier_version_is_repeated(trained_tiny: Path, options: list[str | Path], tmp_path: Path) -> None:
    """It has no held-out predictions, and so the new run has none."""
    earlier = tmp_path / "earlier"
    shutil.copytree(trained_tiny, earlier)
    (earlier / "held_out.json").unlink()
    result = fit(*options, "--refit", earlier, "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "run" / "held_out.json").exists()
    assert "prediction_sets" not in json.loads((tmp_path / "run" / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (["--seed", "7"], "is another training: seed was 0, now it is 7; --refit goes with the same options"),
        (["--balance", "0.5"], "is another training: balance was 0.0, now it is 0.5"),
    ],
)
def test_another_training_is_refused(
    others: list[str], message: str, trained_tiny: Path, options: list[str | Path], tmp_path: Path
) -> None:
    """Its calibration and its figures would say nothing of this one; no run folder is begun."""
    result = fit(*options, *others, "--refit", trained_tiny, "--out", tmp_path / "run")
    assert (result.returncode, message in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "run").exists()


def test_a_repetition_is_not_repeated(repeated: Path, options: list[str | Path], tmp_path: Path) -> None:
    """It has held out nothing that could be added."""
    result = fit(*options, "--refit", repeated, "--out", tmp_path / "run")
    assert (result.returncode, "has held out no images" in result.stderr) == (2, True), result.stderr


def test_no_training_that_holds_images_out_begins_with_it(
    repeated: Path, trained_tiny: Path, options: list[str | Path], tmp_path: Path
) -> None:
    """It was trained on them, so their metrics would be too good."""
    result = fit(*options, "--init", repeated, "--out", tmp_path / "run")
    assert (result.returncode, "was trained on images of" in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "run").exists()
    for beginning, split in ((repeated, "0"), (trained_tiny, "0.2")):
        result = fit(
            *options, "--epochs", "1", "--init", beginning, "--validation-split", split, "--out", tmp_path / split
        )
        assert result.returncode == 0, result.stderr


def test_teachers_may_be_repeated_first(
    trained_tiny: Path, repeated: Path, options: list[str | Path], tmp_path: Path
) -> None:
    """A student that is refitted takes its refitted teachers, and no others."""
    taught = [*options, "--epochs", "1"]
    result = fit(*taught, "--teacher", trained_tiny, "--out", tmp_path / "student")
    assert result.returncode == 0, result.stderr
    again = [*taught, "--refit", tmp_path / "student", "--out", tmp_path / "again"]
    result = fit(*again, "--teacher", repeated)
    assert result.returncode == 0, result.stderr
    before, after, teacher = (
        json.loads((run / "metrics.json").read_text()) for run in (trained_tiny, tmp_path / "again", repeated)
    )
    assert after["parameters"]["teachers"] == [teacher["model_sha256"]]
    assert after["refit_of"]["teachers"] == [before["model_sha256"]]
    result = fit(*again, "--force", "--teacher", tmp_path / "again")
    assert (result.returncode, "is another training: teachers was" in result.stderr) == (2, True), result.stderr
    result = fit(*taught, "--teacher", repeated, "--out", tmp_path / "flattered")
    assert (result.returncode, "no --refit" in result.stderr) == (2, True), result.stderr
