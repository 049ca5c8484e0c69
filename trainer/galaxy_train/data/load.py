"""Load the training and test set that ``--data`` names."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.inference.names import class_fault
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.galaxy_mnist import FOLDERS, SPLITS, cache_folder
from galaxy_train.data.hdf5 import find_split, holds_hdf5, load_file, read_hdf5
from galaxy_train.data.image_files import (
    LABELS_FILE,
    LabelledFile,
    UnreadableFile,
    class_names,
    has_class_folders,
    list_class_folders,
    list_csv,
    read_files,
)
from galaxy_train.data.splitting import hold_out
from galaxy_train.run_metrics.data_sets import DataRecord

#: Default image size in pixels, and test fraction of images without a split; both are GalaxyMNIST's.
SIZE: Final = 64


TEST_FRACTION: Final = 0.2


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A training set and a test set that belong together.

    Parameters
    ----------
    train, test : GalaxyDataset
        The two sets, with the same classes and image size.
    split : str
        How they were split, in words.
    split_seed : int
        Seed of a random split.
    unreadable : tuple of UnreadableFile
        Image files that were left out.
    source : pathlib.Path or None
        Folder or file that they were loaded from.
    """

    train: GalaxyDataset
    test: GalaxyDataset
    split: str
    split_seed: int = 0
    unreadable: tuple[UnreadableFile, ...] = ()
    source: Path | None = None

    def record(self) -> DataRecord:
        """Return the record of these data for a run's metrics."""
        return DataRecord(
            train=self.train.record(),
            test=self.test.record(),
            split=self.split,
            split_seed=self.split_seed,
            unreadable=[{"file": str(file.path), "reason": file.reason} for file in self.unreadable],
        )


def load_data(
    source: Path | None, *, size: int | None = None, split_seed: int = 0, strict: bool = False
) -> TrainingData:
    """Load a training set and a test set.

    Parameters
    ----------
    source : pathlib.Path or None
        A folder with HDF5 files in GalaxyMNIST's layout, a folder of images with a ``labels.csv``, a folder of class
        folders, or a CSV file; None for the cache folder of ``galaxy-train download``.
    size : int, optional
        Height and width in pixels: selects a resolution of GalaxyMNIST, or resizes image files. By default 64, or the
        resolution of GalaxyMNIST that is present.
    split_seed : int, optional
        Seed of the random split, for image files that come without one.
    strict : bool, optional
        Raise an error for image files that cannot be read, instead of leaving them out.

    Returns
    -------
    TrainingData
        Both sets, in memory.

    Raises
    ------
    DataError
        If the data are missing, damaged or in another layout; the message names the file and the remedy.
    """
    source = _given_or_cached(source)
    files = _labelled_files(source)
    if files is not None:
        return _split_files(files, class_names(files), source, size or SIZE, split_seed, strict=strict)
    if source.is_file():
        raise DataError(f"{source}: is one file; --data names the folder that holds train and test set, or a CSV file")
    train, test = (load_file(find_split(source, split, size)) for split in SPLITS)
    if test.images.shape[1:] != train.images.shape[1:]:
        raise DataError(
            f"{test.file}: images are {test.images.shape[1:]}, those of {train.file} {train.images.shape[1:]}"
        )
    if size is not None and train.images.shape[1] != size:
        raise DataError(f"{source}: its images have {train.images.shape[1]} px, not the {size} px that --size asks for")
    return TrainingData(train, test, "as published", source=source)


def load_test(
    source: Path | None, classes: tuple[str, ...], size: int, *, split_seed: int = 0, whole: bool | None = False
) -> tuple[GalaxyDataset, tuple[UnreadableFile, ...]]:
    """Load the images to test a network on.

    Parameters
    ----------
    source : pathlib.Path or None
        As for `load_data`, or a single HDF5 file. A training set is not needed.
    classes : tuple of str
        The network's classes, which labels are converted to indices of.
    size : int
        The network's input height and width, in pixels.
    split_seed : int, optional
        Seed of the random split that the training used.
    whole : bool or None, optional
        Take all image files, not only the test part; None to do so if the files do not say which that is.

    Returns
    -------
    dataset : GalaxyDataset
        The images.
    unreadable : tuple of UnreadableFile
        Image files that were left out.

    Raises
    ------
    DataError
        If the data are missing or damaged, or have other classes.
    """
    source = _given_or_cached(source)
    files = _labelled_files(source)
    if files is not None:
        unknown = sorted({file.label for file in files} - set(classes))
        if unknown:
            raise DataError(f"{source}: the network has no class {', '.join(unknown)}; it has {', '.join(classes)}")
        if whole or (whole is None and not any(file.split for file in files)):
            dataset, unreadable = read_files(files, classes, size, source.name)
            return replace(dataset, weights=None), tuple(unreadable)
        parts = _split_files(files, classes, source, size, split_seed, strict=False)
        return parts.test, parts.unreadable
    test = load_file(source if source.is_file() else find_split(source, "test", size))
    if test.classes != classes:
        raise DataError(f"{test.file}: has the classes {', '.join(test.classes)}, the network {', '.join(classes)}")
    if test.images.shape[1] != size:
        raise DataError(f"{test.file}: images have {test.images.shape[1]} px, the network wants {size} px")
    return test, ()


