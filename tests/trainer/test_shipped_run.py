"""The run of the shipped galaxy-cnn comes with the package: to go on from, to measure, and to verify the model with."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from galaxy_classify.errors import DataError
from galaxy_classify.inference.embedded import find_model
from galaxy_classify.inference.model import OnnxModel
from galaxy_export.embed import ship_run
from galaxy_train.run_folder import SHIPPED_RUNS, RunFolder
from trainings import run_export, run_train

NAME = Path("galaxy-cnn")


def test_it_is_the_run_of_the_shipped_model() -> None:
    """The model file names the checksum of its network, and carries the run's record and held-out predictions."""
    run = RunFolder.find(NAME)
    run.check_complete()
    about = OnnxModel(find_model("galaxy-cnn")).description
    metrics = run.read_metrics()
    assert run.model_sha256() == metrics.model_sha256 == about.source_sha256
    assert metrics.test.to_json() == about.training["test"]
    assert run.read_held_out(len(metrics.classes)) == about.held_out
    assert metrics.data_source is None  # a path of the machine that trained it


def test_a_folder_of_its_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a bare name that nothing else has means the shipped run."""
    monkeypatch.chdir(tmp_path)
    assert RunFolder.find(NAME).is_shipped
    for other in (Path("galaxy-mlp"), Path("runs") / NAME, Path("..")):
        assert RunFolder.find(other) == RunFolder(other)
        assert not RunFolder.find(other).is_shipped
    NAME.mkdir()
    assert RunFolder.find(NAME) == RunFolder(NAME)


def test_a_run_is_shipped_with_the_model_that_was_made_from_it(tmp_path: Path) -> None:
    """The copy names no folder of the machine; the run of another model is refused."""
    before = RunFolder(Path(shutil.copytree(SHIPPED_RUNS / NAME, tmp_path / "run")))
    before.write_metrics(replace(before.read_metrics(), data_source="/home/me/galaxies"))
    before.history.write_text("epoch\n")
    copy = ship_run(before, OnnxModel(find_model("galaxy-cnn")), tmp_path / "shipped")
    assert copy.path == tmp_path / "shipped" / NAME
    assert sorted(path.name for path in copy.path.iterdir()) == ["held_out.json", "metrics.json", "model.keras"]
    for file in copy.path.iterdir():
        assert file.read_bytes() == (SHIPPED_RUNS / NAME / file.name).read_bytes()
    with pytest.raises(DataError, match=r"run: is not the run that .*galaxy-mlp\.onnx was made from"):
        ship_run(before, OnnxModel(find_model("galaxy-mlp")), tmp_path / "shipped")


@pytest.mark.parametrize("option", ["--record", "--stress"])
def test_nothing_is_written_into_the_package(option: str) -> None:
    """Who wants to record something copies the run first."""
    before = sorted(SHIPPED_RUNS.rglob("*"))
    result = run_train("evaluate", NAME, option)
    assert (result.returncode, result.stderr.count("error: ")) == (2, 1), result.stderr
    assert f"copy {SHIPPED_RUNS / NAME}" in result.stderr
    assert sorted(SHIPPED_RUNS.rglob("*")) == before


@pytest.mark.slow
def test_anyone_can_verify_the_shipped_model(gate_dataset: Path, tmp_path: Path) -> None:
    """The gate that let it through passes on other images, too, and refuses a network that differs."""
    command = ("verify", "galaxy-cnn", "--images", gate_dataset, "--against")
    result = run_export(*command, NAME)
    assert result.returncode == 0, result.stderr
    assert "is the trained network" in result.stdout
    shutil.copytree(SHIPPED_RUNS / NAME, tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(metrics | {"model_sha256": "0" * 64}))
    result = run_export(*command, tmp_path / "run")
    assert (result.returncode, "is not the network that" in result.stderr) == (2, True), result.stderr


@pytest.mark.slow
def test_a_training_can_begin_with_it(minute_dataset: Path, tmp_path: Path) -> None:
    """After one epoch that changes next to nothing, the network still tells the classes apart."""
    options = ("--epochs", "1", "--learning-rate", "1e-6", "--augment", "plain")
    result = run_train("fit", "--data", minute_dataset, "--init", NAME, "--out", tmp_path / "run", *options)
    assert result.returncode == 0, result.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["parameters"]["init"] == RunFolder.find(NAME).model_sha256()
    assert metrics["test"]["accuracy"] > 0.9
