"""Cross-validation, through the command."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from galaxy_classify.errors import DataError
from galaxy_painter import KINDS, paint_set
from galaxy_train.data.load import load_data
from galaxy_train.networks.keras_model import load_model, predict
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.run_folder import CrossValidationFolder, RunFolder
from galaxy_train.teachers import Teacher
from galaxy_train.training.distillation import TEACHERS_SHARE, check_teachers, distil
from galaxy_train.training.splits import Fold, split_training_set, unseen_images
from galaxy_train.training.targets import TrainingExamples
from trainings import run_train

pytestmark = pytest.mark.slow

#: Images of the training set whose label the fixture has changed; every class has 150.
WRONG = range(0, 600, 30)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def mislabelled(
    tmp_path_factory: pytest.TempPathFactory, small_dataset: Path, write_dataset: Callable[..., None]
) -> Path:
    """600 drawn galaxies, of which 20 have the label of another class."""
    folder = tmp_path_factory.mktemp("mislabelled")
    data = load_data(small_dataset)
    labels = data.train.labels.copy()
    labels[list(WRONG)] = (labels[list(WRONG)] + 2) % 4
    write_dataset(folder / "train_dataset.hdf5", data.train.images, labels)
    write_dataset(folder / "test_dataset.hdf5", data.test.images[:20], data.test.labels[:20])
    return folder


@pytest.fixture(scope="module")
def options(mislabelled: Path, tiny_recipe: str) -> list[str | Path]:
    """Options of a short training."""
    return ["--data", mislabelled, "--recipe", tiny_recipe, "--epochs", "15"]


@pytest.fixture(scope="module")
def validated(options: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a cross-validation with two folds."""
    folder = tmp_path_factory.mktemp("folds") / "cv"
    result = run_train("cross-validate", *options, "--folds", "2", "--out", folder)
    assert result.returncode == 0, result.stderr
    assert "fold 1 of 2\n" in result.stderr
    assert "WARNING" not in result.stderr
    assert "labels that look wrong" in result.stdout
    assert "all of them agree on another class" in result.stdout
    return folder


def test_every_image_is_predicted_out_of_fold(validated: Path, mislabelled: Path) -> None:
    """A network that was trained on an image would only repeat its label."""
    data = load_data(mislabelled).train
    whole = split_training_set(data, RECIPES["tiny"], 0.2)
    rows = read(validated / "answers.csv")
    assert [int(row["image"]) for row in rows] == whole.training.tolist()
    for number in (1, 2):
        fold = RunFolder(validated / f"fold{number}")
        assert fold.read_metrics().parameters.fold == f"{number}/2"
        unseen = unseen_images(Fold(number, 2), whole, data)
        mine = [row for row in rows if row["fold"] == str(number)]
        positions = [int(row["image"]) for row in mine]
        assert positions == np.intersect1d(np.flatnonzero(unseen), whole.training).tolist()
        expected = predict(load_model(fold.model), data.images[positions])
        found = np.array([[float(row[f"prob_{kind}"]) for kind in KINDS] for row in mine])
        assert np.allclose(found, expected, atol=1e-4)
        assert [row["answer"] for row in mine] == [KINDS[index] for index in found.argmax(axis=1)]


def test_wrong_labels_look_wrong(validated: Path) -> None:
    """Many labels that were changed are found, and hardly any other: the method accuses only what is beyond doubt."""
    rows = read(validated / "answers.csv")
    changed = {str(position) for position in WRONG} & {row["image"] for row in rows}
    found = {row["image"] for row in rows if row["suspect"] == "true"}
    assert len(changed & found) >= 0.5 * len(changed)
    assert len(found - changed) <= 0.02 * len(rows)
    summary = json.loads((validated / "cross_validation.json").read_text())
    assert summary["suspects"] == {"images": len(rows), "suspect": len(found)}
    for picture in ("suspects.png", "confusion_matrix.png"):
        with Image.open(validated / picture) as image:
            assert min(image.size) > 200


def test_the_summary_is_that_of_the_answers(validated: Path) -> None:
    """Accuracy over all folds, of each fold, and on held-out images that no fold has seen."""
    summary = json.loads((validated / "cross_validation.json").read_text())
    rows = read(validated / "answers.csv")
    right = np.array([row["answer"] == row["label"] for row in rows])
    pooled = summary["out_of_fold"]
    assert pooled["accuracy"] == pytest.approx(right.mean())
    assert pooled["images"] == len(rows) == 480
    assert pooled["standard_error"] == pytest.approx((right.mean() * (1 - right.mean()) / 480) ** 0.5)
    for number, accuracy in enumerate(summary["accuracy_of_folds"], start=1):
        assert accuracy == pytest.approx(right[[row["fold"] == str(number) for row in rows]].mean())
    held_out = summary["held_out"]
    assert held_out["images"] == 120
    assert held_out["accuracy_of_one"] > 0.7
    assert 0 < held_out["all_against_label"] <= 1 - max(held_out["accuracy_of_each"]) + 1e-9  # may be equal


