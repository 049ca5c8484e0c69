"""Each change to an image does what its name says."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from galaxy_painter import paint_set
from galaxy_train.evaluation.perturbations import PERTURBATIONS

Images = NDArray[np.uint8]
BY_NAME = {perturbation.name: perturbation.apply for perturbation in PERTURBATIONS}


def flat(*pixel: int) -> Images:
    """Return one image of a single colour."""
    return np.full((1, 64, 64, 3), pixel, np.uint8)


def with_disc(radius: float, sky: int = 0, across: float = 31.5, down: float = 31.5) -> Images:
    """Return one image of a white disc on a sky."""
    y, x = np.mgrid[:64, :64]
    inside = np.hypot(x - across, y - down) < radius
    return np.where(inside[np.newaxis, :, :, np.newaxis], 255, sky).repeat(3, axis=3).astype(np.uint8)


def centre(image: Images) -> tuple[float, float]:
    """Return the mean position of an image's light, across and down."""
    light = image.sum(axis=2, dtype=float)
    y, x = np.mgrid[:64, :64]
    return float((x * light).sum() / light.sum()), float((y * light).sum() / light.sum())


@pytest.fixture(scope="module")
def galaxies() -> Images:
    """Two galaxies of each class."""
    return paint_set(per_class=2, seed=3)[0]


def test_every_change_is_repeatable_and_leaves_the_original(galaxies: Images) -> None:
    """Names are a family and a level; two calls give the same new images, and the given ones stay as they are."""
    assert len(BY_NAME) == len(PERTURBATIONS) == 53
    before = galaxies.copy()
    for name, change in BY_NAME.items():
        assert len(name.split()) == 2
        changed = change(galaxies)
        assert (changed.shape, changed.dtype.name) == (galaxies.shape, "uint8"), name
        assert (changed != before).any(axis=(1, 2, 3)).all(), name
        assert np.array_equal(changed, change(galaxies)), name
    assert np.array_equal(galaxies, before)


@pytest.mark.parametrize("edge", [8, 18, 33])
def test_other_sizes_of_image(edge: int) -> None:
    """An edge that is odd, or no multiple of a patch of sky, is kept."""
    images = np.random.default_rng(0).integers(0, 255, (2, edge, edge, 3), np.uint8)
    for change in BY_NAME.values():
        assert change(images).shape == images.shape


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("brightness x0.5", (50, 25, 100)),
        ("brightness x2", (200, 100, 255)),
        ("sky +80", (180, 130, 255)),
        ("gamma 2", (39, 10, 157)),
        ("gamma 0.5", (160, 113, 226)),
        ("colour redder", (130, 50, 154)),
        ("colour bluer", (77, 50, 255)),
        ("colour bgr", (200, 50, 100)),
        ("colour grey", (82, 82, 82)),
        ("colour red-only", (100, 0, 0)),
        ("colour green-only", (0, 50, 0)),
        ("colour blue-only", (0, 0, 200)),
        ("colour no-red", (0, 50, 200)),
        ("colour no-green", (100, 0, 200)),
        ("colour no-blue", (100, 50, 0)),
        ("colour negative", (155, 205, 55)),
        ("jpeg 90", (100, 50, 200)),
        ("blur 3", (100, 50, 200)),
        ("shift 35%", (100, 50, 200)),
        ("rotation 45", (100, 50, 200)),
        ("zoom x0.4", (100, 50, 200)),
        ("zoom x4", (100, 50, 200)),
    ],
)
def test_a_colour_becomes(name: str, expected: tuple[int, int, int]) -> None:
    """Computed by hand for red 100, green 50, blue 200; what moves light leaves a flat image as it is."""
    changed = BY_NAME[name](flat(100, 50, 200)).astype(int)
    assert np.abs(changed - np.array(expected)).max() <= (2 if name.startswith("jpeg") else 0)


def test_jpeg_is_pillows(galaxies: Images) -> None:
    """The pixels are those of a file of that quality, and a lower quality differs more."""
    file = io.BytesIO()
    Image.fromarray(galaxies[1]).save(file, "JPEG", quality=30)
    assert np.array_equal(BY_NAME["jpeg 30"](galaxies)[1], np.asarray(Image.open(file)))
    errors = [np.abs(BY_NAME[f"jpeg {quality}"](galaxies) - galaxies.astype(float)).mean() for quality in (90, 50, 15)]
    assert errors == sorted(errors)


