"""Read images from object stores and web servers, through fsspec, by the URLs that `addresses` allows."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from galaxy_classify.errors import GalaxyClassifyError, ImageError
from galaxy_classify.extras import require_extra
from galaxy_classify.inputs.addresses import S3_SCHEMES, scheme_of, why_refused
from galaxy_classify.inputs.names import is_archive_name, is_image_name, is_parquet_name, place_in_container
from galaxy_classify.inputs.source import LARGEST, Content, Source, Unreadable
from galaxy_classify.text import one_line

#: A URL in an error message is cut to scheme and host: its path is already in the row, and what stands before the host
#: or in the query may be a password or a signature.
URL: Final = re.compile(r"(\w+://)(?:[^/\s'\"]*@)?([^/\s'\"]*)[^\s'\"]*")
#: Bytes read at a time from an object whose size the server does not tell.
CHUNK: Final = 1 << 20
CONTAINER: Final = Unreadable("container in an object store: not supported, classify a local copy")
FOLDER: Final = Unreadable("is a folder, not an image")
SPECIAL: Final = Unreadable("not a regular file")
EMPTY: Final = Unreadable("empty file")
EMPTY_PART: Final = Unreadable("names with an empty part (//) are not searched")


def is_remote(path: str) -> bool:
    """Return whether a path is a URL, and no local file has that very name.

    Examples
    --------
    >>> is_remote("s3://survey/m51.jpg"), is_remote("survey/m51.jpg"), is_remote("C://survey/m51.jpg")
    (True, False, False)
    """
    return scheme_of(path) != "" and not os.path.lexists(path)


def require_remote(url: str) -> None:
    """Check that the packages that read a URL are installed, without importing them; one that is refused needs none.

    Raises
    ------
    MissingExtraError
        If fsspec is missing, or s3fs for a URL of S3. A missing client for another store is reported by fsspec later.
    """
    if not why_refused(url):
        require_extra("remote", ("fsspec", "s3fs") if scheme_of(url) in S3_SCHEMES else ("fsspec",))


def read_remote(url: str) -> bytes:
    """Download one encoded image.

    Raises
    ------
    ImageError
        If its URL is refused, it does not exist, is empty, is larger than `LARGEST` bytes, or cannot be read.
    """
    with _remote_errors():
        filesystem, path = _open(url)
        # The name in a store's answer leaves out the version that was asked for.
        return _content(filesystem, filesystem.info(path) | {"name": path})()


def remote_source(url: str, place: str | None = None) -> Source:
    """Return one object as an input, without a request to the store until its content is read.

    ``place`` is the relative path for a sorted copy; by default host or bucket, and path.

    Examples
    --------
    >>> remote_source("s3://survey/field_1/../m51.jpg").place
    'survey/m51.jpg'
    """
    if place is None:
        place = place_in_container("", url.partition("://")[2])
    if refused := why_refused(url):
        return Source(url, place, content=Unreadable(refused))
    container = is_archive_name(url) or is_parquet_name(url)
    return Source(url, place, content=CONTAINER if container else partial(read_remote, url))


def remote_sources(
    url: str, *, folder: str = "", recursive: bool = True, skip: Callable[[], None] = lambda: None
) -> Iterator[Source]:
    """Yield the images below a prefix, sorted within each folder, or the one object of that name.

    Their paths begin with the URL as given. A folder that cannot be listed is yielded as an unreadable input.

    Parameters
    ----------
    url : str
        The prefix or object.
    folder : str, optional
        Folder for sorted copies of images below a prefix.
    recursive : bool, optional
        Whether subfolders are searched as well.
    skip : callable, optional
        Called for each object below the prefix without an image suffix.
    """
    name = place_in_container("", url.rstrip("/").rpartition("/")[2])
    try:
        with _remote_errors():
            filesystem, root = _open(url)
            info = filesystem.info(root) | {
                "name": root
            }  # a store's own name leaves out the version that was asked for
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
    """Return fsspec's file system for a URL (fsspec keeps one per process), and the path in it."""
    if refused := why_refused(url):
        raise ImageError(refused)
    require_remote(url)
    import fsspec

    scheme = scheme_of(url)
    url = scheme + url[len(scheme) :]  # fsspec knows schemes in lower case only
    # fsspec's own url_to_fs would split a name with "::" into a chain of file systems, and open them all.
    kind = fsspec.get_filesystem_class(scheme)
    filesystem = fsspec.filesystem(scheme, **kind._get_kwargs_from_urls(url))
    return filesystem, kind._strip_protocol(url)


def _below(filesystem: Any, root: str, recursive: bool, skip: Callable[[], None]) -> Iterator[tuple[str, Content]]:
    """Yield path and content of each image below a folder, sorted within each folder."""
    open_folders = [_entries(filesystem, root, skip)]
    while open_folders:
        for name, content in open_folders[-1]:
            if content is not None:
                yield name, content
            elif recursive:
                open_folders.append(_entries(filesystem, name, skip))
                break
        else:
            open_folders.pop()


def _entries(filesystem: Any, folder: str, skip: Callable[[], None]) -> Iterator[tuple[str, Content | None]]:
    """Yield path and content of each entry of a folder, in sorted order; a folder in it has no content."""
    try:
        with _remote_errors():
            entries = [
                (entry["name"].rstrip("/"), entry["type"], entry["size"])
                for entry in filesystem.ls(folder, detail=True)
            ]
            # fsspec caches the listing of every folder: without this, memory would grow with the number of folders.
            filesystem.invalidate_cache(folder)
    except ImageError as error:
        yield folder, Unreadable(str(error))
        return
    entries.sort(key=lambda entry: entry[0])
    for name, kind, size in entries:
        if name == folder:
            # Web consoles create a folder as an empty object called "folder/": ignore it. A folder with an empty name,
            # "folder//", cannot be searched: report it, so that its images do not vanish silently.
            if kind == "directory":
                yield f"{folder}//", EMPTY_PART
        elif kind == "directory":
            yield name, None
        elif is_image_name(name) or is_archive_name(name):
            yield name, _content(filesystem, {"name": name, "type": kind, "size": size})
        else:
            skip()


def _content(filesystem: Any, info: dict[str, Any]) -> Content:
    """Return what reads an object, or why it cannot be read, from its entry in a listing."""
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
    """Download an object, but stop just above the size limit: it may have grown, or its size may be unknown."""
    with _remote_errors():
        content: bytes
        if "http" in filesystem.protocol:
            # A web server may send more than it said, and without end: fsspec would wait for that.
            with filesystem.open(path, "rb", block_size=0, size=size or 1) as file:
                content = _read_within_limit(file)
        elif size is None:
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
    """Turn any error of a store's client, after its own retries, into an `ImageError` with a short reason."""
    try:
        yield
    except GalaxyClassifyError as error:
        raise ImageError(str(error)) from None
    except Exception as error:
        # The clients' exceptions have no common base: botocore's, aiohttp's, ImportError for one not installed.
        raise ImageError(_reason(error)) from None


def _reason(error: Exception) -> str:
    # fsspec's HTTP client turns every failure into FileNotFoundError; the actual error is its cause.
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    status = getattr(cause, "status", None)
    if isinstance(error, PermissionError) or status in (401, 403):
        return "permission denied"
    connected = isinstance(cause, FileNotFoundError) or not isinstance(cause, OSError)
    if isinstance(error, FileNotFoundError) and connected and status in (None, 404, 410):
        return "no such object"
    reported = cause if isinstance(error, FileNotFoundError) else error
    return "cannot be read: " + URL.sub(r"\1\2", one_line(reported))
