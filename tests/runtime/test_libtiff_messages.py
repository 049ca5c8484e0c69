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
def restored_handler() -> Iterator[None]:
    """Give libtiff back its own handler of errors."""
    set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    old = set_handler(None)
    set_handler(old)
    yield
    set_handler(old)


@pytest.mark.skipif(sys.platform == "win32", reason="libtiff is a part of Pillow's own library there")
@pytest.mark.usefixtures("restored_handler")
def test_libtiff_writes_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """A damaged TIFF is an error row; lines of libtiff went past --quiet and tore the bar."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = bytearray(tiff_of(samples_of(pixels, RGB, 8), RGB, 8, compression=DEFLATE))
    content[200:400] = bytes(200)
    decoder = Decoder(Resizer((64, 64), Preprocessing()))
    with pytest.raises(ImageError, match="damaged"):
        decoder.decode(bytes(content))
    assert capfd.readouterr().err
    silence_libtiff()
    with pytest.raises(ImageError, match="damaged"):
        decoder.decode(bytes(content))
    assert capfd.readouterr() == ("", "")
