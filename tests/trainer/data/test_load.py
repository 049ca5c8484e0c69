"""Anyone's data: class folders, CSV files, splits, weights, and what is said of those that do not do."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from galaxy_classify.errors import DataError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES, Preprocessing
from galaxy_painter import paint
from galaxy_train.data.image_files import list_csv
from galaxy_train.data.load import load_data, load_test, read_weights
from galaxy_train.data.splitting import hold_out

#: Names that are not GalaxyMNIST's, with what is painted for them.
KINDS = {"elliptical": "smooth_round", "spiral": "unbarred_spiral", "thin": "edge_on_disk"}


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten painted galaxies of each of three kinds, in class folders without a split."""
    folder = tmp_path_factory.mktemp("gallery")
    for name, kind in KINDS.items():
        (folder / name).mkdir()
        for number in range(10):
            paint(kind, seed=number, size=100).save(folder / name / f"{number}.png")
    return folder


def copy(gallery: Path, target: Path, per_class: int, first: int = 0) -> None:
    """Copy some images of each class."""
    for name in KINDS:
        (target / name).mkdir(parents=True)
        for number in range(first, first + per_class):
            (target / name / f"{number}.png").write_bytes((gallery / name / f"{number}.png").read_bytes())


def test_class_folders_without_a_split(gallery: Path) -> None:
    """A fifth of each class becomes the test set, the same one each time, another for another seed."""
    data = load_data(gallery)
    assert data.train.classes == data.test.classes == tuple(sorted(KINDS))
    assert list(data.train.images_per_class().values()) == [8, 8, 8]
    assert list(data.test.images_per_class().values()) == [2, 2, 2]
    assert data.split == "20% of each class at random, seed 0"
    assert data.train.images.shape[1:] == (64, 64, 3)
    again, other = load_data(gallery), load_data(gallery, split_seed=1)
    assert np.array_equal(again.test.images, data.test.images)
    assert again.test.sha256 == data.test.sha256
    assert not np.array_equal(other.test.images, data.test.images)
    both = {image.tobytes() for part in (data.train, data.test) for image in part.images}
    assert len(both) == 30


def test_the_pixels_are_the_runtimes(gallery: Path) -> None:
    """One preprocessing for training and serving, or the network would be served what it never saw."""
    test, unreadable = load_test(gallery, tuple(sorted(KINDS)), 32, whole=True)
    assert unreadable == ()
    paths = sorted(gallery.rglob("*.png"))
    assert len(test.images) == len(paths)
    for path, image in zip(paths, test.images, strict=True):
        assert np.array_equal(image, Decoder(Resizer((32, 32), Preprocessing())).read(str(path)).pixels)


def test_class_folders_with_a_split(gallery: Path, tmp_path: Path) -> None:
    """Train and test folders are taken as they are."""
    copy(gallery, tmp_path / "train", 4)
    copy(gallery, tmp_path / "test", 2, first=4)
    hidden = tmp_path / "train" / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "0.png").write_bytes((gallery / "thin" / "0.png").read_bytes())
    data = load_data(tmp_path, size=48)
    assert len(data.train.images) == 12
    assert len(data.test.images) == 6
    assert data.train.images.shape[1:] == (48, 48, 3)
    assert data.split == "as given"
    assert len(load_test(tmp_path, data.train.classes, 48)[0].images) == 6


def test_training_files_are_not_sorted_by_class(gallery: Path) -> None:
    """A recipe that holds out the last part would otherwise hold out one class."""
    labels = load_data(gallery).train.labels
    assert not np.array_equal(labels, np.sort(labels))


