"""A training with a familiarity: what it is taught, how its limit is set, and what is written down about it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from galaxy_painter import KINDS, paint_set
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.load import load_data
from galaxy_train.networks.recipes import FAMILIARITY_SHIFT, LATE_HIDDEN, LATE_LOGIT, RECIPES
from trainings import run_train, step_by_step

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def few_generated_outliers() -> Iterator[None]:
    """Draw one outlier of each kind, once, instead of hundreds, which would take longer than the training."""
    from galaxy_train.training import outliers

    with mock.patch.multiple(outliers, GENERATED_PER_KIND=1, LATE_PASSES=1):
        yield


@pytest.fixture(scope="module")
def outliers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of galaxies in negative colours, of two kinds, with a file that is no image."""
    folder = tmp_path_factory.mktemp("outliers")
    images, labels = paint_set(per_class=10, seed=41)
    for kind in (0, 1):
        (folder / KINDS[kind]).mkdir()
        for number, image in enumerate(images[labels == kind]):
            Image.fromarray(255 - image).save(folder / KINDS[kind] / f"{number}.png")
    (folder / KINDS[0] / "empty.jpg").touch()
    return folder


@pytest.fixture(scope="module")
def options(small_dataset: Path, tiny_recipe: str, outliers: Path) -> list[str | Path]:
    """Options of the training of `run`."""
    return ["fit", "--data", small_dataset, "--recipe", f"{tiny_recipe}-familiar", "--outliers", outliers]


