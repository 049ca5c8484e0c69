"""Read labelled image files: class folders, or a CSV file that lists images and their classes."""

from __future__ import annotations

import csv
import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.cli.progress import progress
from galaxy_classify.defaults import NO_CLASS
from galaxy_classify.errors import DataError, ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES, Preprocessing
from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.parallel import available_threads, ordered_map
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.galaxy_mnist import SPLITS


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """An image file with its class name, its split (``train``, ``test``, or empty) and its weight in training."""

    path: Path
    label: str
    split: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """An image file that cannot be decoded, and the reason."""

    path: Path
    reason: str


#: Table of a folder's images and their classes (``file,label``).
LABELS_FILE: Final = "labels.csv"


def has_class_folders(folder: Path) -> bool:
    """Tell whether a folder has class folders, directly or in ``train``."""
    return bool(_folders(folder / "train") or _folders(folder))


def list_class_folders(folder: Path) -> list[LabelledFile]:
    """List the images in ``train/<class>/`` and ``test/<class>/``, or in ``<class>/``, sorted by class and path.

    Raises
    ------
    DataError
        If there is a ``train`` without a ``test``, or the reverse.
    """
    present = [split for split in SPLITS if _folders(folder / split)]
    if not present:
        return list(_in_class_folders(folder, ""))
    if len(present) == 1:
        missing = next(split for split in SPLITS if split not in present)
        raise DataError(
            f"{folder}: has {present[0]}/<class>/ but no {missing}/<class>/ with images of the same classes"
        )
    return [file for split in SPLITS for file in _in_class_folders(folder / split, split)]


def list_csv(table: Path) -> list[LabelledFile]:
    """List the images in a CSV file.

    Parameters
    ----------
    table : pathlib.Path
        Columns ``file``, relative to the table's folder, and ``label``; optionally ``split`` (train or test) and
        ``weight`` (0 leaves an image out of the training). Instead of ``file`` it may have ``path``, as verdicts that
        the page of ``galaxy-classify --report`` saves: relative to the table's folder or, if there is no such file, to
        the current one. Of such a table, rows without a label and those of none of the classes are left out.

    Raises
    ------
    DataError
        If the table cannot be read, or a row is incomplete or invalid; the message names the line.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            names = rows.fieldnames or ()
            column = "file" if "file" in names else "path"
            if not {column, "label"} <= set(names):
                raise DataError(f"{table}: has no columns file and label, nor path and label")
            files = [
                _from_row(table, rows.line_num, row, column)
                for row in rows
                if column == "file" or (row["label"] or "").strip() not in ("", NO_CLASS)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: cannot be read as CSV: {error}") from None
    if not files:
        raise DataError(f"{table}: has no row with a label of a class")
    if {file.split for file in files} not in ({""}, set(SPLITS)):
        raise DataError(f"{table}: the column split must be train or test in every row, both must occur, or be empty")
    return files


def class_names(files: Iterable[LabelledFile]) -> tuple[str, ...]:
    """Return the class names: GalaxyMNIST's in their own order, any others sorted.

    Examples
    --------
    >>> class_names([LabelledFile(Path("a.jpg"), "spiral"), LabelledFile(Path("b.jpg"), "round")])
    ('round', 'spiral')
    """
    found = {file.label for file in files}
    return GALAXY_MNIST_CLASSES if found == set(GALAXY_MNIST_CLASSES) else tuple(sorted(found))


def read_files(
    files: Sequence[LabelledFile], classes: tuple[str, ...], size: int, name: str
) -> tuple[GalaxyDataset, list[UnreadableFile]]:
    """Decode and resize images as the runtime does, and leave out those that cannot be read.

    Parameters
    ----------
    files : sequence of LabelledFile
        At least one.
    classes : tuple of str
        Class names; they include every file's label.
    size : int
        Height and width to resize the images to, in pixels.
    name : str
        Name of the data set.

    Returns
    -------
    dataset : GalaxyDataset
        The images, in the order of the files.
    unreadable : list of UnreadableFile
        Files that were left out.

    Raises
    ------
    DataError
        If no image can be read.
    """
    pixels: list[NDArray[np.uint8]] = []
    kept: list[LabelledFile] = []
    unreadable: list[UnreadableFile] = []

    decoder = Decoder(Resizer((size, size), Preprocessing()))

    def read(file: LabelledFile) -> NDArray[np.uint8] | UnreadableFile:
        try:
            return decoder.read(str(file.path)).pixels
        except ImageError as error:
            return UnreadableFile(file.path, str(error))

    with progress(enabled=True, total=lambda: len(files)) as advance:
        for file, result in zip(files, ordered_map(read, files, available_threads()), strict=True):
            if isinstance(result, UnreadableFile):
                unreadable.append(result)
            else:
                pixels.append(result)
                kept.append(file)
            advance()
    if not pixels:
        raise DataError(f"{name}: none of its {len(files)} images can be read, the first: {unreadable[0].reason}")
    images = np.stack(pixels)
    labels = np.array([classes.index(file.label) for file in kept], np.int64)
    weights = np.array([file.weight for file in kept], np.float32)
    dataset = GalaxyDataset(
        images,
        labels,
        classes,
        name,
        _sha256(images, labels),
        None if (weights == 1).all() else weights,
        tuple(str(file.path) for file in kept),
    )
    return dataset, unreadable


def _folders(folder: Path) -> list[Path]:
    """Return the class folders in a folder: subfolders with image files, except hidden ones."""
    if not folder.is_dir():
        return []
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and any(Discovery().paths([str(entry)], ()))
    )


def _in_class_folders(folder: Path, split: str) -> Iterable[LabelledFile]:
    for class_folder in _folders(folder):
        for path in Discovery().paths([str(class_folder)], ()):
            yield LabelledFile(Path(path), class_folder.name, split)


def _from_row(table: Path, line: int, row: dict[str, Any], column: str) -> LabelledFile:
    file, label = (row[column] or "").strip(), (row["label"] or "").strip()
    if not file or not label:
        raise DataError(f"{table}: line {line} has no {'label' if file else column}")
    try:
        weight = float(row.get("weight") or 1)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise DataError(f"{table}: line {line} has the weight {row['weight']!r}, not a number from 0 upwards")
    path = table.parent / file
    if column == "path" and not os.path.exists(path) and os.path.exists(file):
        path = Path(file)
    return LabelledFile(path, label, (row.get("split") or "").strip(), weight)


def _sha256(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    digest = hashlib.sha256(images.tobytes())
    digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
