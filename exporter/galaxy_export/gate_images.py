"""Load the images that an export is checked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError, ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.inputs.discovery import Discovery
from galaxy_train.data.galaxy_mnist import SPLITS
from galaxy_train.data.hdf5 import find_split, read_hdf5
from galaxy_train.data.image_files import LABELS_FILE, has_class_folders, list_csv
from galaxy_train.data.load import load_test

#: With fewer images the largest difference says little about rounding errors.
MIN_IMAGES = 32


@dataclass(frozen=True, slots=True)
class GateImages:
    """Galaxy images in the model's input size.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (N, height, width, 3)
        RGB pixels.
    labels : ndarray of int64, shape (N,), or None
        Class indices, if known.
    origin : str
        Name of their file or folder.
    unreadable : int
        Number of files that could not be decoded and were left out.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    origin: str
    unreadable: int = 0

    def require_labels(self) -> NDArray[np.int64]:
        """Return the labels, which the int8 guard needs to measure accuracy and calibration.

        Raises
        ------
        DataError
            If the images have none.
        """
        if self.labels is None:
            raise DataError(
                f"{self.origin}: has no labels, which are needed to measure the accuracy of int8; give an HDF5 "
                "file with labels, or a folder with a labels.csv (file,label)"
            )
        return self.labels


def load_gate_images(path: Path, size: tuple[int, int], classes: tuple[str, ...]) -> GateImages:
    """Load the images for the parity gate.

    Parameters
    ----------
    path : pathlib.Path
        An HDF5 file in GalaxyMNIST's layout, or any data set that a network can be trained on, of which the test part
        is taken if there is one; or a folder of image files without labels. Image files are preprocessed as in the
        runtime.
    size : tuple of (int, int)
        The model's input height and width, in pixels.
    classes : tuple of str
        The model's class names.

    Returns
    -------
    GateImages
        At least `MIN_IMAGES` images.

    Raises
    ------
    DataError
        If there are too few images, or they cannot be used.
    """
    if path.is_dir():
        found = _from_folder(path, size, classes)
    elif path.is_file():
        found = _from_csv(path, size, classes) if path.suffix.lower() == ".csv" else _from_hdf5(path)
    else:
        raise DataError(f"{path}: no such file or folder; --images names an HDF5 file or a folder of galaxy images")
    if len(found.pixels) < MIN_IMAGES:
        raise DataError(f"{path}: {len(found.pixels)} usable images, the parity gate needs {MIN_IMAGES} or more")
    if found.pixels.shape[1:3] != size:
        raise DataError(f"{path}: images are {found.pixels.shape[1:3]}, the model wants {size}")
    return found


def _from_hdf5(path: Path) -> GateImages:
    images, labels = read_hdf5(path)
    return GateImages(images, None if labels is None else labels.astype(np.int64), path.name)


def _from_csv(path: Path, size: tuple[int, int], classes: tuple[str, ...]) -> GateImages:
    found, unreadable = load_test(path, classes, size[0], whole=None)
    return GateImages(found.images, found.labels.astype(np.int64), path.name, len(unreadable))


def _from_folder(folder: Path, size: tuple[int, int], classes: tuple[str, ...]) -> GateImages:
    paths = list(Discovery().paths([str(_test_part(folder))], stdin=()))
    if not paths:
        return _from_hdf5(find_split(folder, "test", size[0]))
    decoder = Decoder(Resizer(size, Preprocessing()))
    pixels: dict[str, NDArray[np.uint8]] = {}
    for path in paths:
        try:
            pixels[path] = decoder.read(path).pixels
        except ImageError:
            continue
    if not pixels:
        raise DataError(f"{folder}: none of its {len(paths)} images can be read")
    labels = _find_labels(folder, [Path(path) for path in pixels], classes)
    return GateImages(np.stack(list(pixels.values())), labels, folder.name, len(paths) - len(pixels))


def _test_part(folder: Path) -> Path:
    """Return the folder of the test images, where class folders are split into ``train`` and ``test``."""
    parts = [folder / split for split in SPLITS]
    return folder / "test" if all(map(has_class_folders, parts)) else folder


def _find_labels(folder: Path, paths: list[Path], classes: tuple[str, ...]) -> NDArray[np.int64] | None:
    """Read the labels from the folder's ``labels.csv``, or from the names of class folders."""
    file = folder / LABELS_FILE
    if not file.is_file():
        names = [path.parent.name for path in paths]
        return np.array([classes.index(name) for name in names], np.int64) if set(names) <= set(classes) else None
    labels = {labelled.path: labelled.label for labelled in list_csv(file)}
    for path in paths:
        if labels.get(path) not in classes:
            raise DataError(
                f"{file}: gives {path.name} the label {labels.get(path)!r}, not one of {', '.join(classes)}"
            )
    return np.array([classes.index(labels[path]) for path in paths], np.int64)
