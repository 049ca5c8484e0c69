"""A user's own outliers: folders by kind, one folder, HDF5 files, and what is said of those that will not do."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.errors import DataError
from galaxy_train.data.outliers.load import load_outliers, split_outliers


def write_images(folder: Path, count: int, value: int = 50) -> None:
    """Write images of 20 px, each a square of one value on black."""
    folder.mkdir(parents=True)
    for number in range(count):
        image = Image.new("RGB", (20, 20))
        image.paste((value, value, value), (3, 3, 17, 17))
        image.save(folder / f"{number}.png")


def write_hdf5(path: Path, count: int, size: int = 16, value: int = 7) -> None:
    """Write images into an HDF5 file, without labels."""
    with h5py.File(path, "w") as file:
        file["images"] = np.full((count, size, size, 3), value, np.uint8)


def test_folders_by_kind_a_folder_and_hdf5(tmp_path: Path) -> None:
    """Each form gives kinds of its names; the same kind from two places is joined, in the order of the places."""
    write_images(tmp_path / "mine" / "star", 3)
    write_images(tmp_path / "mine" / "merger" / "deeper", 2)
    write_images(tmp_path / "artefact", 2)
    write_hdf5(tmp_path / "star.hdf5", 4)
    paths = [tmp_path / "mine", tmp_path / "artefact", tmp_path / "star.hdf5"]
    outliers = load_outliers(paths, 16)
    assert {kind: len(images) for kind, images in outliers.kinds.items()} == {"artefact": 2, "merger": 2, "star": 7}
    assert outliers.kinds["star"][:, 8, 8, 0].tolist() == [50, 50, 50, 7, 7, 7, 7]
    assert outliers.kinds["star"].dtype == np.uint8
    assert outliers.kinds["artefact"].shape == (2, 16, 16, 3)
    assert outliers.unreadable == ()


def test_none_are_given() -> None:
    """The generated kinds do without."""
    assert load_outliers([], 64).kinds == {}


def test_unreadable_images_are_listed(tmp_path: Path) -> None:
    """They are left out by name and reason, as those of the training set."""
    write_images(tmp_path / "star", 2)
    (tmp_path / "star" / "empty.jpg").touch()
    outliers = load_outliers([tmp_path / "star"], 16)
    assert len(outliers.kinds["star"]) == 2
    assert [(file.path.name, file.reason) for file in outliers.unreadable] == [("empty.jpg", "empty file")]


def test_paths_that_will_not_do(tmp_path: Path) -> None:
    """The path is named, and what to give instead."""
    (tmp_path / "hollow").mkdir()
    (tmp_path / "broken" / "star").mkdir(parents=True)
    (tmp_path / "broken" / "star" / "a.png").touch()
    write_images(tmp_path / "half" / "star", 1)
    (tmp_path / "half" / "void").mkdir()
    (tmp_path / "half" / "void" / "b.png").touch()
    (tmp_path / "text.hdf5").write_text("no HDF5")
    write_hdf5(tmp_path / "large.hdf5", 2, size=32)
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["pictures"] = np.zeros(3)
    cases = {
        "none": r"none: no such file or folder; outliers are a folder of folders by kind",
        "hollow": r"hollow: holds no images; outliers are",
        "broken": r"broken: none of its 1 images can be read, the first: empty file",
        "half": r"half: no image of void can be read, the first: .*b\.png: empty file",
        "text.hdf5": r"text\.hdf5: cannot be read as HDF5",
        "large.hdf5": r"large\.hdf5: has images of 32 px, .* 16 px",
        "other.hdf5": r"other\.hdf5: has no data set 'images'",
    }
    for name, message in cases.items():
        with pytest.raises(DataError, match=message):
            load_outliers([tmp_path / name], 16)


def numbered(count: int) -> NDArray[np.uint8]:
    """Return images that can be told apart."""
    return np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1).repeat(3, axis=3)


def test_a_part_of_each_kind_is_held_out() -> None:
    """Each image is in one part; small kinds are in both; the split of a kind does not depend on the others."""
    kinds = {"many": numbered(40), "two": numbered(2), "one": numbered(1)}
    train, held_out = split_outliers(kinds, 0.2, seed=3)
    assert {kind: len(images) for kind, images in train.items()} == {"many": 32, "two": 1, "one": 1}
    assert {kind: len(images) for kind, images in held_out.items()} == {"many": 8, "two": 1}
    assert sorted([*train["many"].ravel()[::3], *held_out["many"].ravel()[::3]]) == list(range(40))
    assert np.array_equal(split_outliers({"many": kinds["many"]}, 0.2, seed=3)[1]["many"], held_out["many"])
    assert not np.array_equal(split_outliers(kinds, 0.2, seed=4)[1]["many"], held_out["many"])
