"""Generated outliers: every kind, reproducible, of every size, and no two alike."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from galaxy_painter import paint_set
from galaxy_train.data.outliers.canvas import to_image
from galaxy_train.data.outliers.degraded import out_of_focus
from galaxy_train.data.outliers.drawings import regions, shapes
from galaxy_train.data.outliers.framing import half_light_radius, moved, sky_level
from galaxy_train.data.outliers.generate import ALTERED, GENERATED_KINDS, Draw, generate_outliers


@pytest.fixture(scope="module")
def galaxies() -> NDArray[np.uint8]:
    """Painted galaxies, 64 px."""
    return paint_set(6, seed=3)[0]


@pytest.fixture(scope="module")
def outliers(galaxies: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """Six of each kind."""
    return generate_outliers(galaxies, 6, seed=1)


def seen(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the central three quarters, which a network looks at."""
    margin = images.shape[1] // 8
    return images[:, margin:-margin, margin:-margin]


def test_every_kind_comes_under_its_name(outliers: dict[str, NDArray[np.uint8]]) -> None:
    """Metrics are reported by kind, and a kind can be left out by its name."""
    assert tuple(outliers) == GENERATED_KINDS
    assert len(set(GENERATED_KINDS)) == len(GENERATED_KINDS) > 50
    assert all(kind.isidentifier() and kind == kind.lower() for kind in GENERATED_KINDS)
    assert {(images.dtype, images.shape) for images in outliers.values()} == {(np.dtype(np.uint8), (6, 64, 64, 3))}


@pytest.mark.parametrize("kind", GENERATED_KINDS)
def test_images_of_a_kind_differ_where_a_network_looks(outliers: dict[str, NDArray[np.uint8]], kind: str) -> None:
    """Six times the same picture, or a picture of one value, would teach nothing."""
    images = seen(outliers[kind]).astype(int)
    assert all(np.ptp(image) > 0 for image in images)
    apart = [np.abs(first - second).mean() for number, first in enumerate(images) for second in images[:number]]
    assert min(apart) > 0.5


def test_kinds_made_from_galaxies_show_that_they_are_changed(
    galaxies: NDArray[np.uint8], outliers: dict[str, NDArray[np.uint8]]
) -> None:
    """An outlier that equals a galaxy would teach the network that galaxies are unfamiliar."""
    views = [np.rot90(galaxy, turns) for galaxy in galaxies for turns in range(4)]
    originals = seen(np.stack([*views, *(view[::-1] for view in views)]))[:, ::2, ::2].astype(np.float32)
    originals /= originals.mean(axis=(1, 2, 3), keepdims=True)
    for alter in ALTERED:
        for image in seen(outliers[alter.__name__][:2])[:, ::2, ::2].astype(np.float32):
            difference = np.abs(originals - image / image.mean()).mean(axis=(1, 2, 3))
            # A drawn galaxy is smooth already, so that blur changes it less than it does a real one.
            assert difference.min() > (0.1 if alter is out_of_focus else 0.15), alter.__name__


def test_the_seed_decides(galaxies: NDArray[np.uint8], outliers: dict[str, NDArray[np.uint8]]) -> None:
    """A training can be repeated; another seed draws others; more images of a kind begin with the same ones."""
    again, other = generate_outliers(galaxies, 2, seed=1), generate_outliers(galaxies, 2, seed=2)
    for kind, images in outliers.items():
        assert np.array_equal(again[kind], images[:2]), kind
        assert not np.array_equal(other[kind], images[:2]), kind


def test_kinds_are_drawn_independently(outliers: dict[str, NDArray[np.uint8]]) -> None:
    """Random numbers that two kinds share would make pictures of them alike."""
    first_noise = outliers["noise_white"].astype(int)
    assert np.abs(first_noise - outliers["buried"].astype(int)).mean() > 5
    checksums = {hashlib.sha256(image.tobytes()).digest() for images in outliers.values() for image in images}
    assert len(checksums) == 6 * len(GENERATED_KINDS)


@pytest.mark.parametrize(("size", "count"), [(16, 2), pytest.param(224, 1, marks=pytest.mark.slow)])
def test_every_size(galaxies: NDArray[np.uint8], size: int, count: int) -> None:
    """Networks of any input size are trained."""
    resized = np.stack([np.asarray(Image.fromarray(image).resize((size, size))) for image in galaxies[:4]])
    for kind, images in generate_outliers(resized, count, seed=0).items():
        assert images.shape == (count, size, size, 3), kind
        assert images.any(), kind


@pytest.mark.parametrize("draw", [shapes, regions])
def test_a_picture_looks_alike_at_every_size(draw: Draw) -> None:
    """Lengths are parts of the edge: what a seed draws does not depend on the network's input size."""
    small, large = (to_image(draw(size, np.random.default_rng(6))).convert("L") for size in (64, 192))
    pixels = [np.asarray(image.resize((32, 32), Image.Resampling.BOX), float).ravel() for image in (small, large)]
    assert np.corrcoef(pixels)[0, 1] > 0.9


def test_the_documents_name_every_kind(repository: Path) -> None:
    """A reader of a model card, which names kinds, finds each of them, and how many there are."""
    page = (repository / "docs" / "how-to" / "train.md").read_text(encoding="utf-8")
    table = page[page.index("| | kinds |") : page.index("Galaxies for these come from")]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(GENERATED_KINDS)
    assert f"of each of {len(GENERATED_KINDS)} kinds" in page


def test_images_without_light_or_without_sky(galaxies: NDArray[np.uint8]) -> None:
    """Black and white training images are no reason to fail: nothing is divided by their brightness."""
    for value in (0, 255):
        images = generate_outliers(np.full((1, 16, 16, 3), value, np.uint8), 2, seed=4)
        assert tuple(images) == GENERATED_KINDS


def test_framing_moves_and_measures(galaxies: NDArray[np.uint8]) -> None:
    """A galaxy moved to the right lies there, over sky of its own level."""
    galaxy = galaxies[0].astype(np.float32) / 255
    shifted = moved(galaxy, 20, 0, np.random.default_rng(0))
    light = (shifted - sky_level(galaxy)).clip(0.05).sum(axis=(0, 2))
    assert abs(int(np.argmax(light)) - 52) <= 2
    assert np.abs(np.median(shifted[:, :8], axis=(0, 1)) - sky_level(galaxy)).max() < 0.03
    assert 0.02 < half_light_radius(galaxy) < 0.2
