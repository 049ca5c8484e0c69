"""Data sets in GalaxyMNIST's layout, and what is said of those that are not."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_train.data.hdf5 import find_split, load_file, read_hdf5
from galaxy_train.data.load import load_data

IMAGES = np.arange(6 * 8 * 8 * 3, dtype=np.uint8).reshape(6, 8, 8, 3)
LABELS = np.array([0, 1, 2, 3, 0, 3], np.uint8)

Write = Callable[[Path, Any, Any], None]


@pytest.mark.parametrize("below", ["", "GalaxyMNIST/raw"])
@pytest.mark.parametrize("suffix", [".hdf5", ".hdf5.gz"])
def test_a_data_set_is_found_in_both_places_and_forms(
    tmp_path: Path, write_dataset: Write, below: str, suffix: str
) -> None:
    """A folder that the galaxy_mnist package filled works as it is."""
    folder = tmp_path / below
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train_dataset.hdf5"
    write_dataset(path, IMAGES, LABELS)
    if suffix.endswith(".gz"):
        packed = folder / f"train_dataset{suffix}"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        path = packed
    found = load_file(find_split(tmp_path, "train"))
    assert np.array_equal(found.images, IMAGES)
    assert np.array_equal(found.labels, LABELS)
    assert found.classes == GALAXY_MNIST_CLASSES
    assert found.file == path.name
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.record().images_per_class == {
        "smooth_round": 2, "smooth_cigar": 1, "edge_on_disk": 1, "unbarred_spiral": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (IMAGES.astype(np.float32), LABELS, "images are float32, not uint8"),
        (IMAGES, LABELS.astype(np.int64), "labels are int64, not uint8"),
        (IMAGES.transpose(0, 3, 1, 2), LABELS, r"images have shape \(6, 3, 8, 8\), not \(N, size, size, 3\)"),
        (IMAGES[:, :4], LABELS, r"images have shape \(6, 4, 8, 3\)"),
        (IMAGES[0], LABELS, r"images have shape \(8, 8, 3\)"),
        (IMAGES, LABELS.reshape(6, 1), r"labels have shape \(6, 1\), not \(N,\)"),
        (IMAGES, LABELS[:5], "6 images, but 5 labels"),
        (IMAGES, LABELS + 1, "labels reach 4, but there are only the classes 0 to 3"),
        (IMAGES[:0], LABELS[:0], "holds no images"),
        (IMAGES, None, "has no data set 'labels'"),
    ],
)
def test_a_wrong_layout_is_named_with_the_file(
    tmp_path: Path, write_dataset: Write, images: Any, labels: Any, reason: str
) -> None:
    """Shapes, dtypes, label range and lengths are checked before anything is trained."""
    path = tmp_path / "train_dataset.hdf5"
    write_dataset(path, images, labels)
    with pytest.raises(DataError, match=reason) as refused:
        load_file(find_split(tmp_path, "train"))
    assert str(refused.value).startswith(f"{path}: ")


def test_no_images_at_all(tmp_path: Path) -> None:
    """An HDF5 file of another kind is told so."""
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file["spectra"] = IMAGES
    with pytest.raises(DataError, match=r"a\.hdf5: has no data set 'images'"):
        load_file(path)


@pytest.mark.parametrize("name", ["train_dataset.hdf5", "train_dataset.hdf5.gz"])
@pytest.mark.parametrize("damage", ["cut short", "not HDF5"])
def test_a_damaged_file_is_named(tmp_path: Path, write_dataset: Write, name: str, damage: str) -> None:
    """A download that broke off says which file to fetch again."""
    plain = tmp_path / "whole.hdf5"
    write_dataset(plain, IMAGES, LABELS)
    whole = gzip.compress(plain.read_bytes()) if name.endswith(".gz") else plain.read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2] if damage == "cut short" else b"<html>not found</html>")
    with pytest.raises(DataError, match=f"{name}: cannot be read as HDF5: .*; download it again"):
        load_file(find_split(tmp_path, "train"))


def test_a_missing_data_set_names_the_folder(tmp_path: Path) -> None:
    """The message says what is looked for."""
    with pytest.raises(DataError, match=r"holds no test_dataset\.hdf5 or test_dataset\.hdf5\.gz"):
        find_split(tmp_path, "test")
    with pytest.raises(DataError, match="no such file or folder"):
        load_data(tmp_path / "none")


def test_the_resolution_that_is_there_is_found(tmp_path: Path, write_dataset: Write) -> None:
    """Someone who downloaded 224 px only need not say so; with both, 64 px is meant unless --size says otherwise."""
    for folder, size in (("GalaxyMNISTHighrez", 224), ("GalaxyMNIST", 64)):
        for split in ("train", "test"):
            path = tmp_path / folder / "raw" / f"{split}_dataset.hdf5"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_dataset(path, np.zeros((4, size, size, 3), np.uint8), np.arange(4, dtype=np.uint8))
        assert load_data(tmp_path).train.images.shape[1] == size
    assert load_data(tmp_path, size=224).test.images.shape[1] == 224
    with pytest.raises(DataError, match=r"holds no train_dataset\.hdf5"):
        load_data(tmp_path, size=96)


def test_images_without_labels_can_be_read(tmp_path: Path, write_dataset: Write) -> None:
    """The parity gate needs none."""
    write_dataset(tmp_path / "a.hdf5", IMAGES, None)
    images, labels = read_hdf5(tmp_path / "a.hdf5")
    assert np.array_equal(images, IMAGES)
    assert labels is None


@pytest.mark.data
def test_the_stand_in_can_be_read(galaxy_data: Path) -> None:
    """The real galaxies are what their README says."""
    data = load_data(galaxy_data / "galaxies64")
    train, test = data.train, data.test
    assert list(train.record().images_per_class.values()) == [1279, 186, 849, 1898]
    assert list(test.record().images_per_class.values()) == [424, 61, 282, 241]
