"""Read data sets in GalaxyMNIST's HDF5 layout.

``images`` is uint8 (N, height, width, 3), RGB; ``labels`` is uint8 (N,), an index into GalaxyMNIST's classes. The files
are ``train_dataset.hdf5`` and ``test_dataset.hdf5``, plain or compressed as ``.hdf5.gz``, in the given folder or where
the galaxy_mnist package puts them below it.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import h5py
import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_train.checksum import file_sha256
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.galaxy_mnist import FOLDERS, SPLITS, raw_folder, split_file


def holds_hdf5(folder: Path) -> bool:
    """Tell whether a folder holds HDF5 files in GalaxyMNIST's layout."""
    return any(_candidates(folder, split, size) for split in SPLITS for size in FOLDERS)


def find_split(folder: Path, split: str, size: int | None = None) -> Path:
    """Find the file of a split.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with the files, or root folder of the galaxy_mnist package.
    split : {"train", "test"}
        Name of the split.
    size : int, optional
        Resolution of GalaxyMNIST to look for below the root folder; by default 64 if present, otherwise 224.

    Returns
    -------
    pathlib.Path
        The file; an uncompressed one comes first.

    Raises
    ------
    DataError
        If there is none; the message lists the accepted names and places.
    """
    sizes = list(FOLDERS) if size is None else [size]
    found = [path for size in sizes for path in _candidates(folder, split, size)]
    if not found:
        name = split_file(split)
        below = " or ".join(str(raw_folder(Path(), size)) for size in sizes if size in FOLDERS)
        raise DataError(
            f"{folder}: holds no {name} or {name}.gz, neither directly nor under {below or raw_folder(Path(), 64)}, "
            "and no class folders with images"
        )
    return found[0]


def _candidates(folder: Path, split: str, size: int) -> list[Path]:
    names = [split_file(split) + suffix for suffix in ("", ".gz")]
    parents = [folder, *([raw_folder(folder, size)] if size in FOLDERS else [])]
    return [parent / name for parent in parents for name in names if (parent / name).is_file()]


def load_file(path: Path) -> GalaxyDataset:
    """Read one labelled HDF5 file in GalaxyMNIST's layout.

    Parameters
    ----------
    path : pathlib.Path
        The file, ``.hdf5`` or ``.hdf5.gz``.

    Returns
    -------
    GalaxyDataset
        Images and labels, in memory.

    Raises
    ------
    DataError
        If the file is missing, damaged, or not in GalaxyMNIST's layout; the message names it.
    """
    images, labels = read_hdf5(path)
    if labels is None:
        raise DataError(f"{path}: has no data set 'labels'")
    return GalaxyDataset(images, labels, GALAXY_MNIST_CLASSES, path.name, file_sha256(path))


def read_hdf5(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Read the images of an HDF5 file and, if it has them, the labels.

    Parameters
    ----------
    path : pathlib.Path
        The file, ``.hdf5`` or ``.hdf5.gz``.

    Returns
    -------
    images : ndarray of uint8, shape (N, size, size, 3)
        RGB pixels.
    labels : ndarray of uint8, shape (N,), or None
        Index into GalaxyMNIST's classes.

    Raises
    ------
    DataError
        If the file is missing, damaged, or not in GalaxyMNIST's layout; the message names it.
    """
    try:
        with _uncompressed(path) as file, h5py.File(file, "r") as content:
            if not isinstance(content.get("images"), h5py.Dataset):
                raise DataError(f"{path}: has no data set 'images'")
            _check_images(path, content["images"])
            if "labels" not in content:
                return content["images"][()], None
            _check_labels(path, content["labels"], len(content["images"]))
            return content["images"][()], content["labels"][()]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as HDF5: {' '.join(str(error).split())}; download it again") from None


@contextmanager
def _uncompressed(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for HDF5, which must seek: a compressed file is unpacked into a temporary one."""
    if path.suffix != ".gz":
        with path.open("rb") as plain:
            yield plain
        return
    with tempfile.TemporaryFile() as unpacked:
        with gzip.open(path, "rb") as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.seek(0)
        yield unpacked


def _check_images(path: Path, images: h5py.Dataset) -> None:
    if images.dtype != np.uint8:
        raise DataError(f"{path}: images are {images.dtype}, not uint8")
    if images.ndim != 4 or images.shape[3] != 3 or images.shape[1] != images.shape[2]:
        raise DataError(f"{path}: images have shape {images.shape}, not (N, size, size, 3)")
    if not len(images):
        raise DataError(f"{path}: holds no images")


def _check_labels(path: Path, labels: h5py.Dataset, images: int) -> None:
    if labels.dtype != np.uint8:
        raise DataError(f"{path}: labels are {labels.dtype}, not uint8")
    if labels.ndim != 1:
        raise DataError(f"{path}: labels have shape {labels.shape}, not (N,)")
    if len(labels) != images:
        raise DataError(f"{path}: {images} images, but {len(labels)} labels")
    largest, classes = int(labels[()].max()), len(GALAXY_MNIST_CLASSES)
    if largest >= classes:
        raise DataError(f"{path}: labels reach {largest}, but there are only the classes 0 to {classes - 1}")
