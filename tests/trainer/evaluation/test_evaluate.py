"""``galaxy-train evaluate``: familiarity, generated images, changed images, and the held-out part."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from galaxy_classify.errors import DataError
from galaxy_train.cli import load_held_out, load_kinds
from galaxy_train.data.load import load_data
from galaxy_train.data.outliers.load import load_outliers
from galaxy_train.evaluation.perturbations import PERTURBATIONS
from galaxy_train.run_folder import RunFolder
from galaxy_train.training.splits import Fold, has_full_weight, leave_out, split_training_set
from tiny_recipe import TINY
from trainings import run_train

pytestmark = pytest.mark.slow

FEW = ("brightness x0.5", "colour negative", "zoom x0.5")


@pytest.fixture(autouse=True)
def few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only a few changes be measured, and few kinds be generated."""
    from galaxy_train.evaluation import out_of_class, stress

    def generate(galaxies: Any, per_kind: int, seed: int) -> dict[str, Any]:
        return {"negative": 255 - galaxies[:per_kind], "galaxies": galaxies[:per_kind]}

    few = tuple(perturbation for perturbation in PERTURBATIONS if perturbation.name in FEW)
    monkeypatch.setattr(stress, "PERTURBATIONS", few)
    monkeypatch.setattr(out_of_class, "generate_outliers", generate)


