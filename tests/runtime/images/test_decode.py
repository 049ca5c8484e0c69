"""Files that cannot be classified, each with its reason."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray

from galaxy_classify.errors import ImageError
from galaxy_classify.images import open_file
from galaxy_classify.images.crop import Picture
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_painter import paint


def reason(path: Path | str) -> str:
    """Return why a file is refused."""
    with pytest.raises(ImageError) as refused:
        Decoder(Resizer((64, 64), Preprocessing())).read(str(path))
    return str(refused.value)


def refuse(*_: object) -> None:
    """Behave like a file that the user may not read."""
    raise PermissionError(13, "Permission denied")


def test_missing_file(tmp_path: Path) -> None:
    """A file that vanished is named as such."""
    assert reason(tmp_path / "none.jpg") == "no such file"
    assert reason("") == "no such file"


def test_below_a_file(tmp_path: Path) -> None:
    """A path through a file leads nowhere."""
    (tmp_path / "file").write_text("x")
    assert reason(tmp_path / "file" / "a.jpg") == "no such file"


def test_empty_file(tmp_path: Path) -> None:
    """A download that never began has no bytes."""
    (tmp_path / "a.jpg").touch()
    assert reason(tmp_path / "a.jpg") == "empty file"


def test_folder(tmp_path: Path) -> None:
    """A folder in a list of files is not searched."""
    assert reason(tmp_path) == "is a folder, not an image"


def test_pipe_does_not_block(tmp_path: Path) -> None:
    """A FIFO is refused before it is opened, for opening it would wait for ever."""
    os.mkfifo(tmp_path / "a.jpg")
    assert reason(tmp_path / "a.jpg") == "not a regular file"


@pytest.mark.parametrize("length", [None, 900], ids=["whole", "cut off"])
def test_file_that_is_written_to_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int | None) -> None:
    """What was read of it may have a hole that no decoder notices, so that it is refused, and not called damaged."""
    path = tmp_path / "a.jpg"
    paint("smooth_round", 1).save(path, quality=90)
    path.write_bytes(path.read_bytes()[:length])
    decode = Decoder.decode_file

    def written_to(decoder: Decoder, file: BinaryIO) -> Picture:
        with path.open("ab") as other:
            other.write(b"more")
        return decode(decoder, file)

    monkeypatch.setattr(Decoder, "decode_file", written_to)
    assert reason(path) == "the file changed while it was read: classify it again when it is complete"


def test_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read says so (made up here, because root may read everything)."""
    (tmp_path / "a.jpg").write_text("x")
    monkeypatch.setattr(open_file, "open", refuse, raising=False)
    assert reason(tmp_path / "a.jpg") == "permission denied"


def test_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed folder is told from one that was named by mistake."""
    monkeypatch.setattr(os, "scandir", refuse)
    assert reason(tmp_path) == "permission denied"


def test_name_that_no_file_can_have() -> None:
    """Neither a NUL nor an endless name makes a traceback."""
    assert reason("a\0b.jpg").startswith("cannot be opened")
    assert reason("a" * 5000).startswith("cannot be opened")


def test_not_an_image(tmp_path: Path) -> None:
    """Text under an image's name is not an image."""
    (tmp_path / "a.jpg").write_text("<html>404 Not Found</html>")
    assert reason(tmp_path / "a.jpg") == "not an image (supported: JPEG, PNG, TIFF, WEBP, BMP, GIF, FITS)"


@pytest.mark.parametrize(
    ("suffix", "name"), [("ppm", "PPM"), ("ico", "ICO"), ("jp2", "JPEG 2000"), ("pdf", "PDF"), ("avif", "AVIF")]
)
def test_unsupported_format(tmp_path: Path, suffix: str, name: str) -> None:
    """Pillow reads more formats than the ones that are listed; those are refused, by name."""
    paint("smooth_round", seed=0, size=64).save(tmp_path / f"a.{suffix}")
    expected = f"unsupported format: {name} (supported: JPEG, PNG, TIFF, WEBP, BMP, GIF, FITS)"
    assert reason(tmp_path / f"a.{suffix}") == expected


def test_hdf5_is_named(tmp_path: Path) -> None:
    """An astronomer's most likely mistake is told by its name."""
    (tmp_path / "a.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n".ljust(2048))
    assert reason(tmp_path / "a.hdf5").startswith("unsupported format: HDF5")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif"])
