"""Settings that a command makes for its whole process."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import _imaging

from galaxy_classify.errors import ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.process import silence_libtiff
from tiff_files import DEFLATE, RGB, samples_of, tiff_of


@pytest.fixture
def errors_of_libtiff() -> Iterator[list[bytes]]:
    """Record where libtiff reports errors, and give it back its handler behind the test."""
    set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    reported: list[bytes] = []
    report = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)(
        lambda place, *_: reported.append(place)
    )
    old = set_handler(ctypes.cast(report, ctypes.c_void_p))
    yield reported
    set_handler(old)


@pytest.mark.skipif(sys.platform == "win32", reason="libtiff is a part of Pillow's own library there")
def test_libtiff_writes_nothing_of_its_own(errors_of_libtiff: list[bytes], capfd: pytest.CaptureFixture[str]) -> None:
    """A damaged TIFF is an error row; lines of libtiff went past --quiet and tore the bar."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = bytearray(tiff_of(samples_of(pixels, RGB, 8), RGB, 8, compression=DEFLATE))
    content[200:400] = bytes(200)
    decoder = Decoder(Resizer((64, 64), Preprocessing()))
    with pytest.raises(ImageError, match="damaged"):
        decoder.decode(bytes(content))
    assert errors_of_libtiff
    errors_of_libtiff.clear()
    silence_libtiff()
    with pytest.raises(ImageError, match="damaged"):
        decoder.decode(bytes(content))
    assert errors_of_libtiff == []
    assert capfd.readouterr() == ("", "")
