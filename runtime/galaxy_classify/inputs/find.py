"""Find images in folders and by patterns, for programs that use the classifier."""

from __future__ import annotations

import os
from collections.abc import Iterator

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.arguments import PathLike, as_source
from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.inputs.remote import is_remote
from galaxy_classify.inputs.source import Source


def find_images(*inputs: PathLike, recursive: bool = True) -> Iterator[str]:
    """Find the images that ``galaxy-classify`` would classify in folders, patterns and files.

    Parameters
    ----------
    *inputs : path
        Files, folders, and patterns with ``*``, ``?`` or ``[…]``. Archives are not opened.
    recursive : bool, optional
        Whether subfolders are searched as well.

    Yields
    ------
    str
        Paths, those of a folder in sorted order. A file that is named is found whatever its suffix, and even if it
        does not exist: its prediction then says so. A pattern that no file matches is yielded as it is.

    Raises
    ------
    UsageError
        If an input is no path.

    Examples
    --------
    >>> from galaxy_classify import find_images
    >>> list(find_images("no_such_galaxy.jpg"))
    ['no_such_galaxy.jpg']
    """
    names = [_name(path) for path in inputs]
    return (source.path for source in Discovery(recursive).sources(names, ()))


def sources_in(path: PathLike) -> Iterator[Source]:
    """Return the inputs that one path stands for: a file, or the images in a folder or archive or of a pattern."""
    name = _name(path)
    if is_remote(name) or name == "-":  # on the command line, a list of paths
        return iter([as_source(name)])
    return Discovery(containers=True).sources([name], ())


def _name(path: PathLike) -> str:
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"{type(path).__name__} is no path")
    return os.fsdecode(path)
