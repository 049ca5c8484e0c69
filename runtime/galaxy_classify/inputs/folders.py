"""Walk through folders, each once however many links lead to it, and expand patterns of file names."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator

#: The part of a pattern that stands for any number of folders.
ANY_FOLDERS = "**"


class VisitedFolders:
    """The folders that a walk has been to: links could lead it to the same one again, or round for ever.

    With ``top``, the folder where the walk begins, links to folders below it are left out: these are visited by their
    own paths. Otherwise the first path counts, as where a walk leaves out some folders.
    """

    def __init__(self, top: str | None = None) -> None:
        self._top = top
        self._below = None if top is None else os.path.join(os.path.realpath(top), "")
        self._seen: set[tuple[int, int] | str] = set()

    def enter(self, folder: str) -> bool:
        """Return whether a folder is to be visited now, and remember it; raise OSError if it is not there."""
        status = os.stat(folder)
        if self._below is not None and folder != self._top and os.path.islink(folder):
            real = os.path.join(os.path.realpath(folder), "")
            if real.startswith(self._below):
                return False
        # Some network file systems number no files: there the path without links has to do.
        identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link to one."""
    try:
        return stat.S_ISDIR(entry.stat().st_mode) if entry.is_symlink() else entry.is_dir()
    except OSError:  # a broken link
        return False


def holds_links(top: str) -> bool:
    """Return whether there is a link to a folder in a folder, at any depth."""
    waiting = [top]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_symlink() and is_folder(entry):
                        return True
        except OSError:
            continue
    return False


def walk(top: str, *, prune: bool = False) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder from ``top`` on, with the names of its folders and of its files, sorted, as `os.walk` does.

    Links are followed, but no folder is visited twice. With ``prune`` the caller may remove names of folders, so that
    these are not visited. Folders that cannot be listed are left out. An empty ``top`` is the working folder.
    """
    visited = VisitedFolders(None if prune else top)
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        folders: list[str] = []
        files: list[str] = []
        try:
            if not visited.enter(folder or os.curdir):
                continue
            with os.scandir(folder or os.curdir) as entries:
                for entry in entries:
                    (folders if is_folder(entry) else files).append(entry.name)
        except OSError:
            continue
        folders.sort()
        files.sort()
        yield folder, folders, files
        waiting += [os.path.join(folder, name) for name in reversed(folders)]


def expand(pattern: str) -> list[str]:
    """Return what a pattern with ``*``, ``?``, ``[…]`` and ``**`` stands for, sorted, as `glob.glob` does.

    Unlike that, it visits each folder once, and takes any number of folders within each other.
    """
    try:
        return sorted(set(_expand(pattern)))
    except ValueError:  # it holds a character that no name can have
        return []


def _expand(pattern: str) -> Iterable[str]:
    parts = pattern.split(os.sep)
    if ANY_FOLDERS not in parts:
        return glob.glob(pattern)
    place = parts.index(ANY_FOLDERS)
    before, after = parts[:place], parts[place + 1 :]
    while after and after[0] == ANY_FOLDERS:
        del after[0]
    tops = _expand(os.path.join(os.sep if before[0] == "" else "", *before)) if before else [""]
    return (found for top in tops if not top or os.path.isdir(top) for found in _below(top, after))


def _below(top: str, after: list[str]) -> Iterator[str]:
    """Yield what the parts behind ``**`` stand for in a folder and in those below it that are not hidden."""
    if top and not after:
        yield os.path.join(top, "")
    for folder, folders, files in walk(top, prune=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if after:
            yield from _expand(os.path.join(glob.escape(folder), *after))
        else:
            yield from (os.path.join(folder, name) for name in (*folders, *files) if not name.startswith("."))
