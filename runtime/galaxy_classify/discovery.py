"""From the command line's inputs to a stream of image paths."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

FITS_SUFFIXES: Final = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fz")
#: Suffixes by which a file in a folder is taken for an image. A file named outright needs none of them.
IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", *FITS_SUFFIXES)


@dataclass(slots=True)
class Discovery:
    """Find the images that the inputs stand for, and count what was passed over.

    Parameters
    ----------
    skipped : int
        Files in folders that have no image suffix, so far.
    """

    skipped: int = 0

    def paths(self, inputs: Iterable[str], stdin: Iterable[bytes]) -> Iterator[str]:
        """Yield one path for each image.

        Parameters
        ----------
        inputs : iterable of str
            Files, folders, and ``-`` for a list of paths on standard input. Folders are searched
            recursively, in sorted order, and links are followed unless they lead back to a folder that is being
            searched. What does not exist is passed on, so that it gets its row.
        stdin : iterable of bytes
            Lines of standard input: a path a line, in bytes that need not be UTF-8; empty lines do not count.

        Yields
        ------
        str
            A path, spelled as given; bytes that are not UTF-8 as surrogate escapes.
        """
        for name in inputs:
            if name == "-":
                yield from (os.fsdecode(line) for raw in stdin if (line := raw.rstrip(b"\r\n")))
            elif os.path.isdir(name):
                yield from self._walk(name, ())
            else:
                yield name

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
                        folders.add(entry.name)
                    elif not entry.name.lower().endswith(IMAGE_SUFFIXES):
                        self.skipped += 1
                        continue
                    names.append(entry.name)
        except OSError:
            # The classifier will say why this folder cannot be read: it must not vanish from the output.
            yield folder
            return
        names.sort()
        for name in names:
            path = os.path.join(folder, name)
            if name in folders:
                yield from self._walk(path, (*parents, identity))
            else:
                yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISDIR(entry.stat().st_mode) if entry.is_symlink() else entry.is_dir()
    except OSError:  # a link that leads nowhere
        return False
