"""Images in object stores and on web servers: whatever fsspec reaches by a URL."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from galaxy_classify.errors import GalaxyClassifyError, ImageError
from galaxy_classify.extras import require_extra
from galaxy_classify.inputs.names import is_archive_name, is_image_name, is_parquet_name, place_in_container
from galaxy_classify.inputs.source import LARGEST, Content, Source, Unreadable
from galaxy_classify.text import one_line

#: A scheme has two letters at least: one is a drive on Windows.
SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://.", re.DOTALL)


S3_SCHEMES: Final = ("s3", "s3a")


#: A URL in an error message: the path behind the host stands in the row already, and may hold a signature.
URL: Final = re.compile(r"(\w+://[^/\s'\"]+)[^\s'\"]*")


#: Bytes that are read together of an object whose size nobody tells.
CHUNK: Final = 1 << 20


CONTAINER: Final = Unreadable("container in an object store: not supported, classify a local copy")


FOLDER: Final = Unreadable("is a folder, not an image")


SPECIAL: Final = Unreadable("not a regular file")


EMPTY: Final = Unreadable("empty file")


EMPTY_PART: Final = Unreadable("names with an empty part (//) are not searched")


def is_remote(path: str) -> bool:
    """Tell whether a path is a URL; a local file of that very name comes first.

    Examples
    --------
    >>> is_remote("s3://survey/m51.jpg"), is_remote("survey/m51.jpg"), is_remote("C://survey/m51.jpg")
    (True, False, False)
    """
    return SCHEME.match(path) is not None and not os.path.lexists(path)


def require_remote(url: str) -> None:
    """Check that what reads a URL is installed, without importing it.

    Parameters
    ----------
    url : str
        The URL.

    Raises
    ------
    MissingExtraError
        If fsspec is missing, or for S3 s3fs. What other stores need, fsspec says when they are used.
    """
    found = SCHEME.match(url)
    s3 = found is not None and found[1].lower() in S3_SCHEMES
    require_extra("remote", ("fsspec", "s3fs") if s3 else ("fsspec",))


def read_remote(url: str) -> bytes:
    """Read an encoded image in full.

    Parameters
    ----------
    url : str
        One object.

    Raises
    ------
    ImageError
        If it is not there, empty, larger than `LARGEST` bytes, or cannot be read.
    """
    with _remote_errors():
        filesystem, path = _open(url)
        return _content(filesystem, filesystem.info(path))()


def remote_source(url: str, place: str | None = None) -> Source:
    """Return one object as an input; nothing is asked of the store before its content is.

    Parameters
    ----------
    url : str
        The object.
    place : str, optional
        Where a sorted copy belongs; by default that is a path from the host or bucket on.

    Examples
    --------
    >>> remote_source("s3://survey/field_1/../m51.jpg").place
    'survey/m51.jpg'
    """
    if place is None:
        place = place_in_container("", url.partition("://")[2])
    container = is_archive_name(url) or is_parquet_name(url)
    return Source(url, place, content=CONTAINER if container else partial(read_remote, url))


def remote_sources(
    url: str, *, folder: str = "", recursive: bool = True, skip: Callable[[], None] = lambda: None
) -> Iterator[Source]:
    """Yield the images below a prefix, or the one object of that name.

    Parameters
    ----------
    url : str
        The prefix or object.
    folder : str, optional
        Folder for sorted copies of what is below a prefix.
    recursive : bool, optional
        Whether folders within folders are searched as well.
    skip : callable, optional
        Called for each object below the prefix that has no image suffix.

    Yields
    ------
    Source
        Sorted within each folder. Its path begins with the URL as given. What cannot be listed is an input whose
        content is the reason.
    """
    name = place_in_container("", url.rstrip("/").rpartition("/")[2])
    try:
        with _remote_errors():
            filesystem, root = _open(url)
            info = filesystem.info(root)
    except ImageError as error:
        yield Source(url, name, content=Unreadable(str(error)))
        return
    if info["type"] != "directory":
        yield Source(url, name, content=CONTAINER if is_parquet_name(url) else _content(filesystem, info))
        return
    root = root.rstrip("/")
    for path, content in _below(filesystem, root, recursive, skip):
        below = path[len(root) + 1 :]
        spelled = f"{url.rstrip('/')}/{below}" if below else url
        yield Source(spelled, place_in_container(folder, below), content=content)


def _open(url: str) -> tuple[Any, str]:
    """Return the file system that a URL belongs to, of which there is one in the process, and the path there."""
    require_remote(url)
    from fsspec.core import url_to_fs

    filesystem, path = url_to_fs(url)
    return filesystem, path


def _below(filesystem: Any, folder: str, recursive: bool, skip: Callable[[], None]) -> Iterator[tuple[str, Content]]:
    """Yield path and content of each image below a folder."""
    try:
        with _remote_errors():
            entries = [
                (entry["name"].rstrip("/"), entry["type"], entry["size"])
                for entry in filesystem.ls(folder, detail=True)
            ]
            filesystem.invalidate_cache(folder)  # it would keep the listings of all folders
    except ImageError as error:
        yield folder, Unreadable(str(error))
        return
    entries.sort(key=lambda entry: entry[0])
    for name, kind, size in entries:
        if name == folder:
            # Consoles keep a folder by an empty object called "folder/"; "folder//" is a folder without a name.
            if kind == "directory":
                yield f"{folder}//", EMPTY_PART
        elif kind == "directory":
            if recursive:
                yield from _below(filesystem, name, recursive, skip)
        elif is_image_name(name) or is_archive_name(name):
            yield name, _content(filesystem, {"name": name, "type": kind, "size": size})
        else:
            skip()


def _content(filesystem: Any, info: dict[str, Any]) -> Content:
    if info["type"] == "directory":
        return FOLDER
    if info["type"] != "file":
        return SPECIAL
    if is_archive_name(info["name"]):
        return CONTAINER
    size: int | None = info["size"]
    if size == 0:
        return EMPTY
    if size is not None and size > LARGEST:
        return _too_large(size)
    return partial(_read_whole, filesystem, info["name"], size)


def _read_whole(filesystem: Any, path: str, size: int | None) -> bytes:
    """Read an object, or a little more than is allowed of one that has grown or does not tell its size."""
    with _remote_errors():
        content: bytes
        if size is None:
            with filesystem.open(path, "rb") as file:
                content = _read_within_limit(file)
        else:
            content = filesystem.cat_file(path, start=0, end=LARGEST + 1)
    if not content:
        EMPTY()
    if len(content) > LARGEST:
        _too_large(len(content))()
    return content


def _read_within_limit(file: Any) -> bytes:
    pieces = bytearray()
    while len(pieces) <= LARGEST and (piece := file.read(CHUNK)):
        pieces += piece
    return bytes(pieces)


def _too_large(size: int) -> Unreadable:
    return Unreadable(f"object too large: {size:,} bytes, the limit is {LARGEST:,}")


@contextmanager
def _remote_errors() -> Iterator[None]:
    """Turn whatever a store answers, after the client's own retries, into an `ImageError` with a short reason."""
    try:
        yield
    except GalaxyClassifyError as error:
        raise ImageError(str(error)) from None
    except Exception as error:
        # Each store has exceptions of its own: botocore's, aiohttp's, and ImportError for one that is not installed.
        raise ImageError(_reason(error)) from None


def _reason(error: Exception) -> str:
    # "Not found" is what fsspec's HTTP client makes of every failure; the failure itself is the cause.
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    status = getattr(cause, "status", None)
    if isinstance(error, PermissionError) or status in (401, 403):
        return "permission denied"
    connected = isinstance(cause, FileNotFoundError) or not isinstance(cause, OSError)
    if isinstance(error, FileNotFoundError) and connected and status in (None, 404, 410):
        return "no such object"
    said = cause if isinstance(error, FileNotFoundError) else error
    return "cannot be read: " + URL.sub(r"\1", one_line(said))