@pytest.fixture(scope="module")
def output(options: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run folder of a training with outliers, and what it said on stderr."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    result = run_train(*options, "--out", folder)
    assert result.returncode == 0, result.stderr
    return folder, result.stderr


@pytest.fixture(scope="module")
def run(output: tuple[Path, str]) -> Path:
    """Run folder of a training with outliers."""
    return output[0]


def metrics_of(folder: Path) -> dict[str, Any]:
    """Read the metrics of a run."""
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return content


def held_out(data: Path, recipe: str) -> GalaxyDataset:
    """Return the images that a training with this recipe holds out."""
    from galaxy_train.training.splits import split_training_set

    train = load_data(data).train
    return train.subset(split_training_set(train, RECIPES[recipe], 0.2).held_out)


def test_two_in_a_hundred_held_out_galaxies_are_unfamiliar(run: Path, small_dataset: Path) -> None:
    """The default threshold is 0.5 for every model, so the network in the file must have been shifted to it."""
    from galaxy_train.networks.keras_model import load_model, predict_familiarity

    model = load_model(run / "model.keras")
    familiarity = predict_familiarity(model, held_out(small_dataset, "tiny-familiar").images)
    assert familiarity is not None
    assert familiarity.shape == (120,)
    assert 0.01 < (familiarity < 0.5).mean() <= 0.025
    assert float(model.get_layer(FAMILIARITY_SHIFT).offset) == metrics_of(run)["familiarity_shift"]


def test_outliers_become_less_familiar_than_galaxies(run: Path, small_dataset: Path) -> None:
    """Negatives of other galaxies than it was taught with; a training that ignored them would pass every other test."""
    from galaxy_train.networks.keras_model import load_model, predict_familiarity

    model = load_model(run / "model.keras")
    galaxies = load_data(small_dataset).test.images
    familiar, negative = (predict_familiarity(model, images) for images in (galaxies, 255 - galaxies))
    assert familiar is not None
    assert negative is not None
    assert (familiar >= 0.5).mean() > 0.9
    assert (negative >= 0.5).mean() < 0.1
    assert metrics_of(run)["test"]["accuracy"] > 0.8


def test_the_run_says_with_which_outliers(run: Path, outliers: Path) -> None:
    """The parameters are what a repetition needs: how images were changed, and a checksum of the outliers."""
    from galaxy_train.data.outliers.load import load_outliers

    parameters = metrics_of(run)["parameters"]
    assert parameters["augment"] == "plain"
    assert parameters["outliers"] == load_outliers([outliers], 64).sha256()


def test_the_history_has_the_accuracy_of_the_classes_first(run: Path) -> None:
    """With two outputs, too, its columns are what they have always been, and the losses of both outputs follow."""
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert list(rows[0])[:3] == ["epoch", "accuracy", "loss"]
    assert {"val_accuracy", "val_loss", "familiarity_loss", "val_familiarity_loss"} <= set(rows[0])
    assert float(rows[-1]["accuracy"]) > 0.5
    assert float(rows[-1]["val_accuracy"]) > 0.5
    assert float(rows[-1]["familiarity_loss"]) < float(rows[0]["familiarity_loss"])


def test_unreadable_outliers_are_listed(output: tuple[Path, str], outliers: Path) -> None:
    """One file that is no image costs no training, and does not go unseen."""
    assert f"left out: {outliers / KINDS[0] / 'empty.jpg'}: empty file\n" in output[1]
    assert "1 images cannot be read and are left out\n" in output[1]


def test_long_steps_are_announced(output: tuple[Path, str]) -> None:
    """Drawing outliers and the second head take minutes for a real data set: nobody should take them for a hang."""
    lines = [line for line in output[1].splitlines() if line.startswith("familiarity: ")]
    assert lines == [
        "familiarity: drawing outliers",
        "familiarity: outliers and galaxies, pass 1 of 1",
        "familiarity: training its second head",
    ]


def test_a_repetition_takes_the_shift(run: Path, options: list[str | Path], tmp_path: Path) -> None:
    """Nothing is left to fit it on: it is that of the run, in the network as in the metrics."""
    from galaxy_train.networks.keras_model import load_model
    from galaxy_train.training import fit

    again = tmp_path / "again"
    with mock.patch.object(fit, "train_late_head"):  # it takes a third of the time, and calibrates nothing
        result = run_train(*options, "--refit", run, "--out", again)
    assert result.returncode == 0, result.stderr
    before, after = metrics_of(run), metrics_of(again)
    assert after["validation"] is None
    assert after["familiarity_shift"] == before["familiarity_shift"]
    assert after["temperature"] == before["temperature"]
    shift = float(load_model(again / "model.keras").get_layer(FAMILIARITY_SHIFT).offset)
    assert shift == before["familiarity_shift"]


def test_the_second_head_is_trained_on_its_own() -> None:
    """It learns from outliers what galaxies are, and no class changes by a digit: nothing else is trained with it."""
    import keras

    from galaxy_train.networks.keras_model import predict_familiarity
    from galaxy_train.training.outliers import train_late_head
    from galaxy_train.training.targets import TrainingExamples

    images, labels = paint_set(per_class=12, seed=43, size=16)
    keras.utils.set_random_seed(0)
    model = RECIPES["compact"].build(16, 4)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    assert not model.get_layer(LATE_LOGIT).get_weights()[0].any()  # it says nothing while the network is trained
    galaxies = TrainingExamples(images[:40], np.eye(4)[labels[:40]])
    with step_by_step():
        train_late_head(model, galaxies, {"negative": 255 - images[:40]}, 0, 0.0)
    changed = {
        layer.name for layer in model.layers if not all(map(np.array_equal, layer.get_weights(), before[layer.name]))
    }
    assert changed == {LATE_HIDDEN, LATE_LOGIT}
    familiar, negative = (predict_familiarity(model, pixels) for pixels in (images[40:], 255 - images[40:]))
    assert familiar is not None
    assert negative is not None
    assert familiar.min() > negative.max()


def test_other_outliers_are_another_training(run: Path, options: list[str | Path], tmp_path: Path) -> None:
    """A repetition without them would not be one."""
    result = run_train(*options[:-2], "--refit", run, "--out", tmp_path / "run")
    assert (result.returncode, "is another training: outliers was" in result.stderr) == (2, True), result.stderr


def test_it_works_without_outliers_and_with_wide_augmentation(
    minute_dataset: Path, tiny_recipe: str, tmp_path: Path
) -> None:
    """Most people have none: the generated ones do."""
    with step_by_step():
        result = run_train(
            "fit", "--data", minute_dataset, "--recipe", f"{tiny_recipe}-familiar", "--augment", "wide",
            "--epochs", "1", "--out", tmp_path / "run",
        )  # fmt: skip
    assert result.returncode == 0, result.stderr
    metrics = metrics_of(tmp_path / "run")
    assert metrics["parameters"]["outliers"] is None
    assert metrics["parameters"]["augment"] == "wide"
    assert np.isfinite(metrics["familiarity_shift"])


def test_an_interrupted_training_is_calibrated(minute_dataset: Path, tiny_recipe: str, tmp_path: Path) -> None:
    """Its network can be exported as any other: temperature and shift are fitted to the weights that it has got."""
    from galaxy_train.networks.keras_model import load_model, predict_familiarity
    from galaxy_train.training.progress import EpochReporter

    folder = tmp_path / "run"
    finished = EpochReporter.on_epoch_end

    def stop(self: EpochReporter, epoch: int, logs: dict[str, Any] | None = None) -> None:
        finished(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with mock.patch.object(EpochReporter, "on_epoch_end", stop), step_by_step():
        result = run_train(
            "fit", "--data", minute_dataset, "--recipe", f"{tiny_recipe}-familiar", "--out", folder
        )  # fmt: skip
    assert result.returncode == 130, result.stderr
    assert "interrupted: the run folder holds the network after 2 of 4 epochs" in result.stderr
    metrics = metrics_of(folder)
    assert (metrics["interrupted"], metrics["epochs_completed"]) == (True, 2)
    familiarity = predict_familiarity(
        load_model(folder / "model.keras"), held_out(minute_dataset, "tiny-familiar").images
    )
    assert familiarity is not None
    assert 0.5 < familiarity.min() < 0.6  # the limit lies a little below the lowest of eight


def test_an_interrupt_in_the_last_stage_loses_nothing(minute_dataset: Path, tiny_recipe: str, tmp_path: Path) -> None:
    """The network is trained by then: it is calibrated and saved, without its second head."""
    from galaxy_train.networks.keras_model import load_model
    from galaxy_train.training import fit

    folder = tmp_path / "run"
    with mock.patch.object(fit, "train_late_head", side_effect=KeyboardInterrupt), step_by_step():
        result = run_train(
            "fit", "--data", minute_dataset, "--recipe", f"{tiny_recipe}-familiar", "--epochs", "1", "--out", folder
        )
    assert result.returncode == 130, result.stderr
    metrics = metrics_of(folder)
    assert (metrics["interrupted"], metrics["epochs_completed"]) == (True, 1)
    assert np.isfinite(metrics["familiarity_shift"])
    assert not load_model(folder / "model.keras").get_layer(LATE_LOGIT).get_weights()[0].any()


def test_a_warm_start_leaves_the_second_head_out(run: Path) -> None:
    """It is trained anew at the end; until then its earlier weights would be part of what the network is taught."""
    from galaxy_train.networks.keras_model import load_model
    from galaxy_train.run_folder import RunFolder
    from galaxy_train.training.warm_start import start_from

    trained = load_model(run / "model.keras")
    classes = tuple(metrics_of(run)["classes"])
    model = RECIPES["tiny-familiar"].build(trained.input_shape[1], len(classes))
    start_from(model, RunFolder(run), classes)
    assert trained.get_layer(LATE_LOGIT).get_weights()[0].any()
    assert not model.get_layer(LATE_LOGIT).get_weights()[0].any()
    for layer in ("logits", LATE_HIDDEN):
        assert np.array_equal(model.get_layer(layer).get_weights()[0], trained.get_layer(layer).get_weights()[0])


def test_a_network_without_a_familiarity_has_no_shift(trained_tiny: Path) -> None:
    """As all networks of earlier versions: the run says so, and no outlier is drawn for it."""
    metrics = metrics_of(trained_tiny)
    assert metrics.get("familiarity_shift") is None
    assert metrics["parameters"]["outliers"] is None


def test_mistakes_are_one_line_each(minute_dataset: Path, tiny_recipe: str, outliers: Path, tmp_path: Path) -> None:
    """Each names what is wrong, before anything is trained."""
    cases: list[tuple[list[str | Path], str]] = [
        (["--recipe", tiny_recipe, "--outliers", outliers], f"the recipe {tiny_recipe} has no familiarity"),
        (["--recipe", "tiny-familiar", "--outliers", tmp_path / "none"], "no such file or folder; outliers are"),
        (["--recipe", "tiny-familiar", "--augment", "wild"], "--augment is 'wild'; there are: plain, wide"),
        (["--recipe", "mlp", "--augment", "wide"], "the recipe mlp trains on images as they are"),
    ]
    for options, message in cases:
        result = run_train("fit", "--data", minute_dataset, "--out", tmp_path / "run", *options)
        assert result.returncode == 2, result.stderr
        assert message in result.stderr
        assert result.stderr.count("error: ") == 1
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()
