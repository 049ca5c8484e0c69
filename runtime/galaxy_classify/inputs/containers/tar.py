"""Read the members of a tar archive, compressed or not, in constant memory."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import Any, BinaryIO, Final

from galaxy_classify.images.open_file import open_regular_file
from galaxy_classify.inputs.containers.member import LINK, SPARSE, SPECIAL, Member, damage_errors, read_whole, too_large
from galaxy_classify.inputs.containers.unpack import open_bz2, open_xz
from galaxy_classify.inputs.source import LARGEST, Content, InOrder

#: Limit on the headers of one member, usually about 1.5 kB. A hostile archive could fill the memory by a long name.
HEADER_BYTES: Final = 1 << 20
#: Bytes read at a time where only the checksum at the end matters.
CHUNK: Final = 1 << 16
#: The end of an archive is marked by two such blocks; one is enough.
ZEROS: Final = bytes(tarfile.BLOCKSIZE)
#: First bytes of a compressed file, and the function that opens it.
COMPRESSIONS: Final[tuple[tuple[bytes, Callable[[str], Any]], ...]] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", open_bz2),
    (b"\xfd7zXZ\0", open_xz),
)


def tar_members(path: str) -> Iterator[Member]:
    """Yield the files in a tar archive, in its order.

    The compression is recognised by the first bytes. Members of an uncompressed archive can be read at any time, those
    of a compressed one in order (`InOrder`). Raise `ImageError` where the archive cannot be read any further.
    """
    with open_regular_file(path) as file, damage_errors("archive"):
        head = file.read(6)
        for signature, opener in COMPRESSIONS:
            if head.startswith(signature):
                yield from _compressed_members(partial(opener, path))
                return
        file.seek(0)
        for info in _headers(file):
            yield Member(info.name, _content(info, partial(_read_range, path, info.offset_data, info.size)))


def _compressed_members(open_stream: Callable[[], BinaryIO]) -> Iterator[Member]:
    with open_stream() as stream:
        reader = _RangeReader(stream, open_stream)
        for info in _headers(stream):
            content = _content(info, partial(reader.read, info.offset_data, info.size))
            yield Member(info.name, InOrder(content))
        # Read on to the end of the file: the decompressor verifies the checksum only there.
        while stream.read(CHUNK):
            pass


class _HeaderStream:
    """Stream from which `tarfile` reads headers, with a limit: tarfile itself reads as much as a header claims to need.

    ``left`` is the number of bytes that may still be read, ``last`` the block that was read last.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._back = b""
        self.left = HEADER_BYTES
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise tarfile.ReadError("header too large")
        self.left -= size
        self.last, self._back = self._back[:size], self._back[size:]
        if size > len(self.last):
            self.last += self._stream.read(size - len(self.last))
        return self.last

    def seek(self, position: int) -> None:
        self._back = b""
        self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell() - len(self._back)

    def skip_zeros(self) -> bool:
        """Read on to the next block that is not zero, so that it is read again; return whether there is one."""
        while self.last == ZEROS:
            self.last = self._stream.read(tarfile.BLOCKSIZE)
        self._back = self.last
        return bool(self.last.strip(b"\0"))


def _headers(stream: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Yield the headers of all members but folders, with the stream positioned at the member's content.

    Archives that were joined (``cat a.tar b.tar``) are read as one, as ``tar --ignore-zeros`` does.
    """
    headers = _HeaderStream(stream)
    yield from _one_archive(headers)
    while headers.skip_zeros():
        headers.left = HEADER_BYTES
        try:
            yield from _one_archive(headers)
        except tarfile.ReadError as error:
            raise tarfile.ReadError(f"behind its first end mark: {error}") from None


def _one_archive(headers: Any) -> Iterator[tarfile.TarInfo]:
    """Yield the headers up to the mark at the end of an archive."""
    archive: Any = tarfile.TarFile(fileobj=headers, encoding="utf-8", errors="surrogateescape")
    end = 0
    while (info := archive.next()) is not None:
        # Before Python 3.11.14, 3.12.12 and 3.13.6 tarfile loops for ever on a negative size (CVE-2025-8194).
        if info.size < 0 or archive.offset <= end:
            raise tarfile.ReadError("negative size")
        end = archive.offset
        # tarfile collects all members and global headers: forget them, or memory grows with the archive.
        archive.members.clear()
        archive.pax_headers.clear()
        if not info.isdir():
            yield info
        headers.left = HEADER_BYTES
    # tarfile takes any block that is no header for the end of the archive. A real end is a block of zeros; anything
    # else means that the archive was cut off or damaged.
    if headers.last != ZEROS:
        raise tarfile.ReadError("ends without an end mark")


def _content(info: tarfile.TarInfo, read: Callable[[], bytes]) -> Content:
    """Return what reads a member, or why it is refused."""
    if info.islnk() or info.issym():
        return LINK
    if info.issparse():
        return SPARSE
    if not info.isreg():
        return SPECIAL
    if info.size > LARGEST:
        return too_large(info.size)
    return partial(read_whole, read, info.size)


def _read_range(path: str, offset: int, size: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


class _RangeReader:
    """Read byte ranges of a compressed file.

    A range at the current position of ``stream`` is read from it. For an earlier one, ``open_stream`` opens the
    file a second time: rewinding the first stream would break the reading of headers.
    """

    def __init__(self, stream: BinaryIO, open_stream: Callable[[], BinaryIO]) -> None:
        self._stream = stream
        self._open_stream = open_stream
        self._second: BinaryIO | None = None
        self._lock = Lock()

    def read(self, offset: int, size: int) -> bytes:
        """Return ``size`` unpacked bytes from ``offset`` on."""
        with self._lock:
            if not self._stream.closed and self._stream.tell() == offset:
                return self._stream.read(size)
            if self._second is None:
                self._second = self._open_stream()
            self._second.seek(offset)
            return self._second.read(size)
