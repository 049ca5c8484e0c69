"""Hostile input: whatever bytes come, there is a row, a ModelError or a usage error, and the process lives on.

The number of inputs is set by the environment variable ``FUZZ_EXAMPLES``; see the README in this folder.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fits_galaxies import compressed, fits_bytes, image_hdu, nanomaggies
from fuzzing import EXAMPLES, FUZZ
from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import ModelError
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.model import OnnxModel
from galaxy_painter import paint
from in_process import run_classify
from tiny_model import tiny_model

#: Growth of the process while all inputs go through, in bytes; decoders may keep pools, but must not leak.
MEMORY = 400_000_000


pytestmark = [
    pytest.mark.slow,
    # A damaged picture may make Pillow or astropy warn before it fails.
    pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning"),
    pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning"),
]


def encoded(suffix: str, **options: Any) -> bytes:
    """Return a small galaxy as an image file."""
    buffer = io.BytesIO()
    paint("unbarred_spiral", seed=1, size=48).save(buffer, format=suffix, **options)
    return buffer.getvalue()


GALAXY = nanomaggies("unbarred_spiral", seed=1, size=48)

SEEDS = {
    "jpg": encoded("JPEG"),
    "progressive.jpg": encoded("JPEG", progressive=True),
    "png": encoded("PNG"),
    "tif": encoded("TIFF"),
    "lzw.tif": encoded("TIFF", compression="tiff_lzw"),
    "deflate.tif": encoded("TIFF", compression="tiff_adobe_deflate"),
    "webp": encoded("WEBP"),
    "bmp": encoded("BMP"),
    "gif": encoded("GIF"),
    "fits": fits_bytes(image_hdu(GALAXY, BANDS="grz", BUNIT="uJy")),
    "fits.gz": gzip.compress(fits_bytes(image_hdu(GALAXY, BANDS="grz")), mtime=0),
    "rice.fz": compressed(GALAXY, "RICE_1", BANDS="grz"),
    "gzip.fz": compressed(GALAXY, "GZIP_2", BANDS="grz"),
    "hcompress.fz": compressed(GALAXY, "HCOMPRESS_1", BANDS="grz"),
}
ONNX = tiny_model(familiarity=True, embedding=True).SerializeToString()

Edit = Callable[[bytearray, random.Random], None]


def flip_bits(content: bytearray, chance: random.Random) -> None:
    """Change single bits."""
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def extreme_bytes(content: bytearray, chance: random.Random) -> None:
    """Put numbers at the edge of their range where lengths and sizes may stand."""
    position = chance.randrange(len(content))
    content[position : position + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80"])


def cut_out(content: bytearray, chance: random.Random) -> None:
    """Leave out a part."""
    start = chance.randrange(len(content))
    del content[start : start + chance.randint(1, 64)]


def repeat(content: bytearray, chance: random.Random) -> None:
    """Say a part twice."""
    start = chance.randrange(len(content))
    content[start:start] = content[start : start + chance.randint(1, 64)]


def truncate(content: bytearray, chance: random.Random) -> None:
    """End too early."""
    del content[chance.randrange(1, len(content)) :]


def insert_noise(content: bytearray, chance: random.Random) -> None:
    """Put in bytes that mean nothing."""
    position = chance.randrange(len(content))
    content[position:position] = chance.randbytes(chance.randint(1, 32))


def mutated(seeds: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return files that differ from valid ones in up to four ways; headers, which come first, are hit often.

    Those of FITS take a block of 2880 bytes, or two where the image is compressed.
    """
    edits: st.SearchStrategy[list[Edit]] = st.lists(
        st.sampled_from([flip_bits, extreme_bytes, cut_out, repeat, truncate, insert_noise]), min_size=1, max_size=4
    )

    def apply(seed: bytes, chosen: list[Edit], number: int, in_header: bool) -> bytes:
        chance = random.Random(number)
        header = 7000 if seed.startswith(b"SIMPLE  =") else 200
        split = min(header, len(seed)) if in_header else len(seed)
        head, tail = bytearray(seed[:split]), seed[split:]
        for edit in chosen:
            if len(head) > 1:
                edit(head, chance)
        return bytes(head) + tail

    return st.builds(apply, seeds, edits, st.integers(0, 2**32), st.booleans())


@pytest.fixture(scope="module", autouse=True)
def memory_is_bounded() -> Iterator[None]:
    """Fail if the process grows while all inputs go through."""
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before < MEMORY


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier whose pixel limit keeps a fuzzed header from asking for gigabytes."""
    return GalaxyClassifier(threads=1, max_pixels=4_000_000)


@pytest.mark.parametrize("name", SEEDS)
def test_a_damaged_image_gives_a_row(name: str, classifier: GalaxyClassifier, tmp_path: Path) -> None:
    """Exactly one row: a class, or an error with a reason of one line."""
    path = tmp_path / f"a.{name}"

    @FUZZ
    @given(mutated(st.just(SEEDS[name])))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        (row,) = classifier.classify(path)
        if row.status == "error":
            assert row.message
            assert "\n" not in row.message
            assert row.label is None
        else:
            assert row.label in row.probabilities
            assert abs(sum(row.probabilities.values()) - 1) < 1e-4

    check()


def test_a_damaged_model_is_a_model_error(tmp_path: Path) -> None:
    """A mutated ONNX file is refused, or it still keeps the contract; ONNX Runtime never takes the process down."""
    path = tmp_path / "a.onnx"

    @FUZZ
    @given(mutated(st.just(ONNX)))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        with contextlib.suppress(ModelError):
            model = OnnxModel(ModelSource(path))
            if max(model.input_size) <= 1024:
                model.run(np.zeros((2, *model.input_size, 3), np.uint8), embedding=True)

    check()


ARGUMENTS = st.one_of(
    st.sampled_from(
        ["-", "--", "-o", "-f", "-m", "-q", "csv", "jsonl", "table", "--threshold", "--threads", "--batch-size",
         "--max-pixels", "--resume", "--force", "--version", "--help", "0", "-1", "1e999", "nan", "galaxy-mlp",
         "out.csv", "out.jsonl", "a.jpg", ".", "", "\udcff.jpg", "a\0b"]
    ),
    st.text(max_size=12),
)  # fmt: skip


def test_any_command_line_ends_with_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nonsense is a usage error, never a traceback."""
    monkeypatch.setattr("galaxy_classify.parallel.available_threads", lambda: 1)
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        Path("a.jpg").write_bytes(SEEDS["jpg"])

        @settings(FUZZ, max_examples=max(40, EXAMPLES // 3))
        @given(st.lists(ARGUMENTS, max_size=6))
        def check(arguments: list[str]) -> None:
            result = run_classify(*arguments, stdin=b"a.jpg\nnone.jpg\n\xff\n")
            assert result.returncode in (0, 1, 2, 3)

        check()
