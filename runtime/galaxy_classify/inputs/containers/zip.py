"""Read the members of a zip archive, each at its place in the file."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from threading import Lock
from typing import Final

from galaxy_classify.errors import ImageError
from galaxy_classify.images.open_file import open_regular_file
from galaxy_classify.inputs.containers.member import ENCRYPTED, LINK, Member, damage_errors, read_whole, too_large
from galaxy_classify.inputs.source import LARGEST, Content

#: What a member begins with.
MEMBER_SIGNATURE: Final = b"PK\3\4"


def zip_members(path: str) -> Iterator[Member]:
    """Yield the files in a zip archive, in the order of its directory, which is held in memory.

    They can be read at any time, in several threads. Raise `ImageError` if the archive cannot be read; the directory is
    at its end, so a truncated archive gives no member. Of archives that were joined (``cat a.zip b.zip``) only the last
    one's directory is known: `ImageError` at the end says so.
    """
    open_regular_file(path).close()
    with damage_errors("archive"):
        archive = _Archive(path)
    for info in archive.members:
        if not info.filename.endswith("/"):  # info.is_dir() raises on an empty name
            yield Member(info.filename, archive.content(info))
    if archive.is_joined:
        raise ImageError("another zip archive stands before this one in the file: its members are not read")


class _Archive:
    """Zip archive for several threads. Its members refer to it, so the file closes with the last of them."""

    def __init__(self, path: str) -> None:
        self._file = zipfile.ZipFile(path)
        self._lock = Lock()
        self.members = self._file.infolist()
        with open(path, "rb") as file:
            begins_with_member = file.read(len(MEMBER_SIGNATURE)) == MEMBER_SIGNATURE
        #: Whether the file begins with a member that is not listed. Other bytes before the archive are a program that
        #: unpacks it.
        self.is_joined = begins_with_member and all(info.header_offset > 0 for info in self.members)

    def content(self, info: zipfile.ZipInfo) -> Content:
        """Return what reads a member, or why it is refused."""
        if info.flag_bits & 1:
            return ENCRYPTED
        if stat.S_ISLNK(info.external_attr >> 16):
            return LINK
        if info.file_size > LARGEST:
            return too_large(info.file_size)
        return partial(read_whole, partial(self._read, info), info.file_size)

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        # ZipFile counts the open members to know when to close its file, but its counter is not safe for threads.
        with self._lock:
            member = self._file.open(info)
        try:
            return member.read(info.file_size + 1)  # one byte more shows a member larger than its header claims
        finally:
            with self._lock:
                member.close()
