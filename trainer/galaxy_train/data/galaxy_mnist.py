"""Names and folders of GalaxyMNIST's files, as the galaxy_mnist package has them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SPLITS: Final = ("train", "test")


#: Folder by resolution in pixels; the galaxy_mnist package names each after the class that reads it.
FOLDERS: Final = {64: "GalaxyMNIST", 224: "GalaxyMNISTHighrez"}


def cache_folder() -> Path:
    """Return the default folder for downloads, in the user's cache."""
    import platformdirs  # of an extra, and not needed with --data

    return platformdirs.user_cache_path("galaxy-classify", appauthor=False)


def raw_folder(root: Path, resolution: int) -> Path:
    """Return the folder below `root` for the files of a resolution in pixels, 64 or 224.

    Examples
    --------
    >>> raw_folder(Path("data"), 224).as_posix()
    'data/GalaxyMNISTHighrez/raw'
    """
    return root / FOLDERS[resolution] / "raw"


def split_file(split: str) -> str:
    """Return the name of a split's file.

    Examples
    --------
    >>> split_file("train")
    'train_dataset.hdf5'
    """
    return f"{split}_dataset.hdf5"
