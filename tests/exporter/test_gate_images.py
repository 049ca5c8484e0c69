"""The images on which an export is checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galaxy_classify.errors import DataError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES, Preprocessing
from galaxy_export.gate_images import MIN_IMAGES, load_gate_images
from galaxy_painter import paint_set

Write = Callable[[Path, Any, Any], None]
SIZE = (64, 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of forty drawn galaxies as PNG files of 64 px."""
    images, labels = paint_set(per_class=10, seed=4)
    lines = ["file,label"]
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
        lines.append(f"{number:02}.png,{GALAXY_MNIST_CLASSES[label]}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_a_folder_of_images_with_labels(folder: Path) -> None:
    """Files go through the runtime's own preprocessing, in sorted order, each with its label."""
    found = load_gate_images(folder, SIZE, GALAXY_MNIST_CLASSES)
    images, labels = paint_set(per_class=10, seed=4)
    assert np.array_equal(found.pixels, images)
    assert found.labels is not None
    assert np.array_equal(found.labels, labels)
    with Image.open(folder / "03.png") as image:
        assert np.array_equal(found.pixels[3], Decoder(Resizer(SIZE, Preprocessing())).decode(image).pixels)


def test_unreadable_files_are_left_out_and_counted(folder: Path) -> None:
    """One broken download does not stop an export."""
    (folder / "00.png").write_bytes(b"broken")
    found = load_gate_images(folder, SIZE, GALAXY_MNIST_CLASSES)
    assert (len(found.pixels), found.unreadable) == (39, 1)
    table = load_gate_images(folder / "labels.csv", SIZE, GALAXY_MNIST_CLASSES)
    assert (len(table.pixels), table.unreadable) == (39, 1)


def test_without_labels(folder: Path) -> None:
    """Parity needs none; the guard on int8 does, and says where they would come from."""
    assert len(load_gate_images(folder, SIZE, GALAXY_MNIST_CLASSES).require_labels()) == 40
    (folder / "labels.csv").unlink()
    found = load_gate_images(folder, SIZE, GALAXY_MNIST_CLASSES)
    assert found.labels is None
    with pytest.raises(DataError, match=r"has no labels, .* or a folder with a labels\.csv \(file,label\)"):
        found.require_labels()


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("name,class\n", "has no columns file and label"),
        ("file,label\n\xe9.png,smooth_round\n", "cannot be read as CSV"),
        ("file,label\n00.png,smooth_round\n", r"gives 01\.png the label None"),
        ("file,label\n00.png,barred\n", r"gives 00\.png the label 'barred', not one of smooth_round"),
    ],
)
def test_wrong_labels_are_named(folder: Path, labels: str, reason: str) -> None:
    """A label file that does not fit is no reason to guess."""
    (folder / "labels.csv").write_text(labels, encoding="latin-1")
    with pytest.raises(DataError, match=reason):
        load_gate_images(folder, SIZE, GALAXY_MNIST_CLASSES)


def test_class_folders_and_tables_bring_their_labels(folder: Path, tmp_path: Path) -> None:
    """A data set that was trained on can be given as it is: class folders, or a CSV file."""
    images, labels = paint_set(per_class=10, seed=4)
    table = load_gate_images(folder / "labels.csv", SIZE, GALAXY_MNIST_CLASSES)
    assert np.array_equal(table.pixels, images)
    assert np.array_equal(table.require_labels(), labels)
    (folder / "labels.csv").unlink()
    for number, label in enumerate(labels):
        target = folder / "sorted" / "train" / GALAXY_MNIST_CLASSES[label]
        target.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02}.png").rename(target / f"{number:02}.png")
    found = load_gate_images(folder / "sorted", SIZE, GALAXY_MNIST_CLASSES)
    assert sorted(found.require_labels().tolist()) == sorted(labels.tolist())
    for pixels, label in zip(found.pixels, found.require_labels(), strict=True):
        assert label == labels[next(number for number, image in enumerate(images) if np.array_equal(image, pixels))]


@pytest.mark.parametrize("form", ["folders", "table"])
def test_only_the_test_part_is_taken(folder: Path, form: str) -> None:
    """An accuracy on images that the network was trained on would flatter it."""
    _, labels = paint_set(per_class=10, seed=4)
    lines = ["file,label,split"]
    for number, label in enumerate(labels):
        split, name = "train" if label not in labels[:number] else "test", GALAXY_MNIST_CLASSES[label]
        target = folder / "data" / split / name / f"{number:02}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02}.png").rename(target)
        lines.append(f"{target.relative_to(folder / 'data')},{name},{split}")
    given = folder / "data"
    if form == "table":
        given = given / "all.csv"
        given.write_text("\n".join(lines) + "\n")
    found = load_gate_images(given, SIZE, GALAXY_MNIST_CLASSES)
    assert (len(found.pixels), len(found.require_labels())) == (36, 36)


def test_hdf5_files_and_data_set_folders(tmp_path: Path, write_dataset: Write) -> None:
    """A file is taken as it is; of a data set's folder, the test set."""
    images, labels = paint_set(per_class=10, seed=5)
    write_dataset(tmp_path / "test_dataset.hdf5", images, labels)
    write_dataset(tmp_path / "unlabelled.hdf5", images, None)
    for path in (tmp_path, tmp_path / "test_dataset.hdf5"):
        found = load_gate_images(path, SIZE, GALAXY_MNIST_CLASSES)
        assert np.array_equal(found.pixels, images)
        assert found.origin == "test_dataset.hdf5"
    assert load_gate_images(tmp_path / "unlabelled.hdf5", SIZE, GALAXY_MNIST_CLASSES).labels is None


def test_too_few_or_wrong_images_are_refused(tmp_path: Path, write_dataset: Write) -> None:
    """A gate on a handful of images, or on none, proves nothing."""
    images, labels = paint_set(per_class=10, seed=5)
    write_dataset(tmp_path / "few.hdf5", images[: MIN_IMAGES - 1], labels[: MIN_IMAGES - 1])
    with pytest.raises(DataError, match=f"31 usable images, the parity gate needs {MIN_IMAGES} or more"):
        load_gate_images(tmp_path / "few.hdf5", SIZE, GALAXY_MNIST_CLASSES)
    write_dataset(tmp_path / "all.hdf5", images, labels)
    with pytest.raises(DataError, match=r"images are \(64, 64\), the model wants \(32, 32\)"):
        load_gate_images(tmp_path / "all.hdf5", (32, 32), GALAXY_MNIST_CLASSES)
    with pytest.raises(DataError, match="no such file or folder"):
        load_gate_images(tmp_path / "none", SIZE, GALAXY_MNIST_CLASSES)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.jpg").write_text("x")
    with pytest.raises(DataError, match="none of its 1 images can be read"):
        load_gate_images(tmp_path / "broken", SIZE, GALAXY_MNIST_CLASSES)
