"""Pictures that no one would recognise, and real ones that must not be taken for such."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify import GalaxyClassifier
from galaxy_classify.images.picture_check import doubts
from galaxy_painter import KINDS, paint
from in_process import run_classify

BLACK, WHITE = "almost all black", "almost all white"
BURNT, FLAT = "burnt out in the central part", "no contrast in the central part"


def galaxy(kind: str = "unbarred_spiral", seed: int = 0) -> NDArray[np.uint8]:
    """Return a drawn galaxy, 64 pixels wide."""
    return np.asarray(paint(kind, seed, 64))


def spoilt() -> dict[str, NDArray[np.uint8]]:
    """Return pictures in the model's size by why no one would recognise them; noise keeps them from being constant."""
    noise = np.random.default_rng(0).integers(0, 8, (64, 64, 3))
    good = galaxy().astype(int)
    return {
        BLACK: (good // 16 + noise).clip(0, 255).astype(np.uint8),
        WHITE: (255 - noise).astype(np.uint8),
        BURNT: (good * 6).clip(0, 255).astype(np.uint8),
        FLAT: (100 + noise).astype(np.uint8),
    }


@pytest.mark.parametrize("margin", [0, 8])
def test_each_kind_has_its_reason(margin: int) -> None:
    """In a batch as alone; a good neighbour is not touched."""
    pictures = spoilt()
    batch = np.stack([*pictures.values(), galaxy()])
    assert doubts(batch, margin) == [*pictures, ""]
    assert [doubts(picture[np.newaxis], margin)[0] for picture in batch] == [*pictures, ""]


def test_drawn_galaxies_are_no_doubt() -> None:
    """Of every kind, and in a model's input of another size."""
    for kind in KINDS:
        assert doubts(np.stack([galaxy(kind, seed) for seed in range(10)]), 8) == [""] * 10
    assert doubts(np.stack([np.asarray(paint("smooth_round", 1, 16))]), 0) == [""]


def test_a_negative_is_nearly_white() -> None:
    """As on a photographic plate."""
    assert doubts(255 - galaxy()[np.newaxis], 8) == [WHITE]


def test_only_what_the_model_sees_counts() -> None:
    """A white frame is outside of its margin."""
    framed = np.full((64, 64, 3), 255, np.uint8)
    framed[8:56, 8:56] = galaxy()[8:56, 8:56]
    assert doubts(framed[np.newaxis], 8) == [""]


@pytest.mark.parametrize("form", ["array", "PIL image", "JPEG", "PNG"])
def test_a_row_is_uncertain_with_the_reason_whatever_it_came_from(form: str) -> None:
    """Confidence and class stay, so that a threshold of 0 does not make it `ok`."""
    classifier = GalaxyClassifier(threads=1, min_familiarity=0)
    for reason, pixels in spoilt().items():
        image: Image.Image | NDArray[np.uint8] | bytes = pixels
        if form != "array":
            image = Image.fromarray(pixels)
        if form in ("JPEG", "PNG"):
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, form, quality=95)
            image = content.getvalue()
        (row,) = classifier.classify([("spoilt", image)], threshold=0)
        assert (row.status, row.message) == ("uncertain", reason)
        assert row.label is not None
        assert row.confidence == max(row.probabilities.values())


def test_the_command_counts_them_as_uncertain(tmp_path: Path) -> None:
    """Rows of errors are as they were, and the good ones too."""
    for number, pixels in enumerate(spoilt().values()):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "4.png").write_bytes(b"")
    paint("smooth_round", 1, 100).save(tmp_path / "5.png")
    result = run_classify(tmp_path, "-o", tmp_path / "out.csv", "--threshold", "0", "--min-familiarity", "0")
    assert "6 images: 5 classified (4 of them uncertain), 0 unfamiliar, 1 failed" in result.stderr
    rows = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == ["uncertain"] * 4 + ["error", "ok"]
    assert [row.split(",")[-2] for row in rows] == [BLACK, WHITE, BURNT, FLAT, "empty file", ""]


@pytest.mark.data
@pytest.mark.parametrize("margin", [0, 8])
def test_one_real_galaxy_in_a_thousand_is_touched_at_most(margin: int, galaxy_data: Path) -> None:
    """On the galaxies that the limits were chosen on, and on those that they were not."""
    h5py = pytest.importorskip("h5py")
    for name in ("train", "test"):
        with h5py.File(galaxy_data / "galaxies64" / f"{name}_dataset.hdf5") as file:
            pictures = file["images"][:]
        found = Counter(doubts(pictures, margin))
        assert sum(found.values()) - found[""] <= len(pictures) / 1000, found
