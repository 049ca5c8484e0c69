"""Load a user's own outliers, and hold some of each kind out of the training."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.inputs.discovery import Discovery
from galaxy_train.data.hdf5 import read_hdf5
from galaxy_train.data.image_files import (
    LabelledFile,
    UnreadableFile,
    class_names,
    has_class_folders,
    list_class_folders,
    read_files,
)
from galaxy_train.data.splitting import hold_out

#: How a user gives outliers, for messages.
REMEDY: Final = "outliers are a folder of folders by kind, a folder of images, or an HDF5 file with images"


@dataclass(frozen=True, slots=True)
class Outliers:
    """Images by kind, each uint8 (N, size, size, 3), and the files that were left out."""

    kinds: dict[str, NDArray[np.uint8]]
    unreadable: tuple[UnreadableFile, ...] = ()

    def sha256(self) -> str:
        """Return a checksum of the kinds and their images."""
        digest = hashlib.sha256()
        for kind, images in self.kinds.items():
            digest.update(f"{kind} {images.shape} ".encode())
            digest.update(np.ascontiguousarray(images).tobytes())
        return digest.hexdigest()


def load_outliers(paths: Sequence[Path], size: int) -> Outliers:
    """Load images that are none of a network's classes.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Each a folder of folders by kind, a folder of image files, which are one kind of the folder's name, or an HDF5
        file with a data set ``images``, which are one kind of the file's name. Images of the same kind are joined.
    size : int
        Height and width in pixels: image files are resized to it, images in HDF5 files must have it.

    Returns
    -------
    Outliers
        The images by kind, sorted by name, and the image files that cannot be read.

    Raises
    ------
    DataError
        If a path is missing, holds no image that can be read, or holds images of another size; the message names it.
    """
    found: dict[str, list[NDArray[np.uint8]]] = {}
    unreadable: list[UnreadableFile] = []
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; {REMEDY}")
        read = _in_folder(path, size, unreadable) if path.is_dir() else _in_hdf5(path, size)
        for kind, images in read:
            found.setdefault(kind, []).append(images)
    return Outliers({kind: np.concatenate(found[kind]) for kind in sorted(found)}, tuple(unreadable))


def split_outliers(
    kinds: Mapping[str, NDArray[np.uint8]], fraction: float, seed: int
) -> tuple[dict[str, NDArray[np.uint8]], dict[str, NDArray[np.uint8]]]:
    """Hold out a fraction of each kind.

    Parameters
    ----------
    kinds : mapping of str to ndarray
        Images by kind.
    fraction : float
        Fraction to hold out, above 0 and below 1. Of a kind with two images or more, each part gets one at least; a
        kind with a single image is trained on.
    seed : int
        The same seed gives the same split, for each kind whatever others there are.

    Returns
    -------
    train, held_out : dict of str to ndarray
        Images by kind; `held_out` has no kind without images.
    """
    train, held_out = {}, {}
    for kind, images in kinds.items():
        count = len(images)
        # With two images, a small fraction would be rounded to none.
        share = max(fraction, 0.51 / count)
        kept, out = hold_out(np.zeros(count, np.int64), share, zlib.crc32(f"{seed} {kind}".encode()))
        train[kind] = images[kept]
        if len(out):
            held_out[kind] = images[out]
    return train, held_out


def _in_folder(folder: Path, size: int, unreadable: list[UnreadableFile]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the images in a folder by kind; append to `unreadable` what is left out."""
    if has_class_folders(folder):
        files = list_class_folders(folder)
    else:
        files = [LabelledFile(Path(path), folder.resolve().name) for path in Discovery().paths([str(folder)], ())]
    if not files:
        raise DataError(f"{folder}: holds no images; {REMEDY}")
    names = class_names(files)
    dataset, left_out = read_files(files, names, size, str(folder))
    unreadable += left_out
    for index, name in enumerate(names):
        images = dataset.images[dataset.labels == index]
        if not len(images):
            first = next(file.path for file in files if file.label == name)
            reason = next(file.reason for file in left_out if file.path == first)
            raise DataError(f"{folder}: no image of {name} can be read, the first: {first}: {reason}")
        yield name, images


def _in_hdf5(path: Path, size: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the images of an HDF5 file, as one kind."""
    images, _ = read_hdf5(path)
    if images.shape[1] != size:
        raise DataError(f"{path}: has images of {images.shape[1]} px, the training set has {size} px; resize them")
    yield Path(path.name.removesuffix(".gz")).stem, images
