"""From the command line's inputs to a stream of image paths."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from galaxy_classify.errors import GalaxyClassifyError
from galaxy_classify.images.fits.band_files import BandPattern
from galaxy_classify.inputs.names import (
    is_archive_name,
    is_image_name,
    is_parquet_name,
    place_below,
)
from galaxy_classify.inputs.remote import is_remote, remote_source, remote_sources
from galaxy_classify.inputs.source import Source, Unreadable

REMOTE_BANDS: Final = Unreadable("files of several bands are joined in local folders only")


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
        Files in folders and archives that have no image suffix, so far.
    containers : bool, optional
        Whether archives, and Parquet files that are named outright, stand for the images in them.
    image_column : str, optional
        Column of images of the Parquet files.
    empty : int
        Containers without an image, so far.
    listed_files : int
        Files that are known so far, those of a folder before the first of them is yielded.
    unlisted : int
        Inputs and folders that hold an unknown number of images.
    """

    recursive: bool = True
    pattern: BandPattern | None = None
    skipped: int = 0
    containers: bool = False
    image_column: str | None = None
    empty: int = 0
    listed_files: int = 0
    unlisted: int = 0

    @property
    def total(self) -> int | None:
        """Number of images, as soon as the folders have been listed; None as long as it is unknown."""
        return None if self.unlisted or self.pattern is not None else self.listed_files

    def paths(self, inputs: Iterable[str], stdin: Iterable[bytes]) -> Iterator[str]:
        """Yield the path of each image, as `sources` finds them."""
        return (source.path for source in self.sources(inputs, stdin))

    def sources(self, inputs: Iterable[str], stdin: Iterable[bytes]) -> Iterator[Source]:
        """Yield each image.

        Parameters
        ----------
        inputs : iterable of str
            Files, folders, URLs of objects and prefixes, patterns with ``*``, ``?`` or ``[…]`` that the shell has left
            alone, and ``-`` for a list of paths on standard input. Folders are searched in sorted order, and links are
            followed unless they lead back to a folder that is being searched. What does not exist is passed on, so
            that it gets its row.
        stdin : iterable of bytes
            Lines of standard input: a path a line, in bytes that need not be UTF-8; empty lines do not count.

        Yields
        ------
        Source
            Its path spelled as given; bytes that are not UTF-8 as surrogate escapes.
        """
        names = [name for given in inputs for name in _expand(given)]
        several = 0
        for name in names:
            is_folder = os.path.isdir(name) or is_remote(name)
            several += is_folder
            if is_folder or name == "-" or self._is_container(name, outright=True):
                self.unlisted += 1
            else:
                self.listed_files += 1
        files: set[str] = set()
        for name in names:
            if name == "-":
                yield from self.listed(stdin)
            elif os.path.isdir(name):
                # Below several folders a sorted copy keeps its folder's name, so that two runs do not meet.
                prefix = os.path.basename(os.path.abspath(name)) if several > 1 else ""
                for path in self._walk(name, ()):
                    yield from self._inputs_of(path, os.path.join(prefix, path[len(name) :].lstrip(os.sep)))
            elif is_remote(name):
                folder = place_below(name.rstrip("/").rpartition("/")[2]) if several > 1 else ""
                for source in remote_sources(name, folder=folder, recursive=self.recursive, skip=self._skip):
                    yield self._unjoined(source)
            elif (joined := self._joined(name, files)) is not None:
                yield from self._inputs_of(joined, os.path.basename(joined), outright=True)

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
                given = os.fsdecode(stripped)
                if is_remote(given):
                    yield self._unjoined(remote_source(given))
                elif (path := self._joined(given, files)) is not None:
                    yield from self._inputs_of(path, place_below(path), outright=True)

    def _inputs_of(self, path: str, place: str, *, outright: bool = False) -> Iterator[Source]:
        """Yield a file, or the images in it if it is a container."""
        if not self._is_container(path, outright=outright):
            yield Source(path, place)
            return
        from galaxy_classify.inputs.containers.open import container_sources  # brings along what few runs need

        found = False
        try:
            for source in container_sources(path, place=place, image_column=self.image_column, skip=self._skip):
                found = True
                yield source
        except GalaxyClassifyError as error:  # in a list of many files, one that holds no images must not end the run
            yield Source(path, place, content=Unreadable(str(error)))
        else:
            self.empty += not found

    def _unjoined(self, source: Source) -> Source:
        """Return a remote input; if it is a file of one band, the other bands would be missing."""
        joined = None if self.pattern is None else self.pattern.joined(os.path.basename(source.path))
        return source if joined is None else replace(source, content=REMOTE_BANDS)

    def _is_container(self, path: str, *, outright: bool = False) -> bool:
        """Tell whether a file stands for the images in it; tables in folders may be results, and do not."""
        return self.containers and (is_archive_name(path) or (outright and is_parquet_name(path)))

    def _skip(self) -> None:
        self.skipped += 1

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
        archives = 0
        self.unlisted -= 1
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
                    elif self._is_container(entry.name):
                        archives += 1
                    elif not is_image_name(entry.name):
                        self.skipped += 1
                        continue
                    names.append(entry.name)
        except OSError:
            # The classifier will say why this folder cannot be read: it must not vanish from the output.
            self.listed_files += 1
            yield folder
            return
        self.unlisted += len(folders) + archives
        self.listed_files += len(names) - len(folders) - archives
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


def _expand(name: str) -> list[str]:
    """Expand a pattern that the shell has left alone; a file of that very name comes first."""
    if os.path.lexists(name) or not glob.has_magic(name):
        return [name]
    return sorted(glob.glob(name, recursive=True)) or [name]