def read_weights(table: Path, data: TrainingData) -> TrainingData:
    """Read the weights of a training set's images from a CSV file.

    Parameters
    ----------
    table : pathlib.Path
        Column ``weight``, one row for each image of the training set, in its order; 0 leaves an image out.
    data : TrainingData
        Training and test set.

    Returns
    -------
    TrainingData
        The same sets, with these weights on the training set.

    Raises
    ------
    DataError
        If the table cannot be read, or does not fit the training set.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            if "weight" not in (rows.fieldnames or ()):
                raise DataError(f"{table}: has no column weight")
            weights = np.array([float(row["weight"]) for row in rows], np.float32)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError) as error:
        raise DataError(f"{table}: cannot be read as a table of weights: {error}") from None
    if len(weights) != len(data.train.images):
        raise DataError(
            f"{table}: has {len(weights):,} weights, {data.train.file} has {len(data.train.images):,} images"
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise DataError(f"{table}: weights must be finite and from 0 upwards, and one at least above 0")
    return replace(data, train=replace(data.train, weights=weights))


def read_unlabelled(path: Path, data: TrainingData) -> NDArray[np.uint8]:
    """Read further images, without labels, for a distillation.

    Parameters
    ----------
    path : pathlib.Path
        HDF5 file with a data set ``images``; labels are ignored.
    data : TrainingData
        Training and test set, whose image size must match.

    Returns
    -------
    ndarray of uint8, shape (N, size, size, 3)
        RGB pixels.

    Raises
    ------
    DataError
        If the file cannot be read, or its images have another size.
    """
    images, _ = read_hdf5(path)
    if images.shape[1:] != data.train.images.shape[1:]:
        size = data.train.images.shape[1]
        raise DataError(f"{path}: has images of {images.shape[1]} px, {data.train.file} has {size} px")
    return images


def _given_or_cached(source: Path | None) -> Path:
    if source is None:
        source = cache_folder()
        if not any((source / folder).is_dir() for folder in FOLDERS.values()):
            raise DataError(
                f"{source}: holds no GalaxyMNIST yet; fetch it with  galaxy-train download , or name a data set with "
                "--data"
            )
    if not source.exists():
        raise DataError(f"{source}: no such file or folder; --data names a data set (see galaxy-train fit --help)")
    return source


def _labelled_files(source: Path) -> list[LabelledFile] | None:
    """List labelled image files; return None if the images are in HDF5 files."""
    if source.is_file():
        return list_csv(source) if source.suffix.lower() == ".csv" else None
    if not holds_hdf5(source) and (source / LABELS_FILE).is_file():
        return list_csv(source / LABELS_FILE)
    return list_class_folders(source) if not holds_hdf5(source) and has_class_folders(source) else None


def _split_files(
    files: Sequence[LabelledFile],
    classes: tuple[str, ...],
    source: Path,
    size: int,
    split_seed: int,
    *,
    strict: bool,
) -> TrainingData:
    if len(classes) < 2:
        raise DataError(f"{source}: images are of {len(classes)} class, there must be two or more")
    if fault := class_fault(classes):
        raise DataError(f"{source}: {fault}; give it another name")
    dataset, unreadable = read_files(files, classes, size, source.name)
    if unreadable and strict:
        raise DataError(
            f"{unreadable[0].path}: {unreadable[0].reason}; {len(unreadable)} of {len(files)} images cannot be read, "
            "and --strict allows none"
        )
    missing = {file.path for file in unreadable}
    kept = [file for file in files if file.path not in missing]
    if kept[0].split:
        is_test = np.array([file.split == "test" for file in kept])
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
        split = "as given"
    else:
        train, test = hold_out(dataset.labels, TEST_FRACTION, split_seed)
        split = f"{TEST_FRACTION:.0%} of each class at random, seed {split_seed}"
    # Files are sorted by class, but the recipe mlp holds out the last part: shuffle, so that it has all classes.
    np.random.default_rng(split_seed).shuffle(train)
    parts = TrainingData(
        replace(dataset.subset(train), file=f"{source.name}:train"),
        replace(dataset.subset(test), file=f"{source.name}:test", weights=None),
        split,
        split_seed,
        tuple(unreadable),
        source,
    )
    for part in (parts.train, parts.test):
        absent = [name for name, count in part.images_per_class().items() if not count]
        if absent:
            raise DataError(f"{source}: {part.file} has no readable image of {', '.join(absent)}")
    return parts