@pytest.mark.parametrize("sigma", [4, 8, 16, 32])
def test_noise_has_its_standard_deviation(sigma: int) -> None:
    """In each band on its own, around the image's level."""
    difference = BY_NAME[f"noise {sigma}"](flat(128, 128, 128))[0].reshape(-1, 3).astype(float) - 128
    assert np.abs(difference.mean(axis=0)).max() < 0.06 * sigma
    assert difference.std(axis=0) == pytest.approx(sigma, rel=0.04)
    assert np.abs(np.corrcoef(difference.T) - np.eye(3)).max() < 0.05


@pytest.mark.parametrize("sigma", [0.5, 1, 2, 3])
def test_blur_has_its_width(sigma: float) -> None:
    """An edge becomes a slope, whose derivative has that standard deviation."""
    edge = flat(0, 0, 0)
    edge[:, :, 32:] = 240
    slope = np.diff(BY_NAME[f"blur {sigma:g}"](edge)[0, 32, :, 0].astype(float))
    places = np.arange(63)
    mean = (places * slope).sum() / slope.sum()
    assert mean == pytest.approx(31, abs=0.05)
    assert np.sqrt(((places - mean) ** 2 * slope).sum() / slope.sum()) == pytest.approx(sigma, rel=0.08)


def test_shift_moves_by_a_share_of_the_edge() -> None:
    """The first image to the right, the others in other directions, all by the same distance."""
    for share in (8, 16, 25):
        changed = BY_NAME[f"shift {share}%"](with_disc(3).repeat(5, axis=0))
        moves = np.array([centre(image) for image in changed]) - 31.5
        assert moves[0] == pytest.approx([round(0.64 * share), 0])
        assert np.hypot(*moves.T) == pytest.approx(0.64 * share, abs=0.8)
        assert len(np.unique(np.arctan2(*moves.T).round(1))) == 5


def test_rotation_turns_anticlockwise_about_the_centre(galaxies: Images) -> None:
    """A quarter turn moves pixels only; by 30 degrees, what lies to the right moves up."""
    assert np.array_equal(BY_NAME["rotation 90"](galaxies), np.rot90(galaxies, axes=(1, 2)))
    across, down = centre(BY_NAME["rotation 30"](with_disc(3, across=51.5))[0])
    assert (across - 31.5, down - 31.5) == pytest.approx((20 * np.cos(np.pi / 6), -10), abs=0.15)


@pytest.mark.parametrize("factor", [0.4, 0.5, 0.67, 0.75, 1.25, 1.5, 2, 3, 4])
def test_zoom_enlarges_about_the_centre(factor: float) -> None:
    """The area of a disc grows by the square of the factor; what is off centre moves away from it."""
    disc = with_disc(7)
    change = BY_NAME[f"zoom x{factor:g}"]
    changed = change(disc)
    assert changed.sum(dtype=float) / disc.sum(dtype=float) == pytest.approx(factor**2, rel=0.03)
    assert centre(changed[0]) == pytest.approx((31.5, 31.5), abs=0.05)
    across, _ = centre(change(with_disc(2, across=35.5))[0])
    assert across - 31.5 == pytest.approx(4 * factor, abs=0.15)


@pytest.mark.parametrize("name", ["shift 35%", "zoom x0.4", "rotation 45"])
def test_beyond_the_frame_is_the_images_own_sky(name: str) -> None:
    """Its level, noise and colour, but neither black nor a bright neighbour at the border."""
    rng = np.random.default_rng(1)
    noisy = with_disc(8, sky=0).astype(float) + rng.normal(0, 1, (1, 64, 64, 1)) * 4 + np.array([40, 30, 20])
    noisy[0, :6, 20:30] = 255
    images = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    changed = BY_NAME[name](images)[0].astype(float)
    beyond = changed[:, :14] if name == "shift 35%" else changed[:6, :6]
    pixels = beyond.reshape(-1, 3)
    assert pixels.mean(axis=0) == pytest.approx([40, 30, 20], abs=2)
    assert pixels.min() > 0
    assert pixels.max() < 80
    assert 1 < pixels.std(axis=0).mean() < 5
    assert np.corrcoef(pixels.T).min() > 0.9
