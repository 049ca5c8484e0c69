"""From the command line's inputs to a stream of image paths."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from galaxy_classify.band_files import BandPattern
from galaxy_classify.source import Source

FITS_SUFFIXES: Final = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fz")
#: Suffixes by which a file in a folder is taken for an image. A file named outright needs none of them.
IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", *FITS_SUFFIXES)


@dataclass(slots=True)
class Discovery:
    """Find the images that the inputs stand for, and count what was passed over.

    Parameters
    ----------
    recursive : bool, optional
        Whether folders within folders are searched as well.
    pattern : BandPattern, optional
        Names of files that hold one band each: those of one image are one input.
    skipped : int
        Files in folders that have no image suffix, so far.
    """

    recursive: bool = True
    pattern: BandPattern | None = None
    skipped: int = 0

    def paths(self, inputs: Iterable[str], stdin: Iterable[bytes]) -> Iterator[str]:
        """Yield the path of each image, as `sources` finds them."""
        return (source.path for source in self.sources(inputs, stdin))

    def sources(self, inputs: Iterable[str], stdin: Iterable[bytes]) -> Iterator[Source]:
        """Yield each image.

        Parameters
        ----------
        inputs : iterable of str
            Files, folders, patterns with ``*``, ``?`` or ``[…]`` that the shell has left alone, and ``-`` for a list of
            paths on standard input. Folders are searched in sorted order, and links are followed unless they lead back
            to a folder that is being searched. What does not exist is passed on, so that it gets its row.
        stdin : iterable of bytes
            Lines of standard input: a path a line, in bytes that need not be UTF-8; empty lines do not count.

        Yields
        ------
        Source
            Its path spelled as given; bytes that are not UTF-8 as surrogate escapes.
        """
        names = [name for given in inputs for name in _expand(given)]
        # Below several folders a sorted copy keeps its folder's name, so that two runs do not meet.
        several = sum(map(os.path.isdir, names)) > 1
        files: set[str] = set()
        for name in names:
            if name == "-":
                yield from self.listed(stdin)
            elif os.path.isdir(name):
                prefix = os.path.basename(os.path.abspath(name)) if several else ""
                for path in self._walk(name, ()):
                    yield Source(path, os.path.join(prefix, path[len(name) :].lstrip(os.sep)))
            elif (joined := self._joined(name, files)) is not None:
                yield Source(joined, os.path.basename(joined))

    def listed(self, lines: Iterable[bytes]) -> Iterator[Source]:
        r"""Yield the images of a list: a path a line, in bytes that need not be UTF-8; empty lines do not count.

        Examples
        --------
        >>> [source.path for source in Discovery().listed([b"a.jpg\n", b"\n", b"b.jpg"])]
        ['a.jpg', 'b.jpg']
        """
        files: set[str] = set()
        for line in lines:
            if stripped := line.rstrip(b"\r\n"):
                path = self._joined(os.fsdecode(stripped), files)
                if path is not None:
                    yield Source(path, place_below(path))

    def _joined(self, path: str, before: set[str]) -> str | None:
        """Return the path that the files of all bands go by; None if it was among those before."""
        folder, name = os.path.split(path)
        joined = None if self.pattern is None else self.pattern.joined(name)
        if joined is None:
            return path
        path = os.path.join(folder, joined)
        if path in before:
            return None
        before.add(path)
        return path

    def _walk(self, folder: str, parents: tuple[tuple[int, int], ...]) -> Iterator[str]:
        # Names alone are kept of what may be millions of entries, and of files that are passed over not even those.
        names: list[str] = []
        folders: set[str] = set()
        try:
            status = os.stat(folder)
            if (identity := (status.st_dev, status.st_ino)) in parents:
                return
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _is_folder(entry):
                        if not self.recursive:
                            continue
                        folders.add(entry.name)
                    elif not is_image_name(entry.name):
                        self.skipped += 1
                        continue
                    names.append(entry.name)
        except OSError:
            # The classifier will say why this folder cannot be read: it must not vanish from the output.
            yield folder
            return
        names.sort()
        files: set[str] = set()
        for name in names:
            path = os.path.join(folder, name)
            if name in folders:
                yield from self._walk(path, (*parents, identity))
            elif (joined := self._joined(path, files)) is not None:
                yield joined


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISDIR(entry.stat().st_mode) if entry.is_symlink() else entry.is_dir()
    except OSError:  # a link that leads nowhere
        return False


def is_image_name(name: str) -> bool:
    """Tell whether a file in a folder is taken for an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def place_below(path: str) -> str:
    """Return a path as one below another folder: without its root, and without leading steps upwards.

    Examples
    --------
    >>> place_below("/survey/field_1/../m51.jpg"), place_below("../m51.jpg")
    ('survey/m51.jpg', 'm51.jpg')
    """
    parts = os.path.splitdrive(os.path.normpath(path))[1].split(os.sep)
    return os.path.join("", *(part for part in parts if part not in ("", os.pardir)))


def _expand(name: str) -> list[str]:
    """Expand a pattern that the shell has left alone; a file of that very name comes first."""
    if os.path.lexists(name) or not glob.has_magic(name):
        return [name]
    return sorted(glob.glob(name, recursive=True)) or [name]
