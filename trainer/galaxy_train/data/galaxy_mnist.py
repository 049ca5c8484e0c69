"""GalaxyMNIST's files: their names, and where the galaxy_mnist package and this one keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SPLITS: Final = ("train", "test")


#: The galaxy_mnist package names the folder after the class that reads it.
FOLDERS: Final = {64: "GalaxyMNIST", 224: "GalaxyMNISTHighrez"}


def cache_folder() -> Path:
    """Return the folder that downloads go to when none is named, the user's cache folder."""
    import platformdirs  # of an extra; not needed by those who name a folder

    return platformdirs.user_cache_path("galaxy-classify", appauthor=False)


def raw_folder(root: Path, resolution: int) -> Path:
    """Return where the galaxy_mnist package keeps its files.

    Parameters
    ----------
    root : pathlib.Path
        Folder that it was given.
    resolution : {64, 224}
        Edge of the images in pixels.

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