def test_a_damaged_header_is_told_from_a_foreign_file(tmp_path: Path, suffix: str) -> None:
    """A JPEG of which only the first bytes arrived is a broken JPEG, not something else."""
    path = tmp_path / f"a{suffix}"
    paint("smooth_round", seed=0, size=64).save(path)
    path.write_bytes(path.read_bytes()[:13])
    assert reason(path).startswith("damaged or incomplete image: ")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_truncated_file(tmp_path: Path, suffix: str) -> None:
    """A broken download is not filled up with grey."""
    path = tmp_path / f"a{suffix}"
    paint("smooth_round", seed=0, size=200).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert reason(path).startswith("damaged or incomplete image: ")


def test_too_many_pixels(tmp_path: Path) -> None:
    """The limit is the user's, to the pixel."""
    path = tmp_path / "a.png"
    paint("smooth_round", seed=0, size=64).save(path)
    Decoder(Resizer((64, 64), Preprocessing()), max_pixels=64 * 64).read(str(path))
    with pytest.raises(ImageError, match="too many pixels: 64 x 64, the limit is 4,095"):
        Decoder(Resizer((64, 64), Preprocessing()), max_pixels=64 * 64 - 1).read(str(path))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("edge", [10_000, 50_000])
def test_a_decompression_bomb_is_not_unpacked(tmp_path: Path, edge: int) -> None:
    """A small file that claims a huge picture is refused by its header: where Pillow warns, and where it raises."""
    path = tmp_path / "bomb.png"
    paint("smooth_round", seed=0, size=64).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", edge, edge)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    assert reason(path).startswith("too many pixels: ")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_of_an_animation_the_first_frame_is_classified(tmp_path: Path, suffix: str) -> None:
    """The row says that there were more."""
    path = tmp_path / f"a{suffix}"
    frames = [paint(kind, seed=1, size=100) for kind in ("smooth_round", "edge_on_disk", "unbarred_spiral")]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    found = Decoder(Resizer((64, 64), Preprocessing())).read(str(path))
    assert found.note == "first frame of several"
    if suffix != ".gif":  # its palette changes the colours
        assert np.array_equal(found.pixels, Decoder(Resizer((64, 64), Preprocessing())).decode(frames[0]).pixels)


def sixteen_bit_png(pixels: NDArray[np.uint16]) -> bytes:
    """Return a PNG with 16 bits a channel, which Pillow reads but does not write in colour."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2}[channels], 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return content


def sixteen_bit_tiff(pixels: NDArray[np.uint16]) -> bytes:
    """Return an uncompressed TIFF with 16 bits a channel."""
    height, width, channels = pixels.shape
    entries = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, channels, 16 if channels == 1 else 8), (259, 3, 1, 1),
        (262, 3, 1, 1 if channels == 1 else 2), (273, 4, 1, 14), (277, 3, 1, channels), (278, 3, 1, height),
        (279, 4, 1, pixels.nbytes),
    ]  # fmt: skip
    # At byte 8 stand the three bit depths, then the pixels, then the directory.
    content = struct.pack("<2sHI3H", b"II", 42, 14 + pixels.nbytes, 16, 16, 16) + pixels.astype("<u2").tobytes()
    content += struct.pack("<H", len(entries))
    return content + b"".join(struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", 0)


@pytest.mark.parametrize(("suffix", "encode"), [("png", sixteen_bit_png), ("tif", sixteen_bit_tiff)])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled_to_eight(
    tmp_path: Path, suffix: str, encode: Callable[[NDArray[np.uint16]], bytes], channels: int
) -> None:
    """In grey and in colour, the high byte is kept and nothing is clipped."""
    pixels = np.random.default_rng(0).integers(0, 65535, (64, 64, channels), dtype=np.uint16)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(encode(pixels))
    found = Decoder(Resizer((64, 64), Preprocessing())).read(str(path)).pixels
    assert np.array_equal(found, np.broadcast_to(pixels >> 8, (64, 64, 3)))


def test_reasons_are_one_line(tmp_path: Path) -> None:
    """A reason fits into one cell of a table."""
    path = tmp_path / "a.png"
    paint("smooth_round", seed=0, size=64).save(path)
    path.write_bytes(path.read_bytes()[:60])
    assert "\n" not in reason(path)