def test_classes_of_galaxy_mnist_keep_its_order(tmp_path: Path) -> None:
    """So a network that was trained on GalaxyMNIST goes on with its head as it is."""
    for number, name in enumerate(GALAXY_MNIST_CLASSES):
        (tmp_path / name).mkdir()
        for copy_number in range(3):
            paint(name, seed=number + copy_number, size=80).save(tmp_path / name / f"{copy_number}.jpg")
    assert load_data(tmp_path).train.classes == GALAXY_MNIST_CLASSES


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    """Write a table."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_csv_of_verdicts(gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page of --report saves it: without a label, or of none of the classes, an image is left out."""
    names = sorted(str(path.relative_to(gallery)) for path in gallery.rglob("*.*") if path.suffix in (".png", ".jpg"))
    table = tmp_path / "elsewhere" / "verdicts.csv"
    table.parent.mkdir()
    labels = ["round", "spiral", "", "none of these"]
    write_csv(table, [{"path": name, "label": label} for name, label in zip(names, labels, strict=False)])
    # Relative to the table, or else to the current folder, from which galaxy-classify may have been run.
    assert [file.path for file in list_csv(table)] == [table.parent / name for name in names[:2]]
    monkeypatch.chdir(gallery)
    assert [(str(file.path), file.label) for file in list_csv(table)] == [(names[0], "round"), (names[1], "spiral")]
    (table.parent / names[0]).parent.mkdir(parents=True, exist_ok=True)
    (table.parent / names[0]).touch()
    assert list_csv(table)[0].path == table.parent / names[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,class\n", "has no columns file and label, nor path and label"),
        ("path,label\na.png,\nb.png,none of these\n", "has no row with a label of a class"),
        ("path,label\n,round\n", "line 2 has no path"),
        ("file,label\na.png,\n", "line 2 has no label"),
    ],
)
def test_a_csv_without_labels_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """In words that name the line or what is missing."""
    table = tmp_path / "labels.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=rf"labels\.csv: {message}"):
        list_csv(table)


def test_a_csv_with_split_and_weights(gallery: Path) -> None:
    """Files are found beside the table; weights go to the training set only."""
    table = gallery / "labels.csv"
    write_csv(
        table,
        [
            {
                "file": f"{name}/{number}.png",
                "label": f"kind {name}",
                "split": "test" if number > 7 else "train",
                "weight": "0.5" if number < 2 else "",
            }
            for name in KINDS
            for number in range(10)
        ],
    )
    data = load_data(table)
    table.unlink()
    assert data.train.classes == ("kind elliptical", "kind spiral", "kind thin")
    assert len(data.train.images) == 24
    assert len(data.test.images) == 6
    assert data.train.weights is not None
    assert np.count_nonzero(data.train.weights == 0.5) == 6
    assert data.test.weights is None
    assert data.train.record().weights == {"0.5": 6, "1": 18}


def test_unreadable_images_are_listed_or_refused(gallery: Path, tmp_path: Path) -> None:
    """They are left out by name and reason; --strict refuses the set."""
    copy(gallery, tmp_path / "all", 5)
    (tmp_path / "all" / "thin" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "all" / "spiral" / "empty.jpg").touch()
    data = load_data(tmp_path / "all")
    assert [(file.path.name, file.reason) for file in data.unreadable] == [
        ("empty.jpg", "empty file"), ("0.png", "damaged or incomplete image: its PNG header cannot be read"),
    ]  # fmt: skip
    assert len(data.train.images) + len(data.test.images) == 14
    assert [entry["file"] for entry in data.record().unreadable] == [str(file.path) for file in data.unreadable]
    for whole in (False, True):  # a test says so as well
        assert load_test(tmp_path / "all", data.train.classes, 64, whole=whole)[1] == data.unreadable
    with pytest.raises(DataError, match=r"empty\.jpg: empty file; 2 of 16 images cannot be read, and --strict"):
        load_data(tmp_path / "all", strict=True)


def test_folders_that_will_not_do(gallery: Path, tmp_path: Path) -> None:
    """Each says what is wrong with it."""
    copy(gallery, tmp_path / "half" / "train", 3)
    copy(gallery, tmp_path / "one", 3)
    for name in ("spiral", "thin"):
        for path in (tmp_path / "one" / name).iterdir():
            path.unlink()
    copy(gallery, tmp_path / "other" / "train", 3)
    copy(gallery, tmp_path / "other" / "test", 3)
    (tmp_path / "other" / "test" / "thin").rename(tmp_path / "other" / "test" / "thick")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.hdf5").touch()
    cases = {
        "half": "has train/<class>/ but no test/<class>/",
        "one": "images are of 1 class, there must be two or more",
        "other": "other:train has no readable image of thick",
        "empty": "holds no train_dataset.hdf5 or .*, and no class folders with images",
        "none": "no such file or folder",
        "file.hdf5": "is one file; --data names the folder",
    }
    for name, message in cases.items():
        with pytest.raises(DataError, match=message):
            load_data(tmp_path / name)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"name": "a.png", "label": "x"}], "has no columns file and label"),
        ([{"file": "a.png", "label": ""}], "line 2 has no label"),
        ([{"file": "a.png", "label": "x", "weight": "-1"}], "line 2 has the weight '-1', not a number from 0"),
        ([{"file": "a.png", "label": "x", "weight": "much"}], "line 2 has the weight 'much'"),
        (
            [{"file": "a.png", "label": "x", "split": "train"}, {"file": "b.png", "label": "y", "split": "tset"}],
            "the column split must be train or test in every row",
        ),
        ([{"file": "none.png", "label": "x"}, {"file": "n.png", "label": "y"}], "none of its 2 images can be read"),
        ([{"file": "a.png", "label": "x"}, {"file": "b.png", "label": "X"}], "in upper and lower case only; give it"),
        ([{"file": "a.png", "label": "x"}, {"file": "b.png", "label": "a/b"}], "class 'a/b' contains a separator"),
    ],
)
def test_tables_that_will_not_do(tmp_path: Path, rows: list[dict[str, str]], message: str) -> None:
    """The table, the line and the remedy are named."""
    write_csv(tmp_path / "labels.csv", rows)
    with pytest.raises(DataError, match=message):
        load_data(tmp_path / "labels.csv")


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    """Binary files are no traceback."""
    (tmp_path / "labels.csv").write_bytes(b"file,label\n\xff\xfe,x\n")
    with pytest.raises(DataError, match=r"labels\.csv: cannot be read as CSV"):
        load_data(tmp_path / "labels.csv")


