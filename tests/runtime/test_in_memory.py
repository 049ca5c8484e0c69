"""Whatever stands in the place of an image or an argument gives a row or a UsageError, never another exception."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.images import decode
from galaxy_painter import paint

PICTURE = paint("unbarred_spiral", seed=1, size=100)

GALAXY = np.asarray(PICTURE)

GREY = PICTURE.convert("L")


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier with the default model."""
    return GalaxyClassifier(threads=1)


def encoded(suffix: str = "PNG", **options: Any) -> bytes:
    """Return the galaxy as an image file."""
    buffer = io.BytesIO()
    PICTURE.save(buffer, suffix, **options)
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    """Return an image that Pillow has opened, but not decoded."""
    return Image.open(io.BytesIO(content))


def truncated(suffix: str) -> Image.Image:
    """Return an image that Pillow has opened, and whose file has no end."""
    return opened(encoded(suffix)[:-200])


def closed() -> Image.Image:
    """Return an image that is closed."""
    image = opened(encoded())
    image.close()
    return image


def without_file() -> Image.Image:
    """Return an image whose file is closed before it is decoded."""
    file = io.BytesIO(encoded())
    image = Image.open(file)
    file.close()
    return image


def cannot_be_read() -> bytes:
    """Behave like a caller's function whose file is gone."""
    raise FileNotFoundError("gone")


def encode() -> bytes:
    """Do what a caller's function does."""
    return encoded()


