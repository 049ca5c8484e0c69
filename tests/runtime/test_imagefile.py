"""Files that cannot be classified, each with its reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from galaxy_classify import imagefile
from galaxy_classify.contract import Preprocessing
from galaxy_classify.errors import ImageError
from galaxy_painter import paint


def reason(path: Path | str) -> str:
    """Return why a file is refused."""
    with pytest.raises(ImageError) as refused:
        imagefile.read_model_pixels(str(path), (64, 64), Preprocessing())
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


def test_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read says so (made up here, because root may read everything)."""
    (tmp_path / "a.jpg").write_text("x")
    monkeypatch.setattr(imagefile, "open", refuse, raising=False)
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
    assert reason(tmp_path / "a.jpg").startswith("not an image in a supported format (JPEG, PNG, ")


def test_unsupported_format(tmp_path: Path) -> None:
    """Pillow reads more formats than the ones that are listed; those are refused."""
    paint("smooth_round", seed=0, size=64).save(tmp_path / "a.ppm")
    assert reason(tmp_path / "a.ppm").startswith("not an image in a supported format")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_truncated_file(tmp_path: Path, suffix: str) -> None:
    """A broken download is not filled up with grey."""
    path = tmp_path / f"a{suffix}"
    paint("smooth_round", seed=0, size=200).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert reason(path).startswith("damaged or incomplete image: ")


def test_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decompression bomb is refused by its header, before anything is unpacked."""
    paint("smooth_round", seed=0, size=64).save(tmp_path / "a.png")
    monkeypatch.setattr(imagefile, "MAX_PIXELS", 64 * 64 - 1)
    assert reason(tmp_path / "a.png") == "too many pixels: 64 x 64, at most 4,095 are decoded"


def test_reasons_are_one_line(tmp_path: Path) -> None:
    """A reason fits into one cell of a table."""
    path = tmp_path / "a.png"
    paint("smooth_round", seed=0, size=64).save(path)
    path.write_bytes(path.read_bytes()[:60])
    assert "\n" not in reason(path)
