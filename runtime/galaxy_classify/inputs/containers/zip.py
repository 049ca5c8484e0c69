"""Members of a zip archive, read where they lie."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from threading import Lock

from galaxy_classify.images.open_file import open_regular_file
from galaxy_classify.inputs.containers.member import ENCRYPTED, LINK, Member, errors_of, too_large, whole
from galaxy_classify.inputs.source import LARGEST, Content


def zip_members(path: str) -> Iterator[Member]:
    """Yield what a zip archive holds, in the order of its directory, folders left out.

    Parameters
    ----------
    path : str
        The archive. Its directory is held in memory.

    Yields
    ------
    Member
        Its content can be read at any time, in several threads.

    Raises
    ------
    ImageError
        If the archive cannot be read. As its directory stands at its end, a truncated one gives no member.
    """
    open_regular_file(path).close()
    with errors_of("archive"):
        archive = _Archive(path)
    for info in archive.members:
        if not info.filename.endswith("/"):  # is_dir() fails on a name that is empty
            yield Member(info.filename, archive.content(info))


class _Archive:
    """A zip archive that several threads read; it is open until nobody needs its members any more.

    Parameters
    ----------
    path : str
        The archive.
    """

    def __init__(self, path: str) -> None:
        self._file = zipfile.ZipFile(path)
        self._lock = Lock()
        self.members = self._file.infolist()

    def content(self, info: zipfile.ZipInfo) -> Content:
        """Return what reads a member."""
        if info.flag_bits & 1:
            return ENCRYPTED
        if stat.S_ISLNK(info.external_attr >> 16):
            return LINK
        if info.file_size > LARGEST:
            return too_large(info.file_size)
        return partial(whole, partial(self._read, info), info.file_size)

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        # ZipFile counts who uses its file, but not safely where threads come and go.
        with self._lock:
            member = self._file.open(info)
        try:
            return member.read(info.file_size + 1)
        finally:
            with self._lock:
                member.close()