GOOD: dict[str, Callable[[], Any]] = {
    "bytes": encoded,
    "bytearray": lambda: bytearray(encoded()),
    "memoryview": lambda: memoryview(encoded()),
    "part of a memoryview": lambda: memoryview(encoded() + b"behind")[:-6],
    "opened": lambda: opened(encoded()),
    "garbage as EXIF": lambda: opened(encoded(exif=b"Exif\0\0garbage")),
    **{mode: partial(PICTURE.convert, mode) for mode in ("1", "L", "P", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")},
    "LA": lambda: GREY.convert("LA"),
    "La": lambda: GREY.convert("LA").convert("La"),
    "PA": lambda: GREY.convert("PA"),
    "RGBa": lambda: PICTURE.convert("RGBA").convert("RGBa"),
    "I;16": lambda: Image.fromarray(GALAXY[..., 0].astype(np.uint16) * 257),
    "I;16B": lambda: Image.frombytes("I;16B", (100, 100), (GALAXY[..., 0].astype(">u2") * 257).tobytes()),
    "array": lambda: GALAXY,
    "grey array": lambda: GALAXY[..., 0],
    "array that is not contiguous": lambda: GALAXY[::-1].transpose(1, 0, 2)[:, ::-1],
    "array without a masked pixel": lambda: np.ma.masked_array(GALAXY, False),
    "function": lambda: encode,
}

BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "closed": (closed, "damaged or incomplete image: Operation on closed image"),
    "without its file": (without_file, "damaged or incomplete image: "),
    **{
        f"truncated {suffix}": (partial(truncated, suffix), "damaged or incomplete image: ")
        for suffix in ("JPEG", "PNG", "TIFF", "BMP", "GIF")
    },
    "LAB": (lambda: Image.new("LAB", (64, 64)), "unsupported pixels: mode LAB; convert the image to RGB"),
    "F": (lambda: PICTURE.convert("F"), "unsupported pixels: 32-bit grey"),
    "I": (lambda: PICTURE.convert("I"), "unsupported pixels: 32-bit grey"),
    "no pixels": (lambda: Image.new("RGB", (0, 0)), "image too small: 0 x 0 pixels"),
    "float array": (lambda: GALAXY.astype(np.float32), "array has dtype float32, not uint8"),
    "NaN": (lambda: np.full((64, 64, 3), np.nan), "array has NaN or infinite values"),
    "objects": (lambda: GALAXY.astype(object), "array has dtype object, not uint8"),
    "16 bits": (lambda: GALAXY.astype(np.uint16), "array has dtype uint16, not uint8"),
    "truth values": (lambda: GALAXY > 9, "array has dtype bool, not uint8"),
    "records": (lambda: np.zeros((64, 64), [("a", "u1")]), "array has dtype"),
    "empty array": (lambda: np.zeros((0, 0, 3), np.uint8), "image too small: 0 x 0 pixels"),
    "array without columns": (lambda: np.zeros((64, 0, 3), np.uint8), "image too small: 0 x 64 pixels"),
    "number in an array": (lambda: np.array(3, np.uint8), "array has shape (), not (H, W, 3) or (H, W)"),
    "stack": (lambda: GALAXY[None], "array has shape (1, 100, 100, 3), not (H, W, 3) or (H, W)"),
    "colours first": (lambda: GALAXY.transpose(2, 0, 1), "array has shape (3, 100, 100)"),
    "masked pixels": (lambda: np.ma.masked_array(GALAXY, GALAXY > 100), "array has masked pixels; fill them first"),
    "no bytes": (lambda: b"", "empty file"),
    "every other byte": (lambda: memoryview(encoded())[::2], "not an image"),
    "file": (lambda: io.BytesIO(encoded()), "is a BytesIO, not a PIL image, a NumPy array or bytes"),
    "path": (lambda: Path("a.png"), "a NumPy array or bytes; for files use classify()"),
    "text": (lambda: "a.png", "is a str, not a PIL image"),
    "nothing": (lambda: None, "is a NoneType, not a PIL image"),
    "list": (lambda: [[1, 2], [3, 4]], "is a list, not a PIL image"),
    "function without a result": (lambda: lambda: None, "is a NoneType, not a PIL image"),
    "function that fails": (lambda: cannot_be_read, "cannot be read: gone"),
}


@pytest.mark.parametrize("name", GOOD)
def test_every_kind_of_image_is_classified(name: str, classifier: GalaxyClassifier) -> None:
    """One row, with a class."""
    (row,) = classifier.classify([("galaxy", GOOD[name]())])
    assert (row.path, row.status != "error") == ("galaxy", True), row.message
    assert row.label


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", BAD)
def test_every_other_object_is_an_error_row(name: str, classifier: GalaxyClassifier) -> None:
    """One row with a reason; a PIL image that could not be decoded raised what Pillow raises."""
    make, reason = BAD[name]
    (row,) = classifier.classify([("galaxy", make())])
    assert row.status == "error"
    assert reason in row.message
    if "function" not in name:
        with pytest.raises(ImageError, match="image 0: "):
            classifier.predict_proba([make()])


def test_bytes_like_objects_are_one_image(classifier: GalaxyClassifier) -> None:
    """They are no sequence of images."""
    for image in (bytearray(encoded()), memoryview(encoded())):
        assert np.array_equal(classifier.predict_proba(image), classifier.predict_proba(encoded()))


@pytest.mark.parametrize(
    "inputs",
    [5, None, b"bytes", PICTURE, GALAXY, [5], [b"bytes"], [("a", b"", 1)], [(1, b"")], ("a", b""), [["a", b""]]],
)
def test_inputs_of_another_type_are_a_usage_error(inputs: Any, classifier: GalaxyClassifier) -> None:
    """Not a TypeError of the loop that came upon them."""
    with pytest.raises(UsageError, match="is no path"):
        list(classifier.classify(inputs))


@pytest.mark.parametrize(
    "options",
    [{"threshold": "0.5"}, {"threshold": None}, {"threshold": True}, {"batch_size": "8"}, {"batch_size": 2.5},
     {"batch_size": None}],
)  # fmt: skip
def test_arguments_of_another_type_are_a_usage_error(options: dict[str, Any], classifier: GalaxyClassifier) -> None:
    """Before anything is classified."""
    with pytest.raises(UsageError, match="it must be a"):
        classifier.classify([], **options)


@pytest.mark.parametrize(
    "options",
    [{"model": 5}, {"model": b"galaxy-mlp"}, {"threads": "4"}, {"threads": 1.5}, {"threads": True},
     {"max_pixels": "9"}, {"max_pixels": None}, {"crop": "0.5"}, {"exact": "no"}, {"provider": 5}, {"fits": "lupton"}],
)  # fmt: skip
def test_options_of_another_type_are_a_usage_error(options: dict[str, Any]) -> None:
    """Before a model is loaded."""
    with pytest.raises(UsageError, match="it must be a"):
        GalaxyClassifier(**options)


def test_numbers_of_numpy_are_numbers() -> None:
    """As they come out of an array."""
    classifier = GalaxyClassifier(threads=np.int64(1), crop=np.float32(0.5))  # type: ignore[arg-type]
    (row,) = classifier.classify([("a", encoded())], threshold=np.float64(0.1), batch_size=np.int32(2))  # type: ignore[arg-type]
    assert row.status == "ok"


class _Slow(io.BytesIO):
    """A file that lets other threads work while it is read, a little at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        time.sleep(0.0002)
        return super().read(size if size is None or size < 0 else min(size, 2048))


def test_one_image_is_decoded_by_one_thread_at_a_time() -> None:
    """Several threads that decoded it at once read its file from under each other: wrong pictures, called ok."""
    classifier = GalaxyClassifier(threads=4)
    content = io.BytesIO()
    paint("unbarred_spiral", seed=1, size=300).save(content, "JPEG", quality=95)
    (expected,) = classifier.classify([("a", content.getvalue())])
    for _ in range(5):
        image = Image.open(_Slow(content.getvalue()))
        assert list(classifier.classify([("a", image)] * 6, batch_size=1)) == [expected] * 6


def test_images_can_be_decoded_in_a_forked_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if another thread of the parent was decoding when it forked, as a server's may be."""
    monkeypatch.setattr(decode, "LOADING", [Lock()])
    classifier = GalaxyClassifier(threads=1)
    with decode.LOADING[0]:
        child = os.fork()
        if not child:
            signal.alarm(20)
            (row,) = classifier.classify([("a", opened(encoded()))])
            os._exit(0 if row.label else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_batch_may_be_of_any_size(classifier: GalaxyClassifier) -> None:
    """A number that no machine can count to is as good as a large one."""
    assert [row.status for row in classifier.classify([("a", encoded())], batch_size=10**20)] == ["ok"]