def test_an_interrupted_one_goes_on(validated: Path, options: list[str | Path], tmp_path: Path) -> None:
    """Folds that are done are not trained again; one that was killed is, and ends with the same network."""
    folder = Path(shutil.copytree(validated, tmp_path / "cv"))
    before = (folder / "answers.csv").read_bytes()
    (folder / "fold2" / "metrics.json").unlink()
    (folder / "cross_validation.json").unlink()
    result = run_train("cross-validate", *options, "--folds", "2", "--out", folder)
    assert result.returncode == 0, result.stderr
    assert "fold 1 of 2: done before\nfold 2 of 2\n" in result.stderr
    assert (folder / "answers.csv").read_bytes() == before


def test_an_interrupt_ends_it(mislabelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted fold is not taken for a trained one, and no later fold is begun."""
    from galaxy_train.training import cross_validation
    from galaxy_train.training.parameters import FitParameters

    begun = []

    def interrupted(data: object, run: RunFolder, *arguments: object, **options: object) -> SimpleNamespace:
        begun.append(run.path.name)
        return SimpleNamespace(interrupted=True)

    monkeypatch.setattr(cross_validation, "fit", interrupted)
    lines: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        cross_validation.cross_validate(
            load_data(mislabelled),
            CrossValidationFolder(tmp_path / "cv"),
            FitParameters.of_recipe("cnn"),
            3,
            sys.stderr,
            lines.append,
        )
    assert begun == ["fold1"]
    assert lines == ["fold 1 of 3", "interrupted in fold 1; the same command goes on with it"]


def test_it_teaches_what_it_has_not_been_told(validated: Path, mislabelled: Path) -> None:
    """The target of a labelled image has the word of the network that has not learnt from it, and of no other."""
    data = load_data(mislabelled)
    folds = CrossValidationFolder(validated).folds()
    teachers = [Teacher.of_run(fold) for fold in folds]
    check_teachers(teachers, data, "tiny", 0.2)
    whole = split_training_set(data.train, RECIPES["tiny"], 0.2)
    images = data.train.images
    truth = np.eye(4, dtype=np.float32)[data.train.labels]
    answers = np.stack([predict(load_model(fold.model), images) for fold in folds])
    unseen = np.stack([unseen_images(Fold(number, 2), whole, data.train) for number in (1, 2)])
    # On all images, as --refit does: both have a say on those that were held out from both.
    for positions in (whole.training, np.arange(len(images))):
        examples = TrainingExamples(images[positions], truth[positions], None)
        found = distil(examples, positions, teachers, data.train, images[:3])
        who = unseen[:, positions, np.newaxis]
        word = (answers[:, positions] * who).sum(axis=0) / who.sum(axis=0)
        expected = (1 - TEACHERS_SHARE) * truth[positions] + TEACHERS_SHARE * word
        assert np.allclose(found.targets[: len(positions)], expected, atol=1e-4)
        assert np.allclose(found.targets[len(positions) :], answers[:, :3].mean(axis=0), atol=1e-4)


def test_a_fold_alone_teaches_nobody(validated: Path, mislabelled: Path) -> None:
    """Half of the images would have no teacher that has not been told their labels."""
    with pytest.raises(DataError, match="the other folds are missing: 240 images have no teacher"):
        check_teachers([Teacher.of_run(RunFolder(validated / "fold1"))], load_data(mislabelled), "tiny", 0.2)


def test_a_student_names_every_fold(validated: Path, options: list[str | Path], tmp_path: Path) -> None:
    """``--teacher`` takes the folder, and the run records the checksums of all its networks."""
    result = run_train("fit", *options, "--epochs", "1", "--teacher", validated, "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["parameters"]["teachers"] == json.loads((validated / "cross_validation.json").read_text())["models"]


def test_mistakes_are_one_line_each(
    validated: Path, options: list[str | Path], tmp_path: Path, write_dataset: Callable[..., None]
) -> None:
    """Each names the remedy, before anything is trained or overwritten."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("x")
    few = tmp_path / "few"
    few.mkdir()
    for split in ("train", "test"):
        write_dataset(few / f"{split}_dataset.hdf5", *paint_set(per_class=3, seed=1))
    cases: list[tuple[list[str | Path], int, str]] = [
        (["--folds", "2", "--seed", "3", "--out", validated], 2, "is another training: seed was 0, now it is 3"),
        (["--folds", "3", "--out", validated], 2, "fold was 1/2, now it is 1/3; choose another --out, or use --force"),
        (["--out", tmp_path / "thesis"], 2, "holds files that do not belong to a cross-validation"),
        (["--data", few, "--out", tmp_path / "cv"], 2, "has 2 images of smooth_round to train on, too few for 5"),
        (["--folds", "1", "--out", tmp_path / "cv"], 2, "--folds"),
    ]
    before = (validated / "cross_validation.json").read_bytes()
    for others, code, message in cases:
        result = run_train("cross-validate", *options, *others)
        assert (result.returncode, message in " ".join(result.stderr.split())) == (code, True), result.stderr
        assert "Traceback" not in result.stderr
    assert (validated / "cross_validation.json").read_bytes() == before
    assert not (tmp_path / "cv").exists()