def test_testing_on_other_classes_is_refused(gallery: Path, minute_dataset: Path) -> None:
    """Figures on labels that the network does not know would mean nothing."""
    with pytest.raises(DataError, match="the network has no class elliptical, spiral, thin; it has round, flat"):
        load_test(gallery, ("round", "flat"), 64)
    with pytest.raises(DataError, match=r"has the classes smooth_round, .*, the network round, flat"):
        load_test(minute_dataset, ("round", "flat"), 64)
    with pytest.raises(DataError, match="images have 64 px, the network wants 32 px"):
        load_test(minute_dataset / "test_dataset.hdf5", GALAXY_MNIST_CLASSES, 32)


def test_weights_of_an_hdf5_set(minute_dataset: Path, tmp_path: Path, write_dataset: Callable[..., None]) -> None:
    """A row an image; anything else is refused."""
    data = load_data(minute_dataset)
    table = tmp_path / "weights.csv"
    for content, message in (
        ("weight\n1\n", "has 1 weights, train_dataset.hdf5 has 48 images"),
        ("w\n1\n", "has no column weight"),
        ("weight\n" + "x\n" * 48, "cannot be read as a table of weights"),
        ("weight\n" + "0\n" * 48, "one at least above 0"),
        ("weight\n" + "nan\n" * 48, "must be finite"),
    ):
        table.write_text(content)
        with pytest.raises(DataError, match=message):
            read_weights(table, data)
    table.write_text("weight\n" + "1\n0.25\n" * 24)
    weighted = read_weights(table, data)
    assert weighted.train.weights is not None
    assert weighted.train.weights[:4].tolist() == [1, 0.25, 1, 0.25]
    assert weighted.test.weights is None


def test_holding_out_class_by_class() -> None:
    """Each class gives its part, only of what is eligible, and never its last image."""
    labels = np.repeat([0, 1, 2], [100, 10, 1])
    eligible = np.ones(111, bool)
    eligible[:50] = False
    kept, held_out = hold_out(labels, 0.2, 0, eligible)
    assert sorted([*kept, *held_out]) == list(range(111))
    assert np.bincount(labels[held_out]).tolist() == [10, 2]
    assert held_out.min() >= 50
    assert np.array_equal(hold_out(labels, 0.2, 0, eligible)[1], held_out)
    assert not np.array_equal(hold_out(labels, 0.2, 1, eligible)[1], held_out)
    assert len(hold_out(labels, 0.0, 0)[1]) == 0


def test_a_folder_of_images_with_labels(gallery: Path, tmp_path: Path) -> None:
    """What galaxy-classify --labels and galaxy-export take can be trained on as well."""
    lines = ["file,label"]
    for path in sorted(gallery.rglob("*.png")):
        name = f"{path.parent.name}{path.name}"
        (tmp_path / name).write_bytes(path.read_bytes())
        lines.append(f"{name},{path.parent.name}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    found = load_data(tmp_path)
    table = load_data(tmp_path / "labels.csv")
    assert found.train.classes == ("elliptical", "spiral", "thin")
    assert (found.train.sha256, found.test.sha256) == (table.train.sha256, table.test.sha256)
    test, _ = load_test(tmp_path, found.train.classes, 64)
    assert test.sha256 == found.test.sha256
