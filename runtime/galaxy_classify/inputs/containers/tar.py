"""Members of a tar archive, compressed or not, one after another, in memory that does not grow with their number."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import Any, BinaryIO, Final

from galaxy_classify.images.open_file import open_regular_file
from galaxy_classify.inputs.containers.member import LINK, SPARSE, SPECIAL, Member, errors_of, too_large, whole
from galaxy_classify.inputs.source import LARGEST, Content, InOrder

#: The headers of one member take some 1.5 kB; a name or comment that takes more than this is meant to fill the memory.
HEADER_BYTES: Final = 1 << 20


#: Bytes that are read together where nothing is done with them.
CHUNK: Final = 1 << 16


#: How a compressed file begins, and what reads it.
COMPRESSIONS: Final[tuple[tuple[bytes, Callable[[str], Any]], ...]] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)


def tar_members(path: str) -> Iterator[Member]:
    """Yield what a tar archive holds, in its order, folders left out.

    Parameters
    ----------
    path : str
        The archive; whether and how it is compressed is told by its first bytes.

    Yields
    ------
    Member
        If the archive is not compressed, the content can be read at any time; if it is, in order (`InOrder`).

    Raises
    ------
    ImageError
        If the archive cannot be read, or, after the members before, not any further.
    """
    with open_regular_file(path) as file, errors_of("archive"):
        head = file.read(6)
        for signature, opener in COMPRESSIONS:
            if head.startswith(signature):
                yield from _compressed_members(partial(opener, path))
                return
        file.seek(0)
        for info in _headers(file):
            yield Member(info.name, _content(info, partial(_read_piece, path, info.offset_data, info.size)))


def _compressed_members(open_stream: Callable[[], BinaryIO]) -> Iterator[Member]:
    with open_stream() as stream:
        pieces = _Pieces(stream, open_stream)
        for info in _headers(stream):
            content = _content(info, partial(pieces.read, info.offset_data, info.size))
            yield Member(info.name, InOrder(content))
        while stream.read(CHUNK):  # the checksum stands at the very end
            pass


class _HeaderStream:
    """What `tarfile` reads headers from; it would believe any size that a header gives.

    Attributes
    ----------
    left : int
        Bytes that may be read yet.
    last : bytes
        What was read last.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.left = HEADER_BYTES
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise tarfile.ReadError("header too large")
        self.left -= size
        self.last = self._stream.read(size)
        return self.last

    def seek(self, position: int) -> None:
        self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()


def _headers(stream: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Yield the headers of all members but folders; each one's content follows where the stream stands."""
    headers: Any = _HeaderStream(stream)
    archive: Any = tarfile.TarFile(fileobj=headers, encoding="utf-8", errors="surrogateescape")
    end = 0
    while (info := archive.next()) is not None:
        # Before Python 3.11.14, 3.12.12 and 3.13.6 tarfile goes round in circles here (CVE-2025-8194).
        if info.size < 0 or archive.offset <= end:
            raise tarfile.ReadError("negative size")
        end = archive.offset
        archive.members.clear()  # it would keep all of them
        archive.pax_headers.clear()  # and all that headers say about all further members
        if not info.isdir():
            yield info
        headers.left = HEADER_BYTES
    if headers.last != bytes(tarfile.BLOCKSIZE):  # tarfile takes anything that is no header for the end
        raise tarfile.ReadError("ends without an end mark")


def _content(info: tarfile.TarInfo, read: Callable[[], bytes]) -> Content:
    if info.islnk() or info.issym():
        return LINK
    if info.issparse():
        return SPARSE
    if not info.isreg():
        return SPECIAL
    if info.size > LARGEST:
        return too_large(info.size)
    return partial(whole, read, info.size)


def _read_piece(path: str, offset: int, size: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


class _Pieces:
    """Pieces of a compressed file.

    Parameters
    ----------
    stream : binary file
        The unpacked file. A piece at which it stands is read from it.
    open_stream : callable
        Opens it again, to read pieces that were passed.
    """

    def __init__(self, stream: BinaryIO, open_stream: Callable[[], BinaryIO]) -> None:
        self._stream = stream
        self._open_stream = open_stream
        self._second: BinaryIO | None = None
        self._lock = Lock()

    def read(self, offset: int, size: int) -> bytes:
        """Return so many bytes from there on."""
        with self._lock:
            if not self._stream.closed and self._stream.tell() == offset:
                return self._stream.read(size)
            if self._second is None:
                self._second = self._open_stream()
            self._second.seek(offset)
            return self._second.read(size)
