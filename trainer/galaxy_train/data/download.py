"""Download the official GalaxyMNIST files into the folder layout of the galaxy_mnist package."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import h5py

from galaxy_classify.errors import DataError
from galaxy_train.data.galaxy_mnist import SPLITS, raw_folder, split_file
from galaxy_train.data.http_file import Progress, cannot_write, fetch, file_md5


@dataclass(frozen=True, slots=True)
class Resource:
    """An official file: its path below `SERVER`, and the MD5 of the compressed file."""

    path: str
    md5: str


SERVER: Final = "https://dl.dropboxusercontent.com/s/"


#: By resolution in pixels and split, as galaxy_mnist.py of github.com/mwalmsley/galaxy_mnist lists them.
RESOURCES: Final = {
    (64, "train"): Resource("5a14de0o7slyif9/train_dataset.hdf5.gz", "e408ae294e9b975482dc1abffeb373a6"),
    (64, "test"): Resource("5rza12nn24cwd2k/test_dataset.hdf5.gz", "7a940e4cea64a8b7cb60339098f74490"),
    (224, "train"): Resource("xenuo0ekgyi10ru/train_dataset.hdf5.gz", "3391dcddac14d5b4055db73fb600ae63"),
    (224, "test"): Resource("lczri4sb4bbcgyh/test_dataset.hdf5.gz", "fb272c4e94000b4d99a09d638977b0b9"),
}


def download(root: Path, resolution: int, announce: Callable[[str], None], *, server: str = SERVER) -> list[Path]:
    """Download both splits of GalaxyMNIST, or what is missing of them.

    Parameters
    ----------
    root : pathlib.Path
        Root folder in the sense of galaxy_mnist; the files go to ``GalaxyMNIST/raw`` (64 px) or
        ``GalaxyMNISTHighrez/raw`` (224 px) below it.
    resolution : {64, 224}
        Edge of the images in pixels.
    announce : callable
        Called with one line per file.
    server : str, optional
        URL of the official server, or of a mirror with the same paths.

    Returns
    -------
    list of pathlib.Path
        The two HDF5 files.

    Raises
    ------
    DataError
        If a file cannot be downloaded, has another checksum than the official one, or cannot be written.
    """
    if not server.startswith(("https://", "http://")):
        raise DataError(f"{server}: is not an address that begins with https:// or http://")
    files = []
    for split in SPLITS:
        resource = RESOURCES[resolution, split]
        target = raw_folder(root, resolution) / split_file(split)
        files.append(target)
        if target.is_file():
            if _is_readable(target):
                announce(f"{target}: is there already")
                continue
            announce(f"{target}: is damaged, and is downloaded again")
        packed = target.with_name(target.name + ".gz")
        if packed.is_file() and file_md5(packed) == resource.md5:  # the galaxy_mnist package keeps it
            _unpack(packed, target)
        else:
            with _progress(f"{split} ({resolution} px)") as progress:
                fetch(server.rstrip("/") + "/" + resource.path, packed, resource.md5, progress)
            _unpack(packed, target)
            packed.unlink()
        announce(f"{target}: downloaded, the checksum is right")
    return files


def _is_readable(file: Path) -> bool:
    """Tell whether HDF5 can open a file and finds its data sets; no checksum of unpacked files is published."""
    try:
        with h5py.File(file, "r") as content:
            return {"images", "labels"} <= set(content)
    except OSError:
        return False


def _unpack(packed: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    try:
        with gzip.open(packed, "rb") as source, partial.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        os.replace(partial, target)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{packed}: cannot be unpacked: {error}") from None
    except OSError as error:
        raise cannot_write(target, error) from None
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _progress(what: str) -> Iterator[Progress]:
    """Show a progress bar with size, speed and time left; nothing if stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from galaxy_classify.cli.progress import terminal_bar

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with terminal_bar(*columns) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
