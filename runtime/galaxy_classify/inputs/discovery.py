"""Expand the inputs of a command line (files, folders, patterns, lists, URLs) into a stream of images."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from galaxy_classify.errors import GalaxyClassifyError
from galaxy_classify.images.fits.band_files import BandPattern
from galaxy_classify.inputs.folders import VisitedFolders, expand, is_folder
from galaxy_classify.inputs.hints import first_of_list, meant_otherwise
from galaxy_classify.inputs.names import (
    is_archive_name,
    is_image_name,
    is_parquet_name,
    place_below,
)
from galaxy_classify.inputs.remote import is_remote, remote_source, remote_sources
from galaxy_classify.inputs.source import Source, Unreadable
from galaxy_classify.text import printable

REMOTE_BANDS: Final = Unreadable("files of several bands are joined in local folders only")


@dataclass(slots=True)
class Discovery:
    """Find the images among the inputs, and count the files that were skipped.

    Parameters
    ----------
    recursive : bool, optional
        Whether subfolders are searched as well.
    pattern : BandPattern, optional
        Names of files that hold one band each: the files of one image become one input.
    skipped : int
        Number of files in folders and archives without an image suffix, so far.
    containers : bool, optional
        Whether to read the images in archives, and in Parquet files that the user names.
    image_column : str, optional
        Column of images of the Parquet files.
    own : frozenset of str, optional
        Real paths of the files that the run writes (`real_paths`): in a folder that is searched, they are no inputs.
    empty : int
        Number of containers without an image, so far.
    listed_files : int
        Number of files that are known so far; those of a folder are known before the first of them is yielded.
    unlisted : int
        Number of inputs and subfolders that hold an unknown number of images.
    """

    recursive: bool = True
    pattern: BandPattern | None = None
    skipped: int = 0
    containers: bool = False
    image_column: str | None = None
    own: frozenset[str] = frozenset()
    empty: int = 0
    listed_files: int = 0
    unlisted: int = 0

    @property
    def total(self) -> int | None:
        """Number of images, known without a second listing once the last folder is listed; None until then."""
        return None if self.unlisted or self.pattern is not None else self.listed_files

    def paths(self, inputs: Iterable[str], stdin: Iterable[bytes]) -> Iterator[str]:
        """Yield the path of each image that `sources` finds."""
        return (source.path for source in self.sources(inputs, stdin))

    def sources(self, inputs: Iterable[str], stdin: Iterable[bytes]) -> Iterator[Source]:
        """Yield each image, its path spelled as given, with surrogate escapes for bytes that are not UTF-8.

        Parameters
        ----------
        inputs : iterable of str
            Files, folders, URLs of objects and prefixes, patterns with ``*``, ``?`` or ``[…]`` that the shell did not
            expand, and ``-`` for a list of paths on standard input. Folders are searched in sorted order. Links are
            followed, but each folder is searched once: by its own path, or by the first link that leads to it from
            elsewhere. Files that do not exist are yielded too, so that the result has an error row for each.
        stdin : iterable of bytes
            Lines of standard input, one path per line, not necessarily UTF-8; empty lines are skipped.
        """
        names = [name for given in inputs for name in self._expand(given)]
        local = {name for name in names if os.path.isdir(name)}
        folders = local.union(filter(is_remote, names))
        # Two folders may hold files of the same name: sorted copies then keep the folder's name, to avoid a collision.
        several = sum(name in folders for name in names) > 1
        unlisted = sum(name in folders or name == "-" or self._is_container(name, named=True) for name in names)
        self.unlisted += unlisted
        self.listed_files += len(names) - unlisted
        files: set[str] = set()
        for name in names:
            if name == "-":
                yield from self.listed(stdin)
            elif name in local:
                prefix = os.path.join(os.path.basename(os.path.abspath(name)), "") if several else ""
                for path in self._walk(name):
                    yield from self._inputs_of(path, prefix + path[len(name) :].lstrip(os.sep))
            elif name in folders:
                folder = place_below(name.rstrip("/").rpartition("/")[2]) if several else ""
                for source in remote_sources(name, folder=folder, recursive=self.recursive, skip=self._skip):
                    yield self._unjoined(source)
            elif _is_pattern(name):
                yield Source(name, os.path.basename(name), content=Unreadable(f"no file matches {printable(name)}"))
            elif (joined := self._joined(name, files)) is not None:
                yield from self._inputs_of(joined, os.path.basename(joined), named=True)

    def listed(self, lines: Iterable[bytes]) -> Iterator[Source]:
        r"""Yield the images of a list of paths, one per line, not necessarily UTF-8; empty lines are skipped.

        Examples
        --------
        >>> [source.path for source in Discovery().listed([b"a.jpg\n", b"\n", b"b.jpg"])]
        ['a.jpg', 'b.jpg']
        """
        files: set[str] = set()
        first = True
        for line in lines:
            if not (stripped := line.rstrip(b"\r\n")):
                continue
            given: str | Unreadable = os.fsdecode(stripped)
            if first:
                spelled, given, first = str(given), first_of_list(str(given)), False
            if isinstance(given, Unreadable):
                yield Source(spelled, place_below(spelled), content=given)
            elif is_remote(given):
                yield self._unjoined(remote_source(given))
            elif (path := self._joined(given, files)) is not None:
                yield from self._inputs_of(path, place_below(path), named=True)

    def _inputs_of(self, path: str, place: str, *, named: bool = False) -> Iterable[Source]:
        """Return a file, or the images in it if it is a container; ``named`` if the user named the file itself."""
        if self._is_container(path, named=named):
            return self._contained(path, place)
        return (Source(path, place, content=meant_otherwise(path) if named else None),)

    def _contained(self, path: str, place: str) -> Iterator[Source]:
        """Yield the images in a container."""
        # Imported late to keep start-up fast: few runs read containers.
        from galaxy_classify.inputs.containers.open import container_sources

        found = False
        try:
            for source in container_sources(path, place=place, image_column=self.image_column, skip=self._skip):
                found = True
                yield source
        except GalaxyClassifyError as error:
            # One Parquet file without images in a long list must not end the run: it gets an error row.
            yield Source(path, place, content=Unreadable(str(error)))
        else:
            self.empty += not found

    def _unjoined(self, source: Source) -> Source:
        """Return a remote input, made unreadable if it is a file of one band: remote bands cannot be joined."""
        joined = None if self.pattern is None else self.pattern.joined(os.path.basename(source.path))
        return source if joined is None else replace(source, content=REMOTE_BANDS)

    def _is_container(self, path: str, *, named: bool = False) -> bool:
        """Tell whether to read the images in a file; ``named`` if the user named the file itself."""
        # A Parquet file that is found in a folder may be a result of an earlier run: read only those the user names.
        return self.containers and (is_archive_name(path) or (named and is_parquet_name(path)))

    def _skip(self) -> None:
        self.skipped += 1

    def _expand(self, name: str) -> list[str]:
        """Expand a pattern that the shell did not expand, unless a file of that very name exists."""
        if not _is_pattern(name):
            return [name]
        found = expand(name)
        if "**" in name:
            found = self._outermost(found)
        return [path for path in found if not self.own or os.path.realpath(path) not in self.own] or [name]

    def _outermost(self, found: list[str]) -> list[str]:
        """Leave out what a search of the folders among the matches of a pattern finds by itself."""
        folders = {path.rstrip(os.sep) for path in found if os.path.isdir(path)}

        def is_found(path: str) -> bool:
            path = path.rstrip(os.sep)
            above = os.path.dirname(path)
            if not self.recursive:
                return path not in folders and above in folders
            while above not in folders:
                path, above = above, os.path.dirname(above)
                if path == above:
                    return False
            return True

        return [path for path in found if not is_found(path)]

    def _joined(self, path: str, before: set[str]) -> str | None:
        """Return the common path of an image's band files, or None if it was returned before (and add it to those)."""
        if self.pattern is None:
            return path
        folder, name = os.path.split(path)
        joined = self.pattern.joined(name)
        if joined is None:
            return path
        path = os.path.join(folder, joined)
        if path in before:
            return None
        before.add(path)
        return path

    def _walk(self, top: str) -> Iterator[str]:
        """Yield the files below a folder in sorted order, each folder once, however deep they lie in each other."""
        visited = VisitedFolders(top)
        open_folders = [self._entries(top, visited)]
        while open_folders:
            for path, in_folder in open_folders[-1]:
                if in_folder:
                    open_folders.append(self._entries(path, visited))
                    break
                yield path
            else:
                open_folders.pop()

    def _entries(self, folder: str, visited: VisitedFolders) -> Iterator[tuple[str, bool]]:
        """Yield the folders and files in a folder in sorted order, each with whether it is a folder."""
        # A folder may have millions of entries, and all must be sorted: keep only the names of those that are inputs.
        names: list[str] = []
        folders: set[str] = set()
        archives = 0
        self.unlisted -= 1
        try:
            if not visited.enter(folder):
                return
            own = {os.path.basename(path) for path in self.own}
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_folder(entry):
                        if not self.recursive:
                            continue
                        folders.add(entry.name)
                    elif is_image_name(entry.name):
                        if entry.name in own and os.path.join(os.path.realpath(folder), entry.name) in self.own:
                            continue  # the real path takes long where folders lie deep in each other
                    elif self._is_container(entry.name):
                        archives += 1
                    else:
                        self.skipped += 1
                        continue
                    names.append(entry.name)
        except OSError:
            # Yield the folder itself. The classifier fails to open it, and so the result has a row with the reason.
            self.listed_files += 1
            yield folder, False
            return
        self.unlisted += len(folders) + archives
        self.listed_files += len(names) - len(folders) - archives
        names.sort()
        files: set[str] = set()
        inside = os.path.join(folder, "")
        for name in names:
            path = inside + name
            if name in folders:
                yield path, True
            elif (joined := self._joined(path, files)) is not None:
                yield joined, False


def real_paths(*names: str | None) -> frozenset[str]:
    """Return the paths of files, which need not be there yet, without links; None is left out."""
    return frozenset(os.path.realpath(name) for name in names if name is not None)


def _is_pattern(name: str) -> bool:
    return glob.has_magic(name) and not os.path.lexists(name)
