"""Load the samples that models are compared on."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.extras import require_extra
from galaxy_classify.text import one_line
from galaxy_export.gate.batches import Arrays
from galaxy_export.gate.inputs.images import load_images
from galaxy_export.gate.models.model import Model

HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE: Final = b"PK"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Samples: an array for each input of the candidate, where they come from, and how many were left out."""

    arrays: Arrays
    origin: str
    left_out: int = 0


def load_inputs(
    path: Path, candidate: Model, chosen: Iterable[tuple[str, str]] = (), white: float | None = None
) -> Inputs:
    """Load the arrays that a model takes from an NPZ or HDF5 file, or make them of a folder of images.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.
    candidate : Model
        The model that is to take them. A function takes all arrays of a file.
    chosen : iterable of (str, str)
        Names of the candidate and of the reference that belong together: arrays may have either.
    white : float, optional
        The value of white, for floating-point inputs that are made of images.

    Raises
    ------
    DataError
        If the file is missing, damaged or empty, or lacks an input.
    """
    if path.is_dir():
        arrays, left_out = load_images(path, candidate, white)
        return Inputs(arrays, path.name, left_out)
    try:
        with path.open("rb") as file:
            start = file.read(len(HDF5_SIGNATURE))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    if start == HDF5_SIGNATURE:
        arrays = _read_hdf5(path, candidate, chosen)
    elif start.startswith(ZIP_SIGNATURE):
        arrays = _read_npz(path, candidate, chosen)
    else:
        raise DataError(f"{path}: is neither an NPZ nor an HDF5 file nor a folder of images")
    return Inputs(check_samples(arrays, str(path)), path.name)


def given_inputs(given: Any, candidate: Model, chosen: Iterable[tuple[str, str]] = ()) -> Inputs:
    """Return inputs that are given as arrays: by name, or one array for a model with one input."""
    if not isinstance(given, Mapping):
        given = {candidate.inputs[0].name if candidate.inputs else "x": given}
    try:
        arrays = {name: np.asarray(array) for name, array in given.items()}
    except ValueError as error:  # of lists of different lengths
        raise DataError(f"the inputs: cannot be read as arrays: {one_line(error)}") from None
    found = {name: arrays[key] for name, key in _keys(list(arrays), candidate, chosen, "the inputs").items()}
    return Inputs(check_samples(found, "the inputs"), "the given inputs")


def check_samples(arrays: Arrays, origin: str) -> Arrays:
    """Check that arrays have a row for each sample, and as many of them.

    Raises
    ------
    DataError
        If they have not, or hold other values than numbers and text.
    """
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray | np.generic):  # a file in a ZIP that is no .npy, or an HDF5 string
            raise DataError(f"{origin}: {name!r} is no array, but {type(array).__name__}; inputs are numbers or text")
        if array.dtype.kind not in "fiubUSO":
            raise DataError(f"{origin}: {name!r} is {array.dtype}; inputs are numbers or text")
    rows = {name: len(array) for name, array in arrays.items() if array.ndim}
    if not rows:
        raise DataError(f"{origin}: has no array with a row for each sample")
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} {count:,}" for name, count in rows.items())
        raise DataError(f"{origin}: the arrays have different numbers of samples: {counts}")
    if not next(iter(rows.values())):
        raise DataError(f"{origin}: holds no samples")
    return arrays


def _keys(known: list[str], candidate: Model, chosen: Iterable[tuple[str, str]], origin: str) -> dict[str, str]:
    """Return which array each input of the candidate takes."""
    if candidate.inputs is None:
        return {name: name for name in known}
    others = dict(chosen)
    names = [spec.name for spec in candidate.inputs]
    if len(names) == len(known) == 1:
        return {names[0]: known[0]}
    keys = {}
    for name in names:
        key = next((each for each in (name, others.get(name)) if each in known), None)
        if key is None:
            raise DataError(
                f"{origin}: has no array for the candidate's input {name!r}; it has {', '.join(known) or 'none'}; name "
                "one of them so"
            )
        keys[name] = key
    return keys


def _read_npz(path: Path, candidate: Model, chosen: Iterable[tuple[str, str]]) -> Arrays:
    try:
        # np.load itself leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return {
                name: content[key] for name, key in _keys(list(content.files), candidate, chosen, str(path)).items()
            }
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise DataError(f"{path}: cannot be read as NPZ: {one_line(error)}") from None


def _read_hdf5(path: Path, candidate: Model, chosen: Iterable[tuple[str, str]]) -> Arrays:
    require_extra("export", ("h5py",))
    import h5py

    try:
        with h5py.File(path, "r") as content:
            known: dict[str, Any] = {}

            def note(name: str | bytes, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    known[name if isinstance(name, str) else repr(name)] = item

            content.visititems(note)
            return {
                name: _values(h5py, known[key])
                for name, key in _keys(list(known), candidate, chosen, str(path)).items()
            }
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as HDF5: {one_line(error)}") from None


def _values(h5py: Any, dataset: Any) -> NDArray[Any]:
    """Return the values of a data set of an HDF5 file; text is stored as bytes there."""
    is_text = h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.kind == "O"
    return dataset.asstr()[()] if is_text else dataset[()]  # type: ignore[no-any-return]
