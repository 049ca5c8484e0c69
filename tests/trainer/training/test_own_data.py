"""From one's own class folders to a fine-tuned model, through the commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from galaxy_classify.errors import DataError
from galaxy_painter import KINDS, paint, paint_set
from keras_once import KerasOnce
from tiny_recipe import tiny
from trainings import Convert, run_export, run_train, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds of painted galaxies under names of one's own, and one file that is no image."""
    folder = tmp_path_factory.mktemp("own")
    images, labels = paint_set(per_class=40, seed=8)
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        if KINDS[label] in ("smooth_round", "edge_on_disk"):
            name = "blob" if KINDS[label] == "smooth_round" else "needle"
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "blob" / "broken.png").write_bytes(b"not an image")
    return folder


@pytest.fixture(scope="module")
def fine_tuned(folders: Path, trained_cnn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run that began with the network of other classes."""
    out = tmp_path_factory.mktemp("tuned") / "run"
    result = run_train(
        "fit", "--data", folders, "--recipe", "cnn", "--init", trained_cnn, "--out", out, "--epochs", "4",
        "--balance", "0.5", "--batch-size", "8",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert f"left out: {folders / 'blob' / 'broken.png'}: not an image" in result.stderr
    assert "1 images cannot be read and are left out (--strict refuses them)" in result.stderr
    assert result.stdout.startswith(f"{folders.name}:test: 16 images")
    return out


def test_the_run_tells_where_it_began(fine_tuned: Path, trained_cnn: Path) -> None:
    """Classes of one's own, the earlier network by checksum, the split, the weights and what was left out."""
    metrics = json.loads((fine_tuned / "metrics.json").read_text())
    earlier = json.loads((trained_cnn / "metrics.json").read_text())
    assert metrics["classes"] == ["blob", "needle"]
    assert metrics["parameters"]["init"] == earlier["model_sha256"]
    assert metrics["parameters"]["balance"] == 0.5
    assert metrics["data"]["split"] == "20% of each class at random, seed 0"
    assert [Path(entry["file"]).name for entry in metrics["data"]["unreadable"]] == ["broken.png"]
    assert metrics["test"]["accuracy"] >= 0.9


def test_the_runtime_speaks_the_new_classes(
    fine_tuned: Path, folders: Path, tmp_path: Path, convert: Convert, keras_once: KerasOnce
) -> None:
    """Exported on its own data, int8 included, the model gives columns of the new names, and verifies."""
    from galaxy_classify import GalaxyClassifier
    from galaxy_export import verify

    model = tmp_path / "own.onnx"
    exported = convert(fine_tuned, "-o", model, "--int8", "--images", folders)
    assert exported.returncode == 0, exported.stderr
    with keras_once.inside(verify):
        verified = run_export("verify", model, "--against", fine_tuned, "--images", folders)
    assert verified.returncode == 0, verified.stderr
    classifier = GalaxyClassifier(model)
    assert list(classifier.classes_) == ["blob", "needle"]
    (tmp_path / "new.jpg").write_bytes(b"")
    paint("edge_on_disk", seed=99).save(tmp_path / "new.jpg")
    (row,) = classifier.classify([str(tmp_path / "new.jpg")])
    assert row.label == "needle"


def test_fine_tuning_keeps_what_was_learnt(trained_cnn: Path, drawn_dataset: Path) -> None:
    """With the same classes every weight is taken over, with others all but the head."""
    from galaxy_train.networks.keras_model import load_model
    from galaxy_train.networks.recipes import LOGITS, cnn
    from galaxy_train.run_folder import RunFolder
    from galaxy_train.training.warm_start import start_from

    classes = tuple(json.loads((trained_cnn / "metrics.json").read_text())["classes"])
    trained = load_model(trained_cnn / "model.keras")

    def begun(names: tuple[str, ...], size: int = 64) -> dict[str, bool]:
        model = cnn(size, len(names))
        start_from(model, RunFolder(trained_cnn), names)
        return {
            new.name: all(map(np.array_equal, new.get_weights(), old.get_weights()))
            for new, old in zip(
                *([layer for layer in net.layers if layer.weights] for net in (model, trained)), strict=True
            )
        }

    assert all(begun(classes).values())
    others = begun(("a", "b", "c"))
    assert [name for name, same in others.items() if not same] == [LOGITS]
    assert all(begun(classes, size=128).values())
    assert all(begun(classes, size=224).values())


def test_a_run_that_does_not_fit_is_refused(
    tiny_recipe: str, trained_cnn: Path, minute_dataset: Path, tmp_path: Path
) -> None:
    """Another recipe, or dense layers for another size of image: said before an epoch is trained."""
    from galaxy_train.networks.recipes import cnn
    from galaxy_train.run_folder import RunFolder
    from galaxy_train.training.warm_start import start_from

    run = train(minute_dataset, tmp_path / "tiny", tiny_recipe, epochs=1)
    classes = tuple(json.loads((run / "metrics.json").read_text())["classes"])
    with pytest.raises(DataError, match="is a run of the recipe tiny, not cnn"):
        start_from(cnn(64, 4), RunFolder(run), classes)
    with pytest.raises(DataError, match="its weights do not fit images of 32 px, they were trained on 64 px"):
        start_from(tiny(32, 4), RunFolder(run), classes)
    result = run_train(
        "fit", "--data", minute_dataset, "--recipe", "cnn", "--init", run, "--out", trained_cnn, "--force"
    )
    assert result.returncode == 2
    assert (trained_cnn / "model.keras").exists()  # a refusal costs nothing that was there


def test_images_of_no_class(trained_cnn: Path, drawn_dataset: Path, folders: Path) -> None:
    """Kinds are compared with the test set, and --record notes it for the model card."""
    before = json.loads((trained_cnn / "metrics.json").read_text())
    result = run_train("evaluate", trained_cnn, "--data", drawn_dataset, "--out-of-class", folders, "--record")
    assert result.returncode == 0, result.stderr
    found = json.loads((trained_cnn / "metrics.json").read_text())
    evaluation = found.pop("evaluation")
    (trained_cnn / "metrics.json").write_text(json.dumps(before, indent=2) + "\n")
    assert found == before
    assert evaluation["figures"] == before["test"]
    assert {kind: entry["images"] for kind, entry in evaluation["out_of_class"].items()} == {"blob": 40, "needle": 40}
    for kind, entry in evaluation["out_of_class"].items():
        assert 0 <= entry["auroc"] <= 1
        assert re.search(rf"^{kind} +40  {entry['auroc']:.4f}", result.stdout, re.MULTILINE)


def test_testing_on_other_images(fine_tuned: Path, folders: Path, minute_dataset: Path) -> None:
    """The test part again by default, everything with --whole; a data set of other classes is refused."""
    part = run_train("evaluate", fine_tuned, "--data", folders)
    whole = run_train("evaluate", fine_tuned, "--data", folders, "--whole")
    assert part.stdout.startswith(f"{folders.name}:test: 16 images")
    assert whole.stdout.startswith(f"{folders.name}: 80 images")
    metrics = json.loads((fine_tuned / "metrics.json").read_text())
    assert f"accuracy                    {metrics['test']['accuracy']:.4f}" in part.stdout
    refused = run_train("evaluate", fine_tuned, "--data", minute_dataset)
    assert refused.returncode == 2
    assert "has the classes smooth_round, smooth_cigar, edge_on_disk, unbarred_spiral, the network blob, needle" in (
        refused.stderr
    )


def test_strict_data_and_wrong_sizes(folders: Path, drawn_dataset: Path, tmp_path: Path) -> None:
    """One line each, and no run folder."""
    cases = {
        ("--data", folders, "--strict"): r"broken\.png: not an image.*; 1 of 81 images cannot be read, and --strict",
        ("--data", folders, "--size", "31"): "takes images of an even size from 16 px, not 31 px; see --size",
        ("--data", drawn_dataset, "--size", "224"): "its images have 64 px, not the 224 px that --size asks for",
        ("--data", drawn_dataset, "--weights", tmp_path / "none.csv"): r"none\.csv: cannot be read",
        ("--data", drawn_dataset, "--init", tmp_path / "none"): "no such run folder",
    }
    for arguments, message in cases.items():
        result = run_train("fit", "--recipe", "cnn", "--out", tmp_path / "run", *arguments)
        assert result.returncode == 2
        assert re.search(message, result.stderr), result.stderr
        assert result.stderr.splitlines()[-1].startswith("error: ")
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()


def test_weights_change_the_training(drawn_dataset: Path, tiny_recipe: str, tmp_path: Path) -> None:
    """Images of weight 0 are not trained on: a class without weight is never predicted."""
    import h5py

    with h5py.File(drawn_dataset / "train_dataset.hdf5") as file:
        labels = file["labels"][()]
    (tmp_path / "weights.csv").write_text("weight\n" + "".join(f"{int(label != 2)}\n" for label in labels))
    out = tmp_path / "run"
    result = run_train(
        "fit", "--data", drawn_dataset, "--recipe", tiny_recipe, "--out", out,
        "--weights", tmp_path / "weights.csv",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["data"]["train"]["weights"] == {"0": 200, "1": 600}
    assert metrics["test"]["precision"]["edge_on_disk"] is None
    assert metrics["test"]["accuracy"] > 0.5


def test_training_on_larger_images(tiny_recipe: str, drawn_images: Path, tmp_path: Path) -> None:
    """The size comes from the data: class folders of 424 px cutouts, brought to 96 px by the runtime's own code."""
    for split in ("train", "test"):
        for kind in ("smooth_round", "edge_on_disk"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
            galaxy = Image.open(drawn_images / f"{kind}.jpg")
            for number in range(4 if split == "train" else 2):
                turned = galaxy.rotate(90 * number + 45 * (split == "test"))
                turned.save(tmp_path / "data" / split / kind / f"{number}.jpg")
    out = train(tmp_path / "data", tmp_path / "run", tiny_recipe, size=96, epochs=1, batch_size=8)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["data"]["train"]["shape"] == [8, 96, 96, 3]
    assert metrics["data"]["split"] == "as given"
