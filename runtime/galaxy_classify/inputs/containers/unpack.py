"""Unpack bz2 and xz files to their very end."""

from __future__ import annotations

import bz2
import io
import lzma
import os
from collections.abc import Callable
from typing import Any, BinaryIO, Final

#: Bytes read at a time.
CHUNK: Final = 1 << 16


def open_bz2(path: str) -> BinaryIO:
    """Open a bz2 file for reading."""
    return io.BufferedReader(_Unpacked(path, bz2.BZ2Decompressor), CHUNK)


def open_xz(path: str) -> BinaryIO:
    """Open an xz file for reading."""
    return io.BufferedReader(_Unpacked(path, lzma.LZMADecompressor), CHUNK)


class _Unpacked(io.RawIOBase):
    """The unpacked streams of a file, one after another.

    `bz2.open` and `lzma.open` take whatever follows the first stream and is none for nothing, so that the rest of a
    damaged file would be absent without an error. Here only zeros may follow.
    """

    def __init__(self, path: str, new: Callable[[], Any]) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed with this object
        self._new = new
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._unpacker = self._new()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        position += self._position if whence == os.SEEK_CUR else 0
        if position < self._position:
            self._rewind()
        while position > self._position and self.read(min(CHUNK, position - self._position)):
            pass
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data:
            packed = b""
            if self._unpacker.eof:
                packed = self._unpacker.unused_data.lstrip(b"\0")
                while not packed and (chunk := self._file.read(CHUNK)):
                    packed = chunk.lstrip(b"\0")
                if not packed:
                    return 0
                self._unpacker = self._new()
            elif self._unpacker.needs_input and not (packed := self._file.read(CHUNK)):
                raise EOFError("compressed file ends too early")
            data = self._unpacker.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
