"""Refuse JPEGs that take too long to decode, or whose colours Pillow would get wrong."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from galaxy_classify.errors import ImageError

#: Scans of a progressive JPEG. Encoders write about ten. Each takes as long as the picture has pixels, even if it has
#: a few bytes only: 1.3 MB of them have taken 82 s.
MOST_SCANS: Final = 100


#: Markers that begin a frame, by what they say of it; those that are not here are read.
_UNSUPPORTED_FRAMES: Final = {
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical",
    0xC7: "lossless, hierarchical",
    0xC9: "arithmetic coding",
    0xCA: "progressive, arithmetic coding",
    0xCB: "lossless, arithmetic coding",
    0xCD: "hierarchical, arithmetic coding",
    0xCE: "hierarchical, arithmetic coding",
    0xCF: "lossless, hierarchical, arithmetic coding",
}


_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2


_START_OF_SCAN: Final = 0xDA


#: Fill bytes and markers that stand alone: between segments they are rare, but decoders pass over them.
_WITHOUT_LENGTH: Final = (0x00, 0x01, *range(0xD0, 0xDA), 0xFF)


_CHUNK: Final = 1 << 20


def is_jpeg(head: bytes) -> bool:
    """Return whether a file is a JPEG, from its first bytes."""
    return head.startswith(b"\xff\xd8\xff")


@dataclass(frozen=True, slots=True)
class _Frame:
    marker: int
    bits: int
    components: int


def check_file(file: BinaryIO) -> None:
    """Check a JPEG up to its first scan, and count the scans if there may be several.

    The file is left at an unspecified position. Damage is left to the decoder to find.

    Raises
    ------
    ImageError
        If the JPEG has too many scans, or is of a kind that is not read.
    """
    frame = None
    file.seek(2)
    while len(head := file.read(4)) == 4:
        prefix, marker, length = struct.unpack(">BBH", head)
        if prefix != 0xFF or marker in _WITHOUT_LENGTH or length < 2:
            break
        if marker in (_BASELINE, _EXTENDED, _PROGRESSIVE) or marker in _UNSUPPORTED_FRAMES:
            content = file.read(length - 2)
            if len(content) < 6:
                break
            frame = _Frame(marker, content[0], content[5])
            _check_frame(frame)
        elif marker == _START_OF_SCAN:
            if frame and frame.marker != _PROGRESSIVE and file.read(1) == bytes([frame.components]):
                return  # all colours are in the only scan, as in nearly every JPEG
            break
        else:
            file.seek(length - 2, io.SEEK_CUR)
    _count_scans(file)


def _check_frame(frame: _Frame) -> None:
    kind = _UNSUPPORTED_FRAMES.get(frame.marker) or (f"{frame.bits} bits" if frame.bits != 8 else "")
    if not kind and frame.components not in (1, 3, 4):
        kind = f"{frame.components} colours"
    if kind:
        raise ImageError(f"unsupported pixels: JPEG, {kind}; save it as an ordinary JPEG or as PNG")


def _count_scans(file: BinaryIO) -> None:
    """Raise `ImageError` if a JPEG has too many scans.

    Within a scan, no byte after 0xFF is that of a marker. Other segments may hold a few such pairs, which are counted.
    """
    scans, last = 0, b""
    file.seek(0)
    while chunk := file.read(_CHUNK):
        scans += (last + chunk).count(bytes([0xFF, _START_OF_SCAN]))
        if scans > MOST_SCANS:
            raise ImageError(f"too many scans: the JPEG has more than {MOST_SCANS}; save it anew")
        last = chunk[-1:] if chunk.endswith(b"\xff") else b""


def check_colours(image: Any) -> None:
    """Refuse an opened JPEG with four colours unless an Adobe marker says that they are inverted CMYK.

    Pillow inverts them always.
    """
    if image.mode == "CMYK" and "adobe" not in image.info:
        raise ImageError("unsupported pixels: CMYK without an Adobe marker, so that it may be inverted; save it as RGB")