@pytest.fixture(scope="module")
def familiar_run(trained_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run of a network with familiarity: 0.98 for a black image, 0.5 for one of level 102, 0.002 for a white one."""
    import keras

    from galaxy_train.networks.keras_model import load_model

    folder = tmp_path_factory.mktemp("runs") / "familiar"
    shutil.copytree(trained_tiny, folder)
    network = load_model(folder / "model.keras")
    level = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(-10 / 255, 4)(network.input))
    logit = keras.layers.GlobalAveragePooling1D()(keras.layers.Reshape((3, 1))(level))
    familiarity = keras.layers.Reshape((), name="familiarity")(keras.layers.Activation("sigmoid")(logit))
    outputs = {"probabilities": network.output, "familiarity": familiarity}
    keras.Model(network.input, outputs).save(folder / "model.keras")
    return folder


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two kinds that belong to no class: three dark ones, two bright ones."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind, level, count in (("dark", 0, 3), ("bright", 200, 2)):
        (folder / kind).mkdir()
        for number in range(count):
            pixels = np.random.default_rng(number).integers(level, level + 50, (80, 80, 3), np.uint8)
            Image.fromarray(pixels).save(folder / kind / f"{number}.png")
    return folder


def test_a_network_with_familiarity(familiar_run: Path, kinds: Path) -> None:
    """Statuses of the test set, of images of no class and of changed ones are printed and recorded alike."""
    result = run_train("evaluate", familiar_run, "--out-of-class", kinds, "--generated", "7", "--stress", "--record")
    assert result.returncode == 0, result.stderr
    evaluation = json.loads((familiar_run / "metrics.json").read_text())["evaluation"]
    status = evaluation["status"]
    assert status["unfamiliar"] == 0
    assert status["ok"] + status["uncertain"] == pytest.approx(1)
    assert re.search(rf"^ok +{status['ok']:.1%}$", result.stdout, re.MULTILINE)
    assert re.search(r"^unfamiliar +0\.0%$", result.stdout, re.MULTILINE)

    folders, generated = evaluation["out_of_class"], evaluation["generated"]
    assert {kind: found["images"] for kind, found in folders.items()} == {"bright": 2, "dark": 3}
    assert {kind: found["unfamiliar"] for kind, found in folders.items()} == {"bright": 1, "dark": 0}
    assert folders["bright"] | {"familiarity_auroc": 1.0, "ok": 0.0} == folders["bright"]
    assert folders["dark"]["ok"] == folders["dark"]["kept"]["0.60"]
    assert {kind: (found["images"], found["unfamiliar"]) for kind, found in generated.items()} == {
        "negative": (7, 1.0),
        "galaxies": (7, 0.0),
    }
    for kind, found in (folders | generated).items():
        row = rf"^{kind} +{found['images']}  {found['auroc']:.4f} .* {found['familiarity_auroc']:.4f} +"
        assert re.search(rf"{row}{found['unfamiliar']:.1%} +{found['ok']:.1%}$", result.stdout, re.MULTILINE)

    stress = evaluation["stress"]
    assert list(stress) == ["unchanged", *FEW]
    unchanged, negative = stress["unchanged"], stress["colour negative"]
    figures = evaluation["figures"]
    for name in ("accuracy", "macro_recall", "calibration_error"):
        assert unchanged[name] == figures[name]
    assert unchanged["status"] == status
    assert status["ok_accuracy"] == figures["kept"]["0.60"]["accuracy"]
    assert negative["status"] == {"ok": 0, "uncertain": 0, "unfamiliar": 1, "ok_accuracy": None}
    for name, found in stress.items():
        assert re.search(
            rf"^{name} +{found['accuracy']:.4f} +{found['macro_recall']:.4f} ", result.stdout, re.MULTILINE
        )
    with Image.open(familiar_run / "stress.png") as picture:
        assert np.unique(np.asarray(picture.convert("L"))).size > 50


def test_a_network_without_familiarity(trained_tiny: Path, kinds: Path, tmp_path: Path) -> None:
    """It has no status `unfamiliar`, and of images of no class nothing is said that earlier versions did not say."""
    run = tmp_path / "run"
    shutil.copytree(trained_tiny, run)
    result = run_train("evaluate", run, "--out-of-class", kinds, "--stress", "--record")
    assert result.returncode == 0, result.stderr
    assert "familiar" not in result.stdout.split("images changed")[0]
    evaluation = json.loads((run / "metrics.json").read_text())["evaluation"]
    assert set(evaluation) == {"data", "figures", "out_of_class", "stress"}
    assert set(evaluation["out_of_class"]["dark"]) == {"images", "auroc", "kept"}
    for found in evaluation["stress"].values():
        assert found["status"]["unfamiliar"] is None
        assert found["status"]["ok"] + found["status"]["uncertain"] == pytest.approx(1)
    broken = result.stdout.count("  X\n")
    assert f"X in {broken} of 4 rows" in result.stdout


def test_the_held_out_part(trained_tiny: Path, small_dataset: Path, tmp_path: Path) -> None:
    """It has the metrics that the training found on it; with a fold, it is that fold."""
    result = run_train("evaluate", trained_tiny, "--held-out")
    assert result.returncode == 0, result.stderr
    metrics = json.loads((trained_tiny / "metrics.json").read_text())
    assert result.stdout.startswith(f"train_dataset.hdf5, held-out part: {metrics['validation']['images']} images\n")
    assert f"accuracy                    {metrics['validation']['accuracy']:.4f}\n" in result.stdout

    of_fold = RunFolder(tmp_path)
    shutil.copy(trained_tiny / "model.keras", tmp_path)
    metrics["parameters"]["fold"] = "2/3"
    of_fold.metrics.write_text(json.dumps(metrics))
    train = load_data(small_dataset).train
    split = leave_out(Fold(2, 3), split_training_set(train, TINY, 0.2), train)
    assert np.array_equal(load_held_out(of_fold, None, None).images, train.images[split.held_out])


def test_weights_decide_what_was_held_out(trained_tiny: Path, small_dataset: Path, tmp_path: Path) -> None:
    """A run that was trained with weights needs the same ones again."""
    run, table = RunFolder(tmp_path / "run"), tmp_path / "weights.csv"
    shutil.copytree(trained_tiny, run.path)
    weights = np.where(np.arange(600) % 3, 1.0, 0.5)
    table.write_text("weight\n" + "\n".join(map(str, weights)))
    content = json.loads(run.metrics.read_text())
    content["data"]["train"]["weights"] = {"0.5": 200, "1": 400}
    run.metrics.write_text(json.dumps(content))
    with pytest.raises(DataError, match="was trained with other weights; --weights names them"):
        load_held_out(run, None, None)
    with h5py.File(small_dataset / "train_dataset.hdf5") as file:
        full = file["images"][()][weights == 1]
    held_out = load_held_out(run, None, table)
    assert {image.tobytes() for image in held_out.images} <= {image.tobytes() for image in full}
    assert has_full_weight(held_out).all()


def test_images_that_a_run_was_trained_with(trained_tiny: Path, kinds: Path, tmp_path: Path) -> None:
    """Of the outliers of its training, only those count that it held out; a repetition on all images has none."""
    assert {kind: len(images) for kind, images in load_kinds(RunFolder(trained_tiny), [kinds]).items()} == {
        "bright": 2,
        "dark": 3,
    }
    run, content = RunFolder(tmp_path), json.loads((trained_tiny / "metrics.json").read_text())
    content["parameters"]["outliers"] = load_outliers([kinds], 64).sha256()
    run.metrics.write_text(json.dumps(content))
    assert {kind: len(images) for kind, images in load_kinds(run, [kinds]).items()} == {"bright": 1, "dark": 1}
    run.metrics.write_text(json.dumps(content | {"validation": None}))
    with pytest.raises(DataError, match="was trained with all images of"):
        load_kinds(run, [kinds])


def test_runs_without_a_held_out_part_are_refused(trained_tiny: Path, minute_dataset: Path, tmp_path: Path) -> None:
    """A network that was trained on them, a run that held out nothing, other data, and options that contradict."""
    content = json.loads((trained_tiny / "metrics.json").read_text())
    refit_of = {"model_sha256": "0", "validation": content["validation"]}
    run = RunFolder(tmp_path)
    for change, source, message in (
        ({"refit_of": refit_of, "validation": None}, None, "was trained on all images; --held-out takes the run"),
        ({"validation": None}, None, "has held out no images; leave --held-out away"),
        ({}, minute_dataset, "is not the training set of"),
    ):
        run.metrics.write_text(json.dumps(content | change))
        with pytest.raises(DataError, match=message):
            load_held_out(run, source, None)
    for options, message in (
        (["--held-out", "--whole"], "--held-out and --whole name different images; give one of them"),
        (["--weights", "weights.csv"], "--weights is of use with --held-out only"),
    ):
        result = run_train("evaluate", trained_tiny, *options)
        assert (result.returncode, message in result.stderr) == (2, True)
