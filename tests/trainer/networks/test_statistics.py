"""What a network judges familiarity by: statistics that can be computed by hand, the same in all orientations."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow

#: The square root of the least variance, which stands for zero.
NOTHING = 0.01


def turn(images: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror each image of a batch."""
    from galaxy_train.networks.symmetric import orient

    return np.stack([orient(image, orientation) for image in images])


def pixel_statistics(images: np.ndarray) -> np.ndarray:
    """Return the statistics of the pixels of images from 0 to 1."""
    from galaxy_train.networks.statistics import PixelStatistics

    statistics: np.ndarray = np.asarray(PixelStatistics()(images.astype(np.float32)))
    return statistics


def galaxy(edge: int, brightness: tuple[float, float, float]) -> np.ndarray:
    """Return a batch of one round galaxy, whose bands have these peaks above a sky of 0.1."""
    y, x = (np.mgrid[:edge, :edge] + 0.5) * 2 / edge - 1
    light = np.exp(-(x**2 + y**2) / 0.1)[..., np.newaxis] * np.array(brightness)
    image: np.ndarray = (0.1 + light)[np.newaxis]
    return image


@pytest.mark.parametrize("edge", [16, 24, 48, 88])
def test_pixels_say_the_same_in_all_orientations(edge: int) -> None:
    """Familiarity must not depend on how a galaxy happens to lie; 62 numbers, whatever the edge."""
    images = np.random.default_rng(edge).random((3, edge, edge, 3)) ** 2
    upright = pixel_statistics(images)
    assert upright.shape == (3, 62)
    has_cells = edge > 16  # in which pixels can differ
    assert np.ptp(upright, axis=0)[[True] * 57 + [has_cells] * 3 + [True] * 2].min() > 0
    for orientation in range(8):
        assert pixel_statistics(turn(images, orientation)) == pytest.approx(upright, abs=1e-5)


def test_a_uniform_image_has_a_level_and_nothing_else() -> None:
    """Every difference is zero; a standard deviation of zero is 0.01, the root of the least variance."""
    statistics = pixel_statistics(np.full((1, 48, 48, 3), [0.25, 0.5, 0.75]))[0]
    assert statistics[:3] == pytest.approx([0.25, 0.5, 0.75], abs=1e-6)
    rings = statistics[3:57].reshape(6, 9)
    assert rings[:, :3] == pytest.approx(0, abs=1e-6)
    assert rings[:, 3:6] == pytest.approx(NOTHING, abs=1e-5)
    assert rings[:, 6:] == pytest.approx(0, abs=1e-6)
    assert statistics[57:] == pytest.approx(NOTHING, abs=1e-5)


def test_a_missing_band_shows() -> None:
    """Its level and contrast are zero, and it goes with no other band; the other two still go together."""
    images = np.repeat(np.random.default_rng(0).random((1, 12, 12, 1)), 4, axis=1).repeat(4, axis=2) * [1, 1, 0]
    statistics = pixel_statistics(images)[0]
    assert statistics[2] == 0
    rings = statistics[3:57].reshape(6, 9)
    assert rings[:, 5] == pytest.approx(NOTHING, abs=1e-6)
    assert rings[:, 3] == pytest.approx(rings[:, 4], abs=1e-6)
    red_green, green_blue, blue_red = rings[:, 6:].T
    assert red_green.min() > 0.95
    assert green_blue == pytest.approx(0, abs=1e-5)
    assert blue_red == pytest.approx(0, abs=1e-5)


def test_rings_go_outwards() -> None:
    """A galaxy is bright in the middle and faint outside, a negative the reverse."""
    image = galaxy(48, (0.8, 0.6, 0.4))
    means = pixel_statistics(image)[0, 3:57].reshape(6, 9)[:, :3]
    assert (np.diff(means, axis=0) < 0).all()
    assert means[0] / means[0, 0] == pytest.approx([1, 0.75, 0.5], abs=1e-3)
    negative = pixel_statistics(1 - image)[0, 3:57].reshape(6, 9)[:, :3]
    assert negative == pytest.approx(-means, abs=1e-5)


def test_fine_structure_is_what_lies_within_the_cells() -> None:
    """A chessboard of pixels has no contrast left between cells of 4 by 4 pixels, and all of it within them."""
    y, x = np.mgrid[:48, :48]
    statistics = pixel_statistics(np.repeat(((y + x) % 2)[np.newaxis, ..., np.newaxis], 3, axis=3))[0]
    assert statistics[57:60] == pytest.approx(0.5, abs=1e-3)
    assert statistics[6:9] == pytest.approx(NOTHING, abs=1e-5)


def test_asymmetry_is_zero_for_what_is_symmetric() -> None:
    """A round galaxy looks the same after half a turn and a quarter, an edge-on one after half a turn only."""
    y, x = (np.mgrid[:48, :48] + 0.5) / 24 - 1
    edge_on = np.repeat(np.exp(-(x**2) / 0.3 - y**2 / 0.01)[np.newaxis, ..., np.newaxis], 3, axis=3)
    lopsided = edge_on * (x > 0)[..., np.newaxis]
    half, quarter = np.concatenate([pixel_statistics(i) for i in (galaxy(48, (0.8, 0.6, 0.4)), edge_on, lopsided)])[
        :, 60:
    ].T
    assert half == pytest.approx([NOTHING, NOTHING, half[2]], abs=1e-4)
    assert quarter[0] == pytest.approx(NOTHING, abs=1e-4)
    assert quarter[1] > 0.1
    assert half[2] > 0.1


def test_asymmetry_by_hand() -> None:
    """Half of the image bright: after half a turn each pixel differs by 1; after a quarter, half of them do."""
    image = np.zeros((1, 48, 48, 3))
    image[:, :24] = 1
    assert pixel_statistics(image)[0, 60:] == pytest.approx([1, 0.5**0.5], abs=1e-3)


@pytest.mark.parametrize("edge", [6, 12])
def test_features_say_the_same_in_all_orientations(edge: int) -> None:
    """For maps of a layer of ours: turning the image turns the maps and permutes their eight channels."""
    from galaxy_train.networks.statistics import FeatureStatistics
    from galaxy_train.networks.symmetric import SymmetricConvolution

    layer, statistics = SymmetricConvolution(5, 3, lifting=True), FeatureStatistics()
    images = np.random.default_rng(1).random((2, edge, edge, 3)).astype(np.float32)
    upright = np.asarray(statistics(layer(images)))
    assert upright.shape == (2, 15)
    for orientation in range(8):
        assert np.asarray(statistics(layer(turn(images, orientation)))) == pytest.approx(upright, abs=1e-5)


def test_features_by_hand() -> None:
    """Of two features: mean 0.5 and spread 0.5 where half of the orientations have ones; mean 3 and no spread."""
    from galaxy_train.networks.statistics import FeatureStatistics

    maps = np.zeros((1, 4, 4, 8, 2), np.float32)  # channels are ordered by orientation, then by feature
    maps[:, :, :, :4, 0] = 1
    maps[..., 1] = 3
    mean, spread, size = np.asarray(FeatureStatistics()(maps.reshape(1, 4, 4, 16)))[0].reshape(3, 2)
    assert mean == pytest.approx([0.5, 3], abs=1e-6)
    assert spread == pytest.approx([0.5, NOTHING], abs=1e-3)
    assert size == pytest.approx([0.5**0.5, 3], abs=1e-3)


def structure_statistics(images: np.ndarray) -> np.ndarray:
    """Return the energies that the statistics of structure are fourth roots of, shape (images, 8, 6 rings)."""
    from galaxy_train.networks.statistics import StructureStatistics

    statistics = np.asarray(StructureStatistics()(images.astype(np.float32)))
    energies: np.ndarray = statistics.reshape(len(images), 8, 6) ** 4
    return energies


@pytest.mark.parametrize("edge", [16, 24, 48, 88])
def test_structure_is_the_same_in_all_orientations(edge: int) -> None:
    """Also where cells are so large that the innermost rings hold the centre of none."""
    images = np.random.default_rng(edge).random((3, edge, edge, 3)) ** 2
    upright = structure_statistics(images)
    assert np.ptp(upright, axis=0).min() > 0
    for orientation in range(8):
        assert structure_statistics(turn(images, orientation)) == pytest.approx(upright, rel=1e-3, abs=1e-6)


def test_structure_by_hand() -> None:
    """Stripes of a pixel are a wavelet along an axis, a chequerboard one along the diagonal; else there is none."""
    columns = np.zeros((48, 48, 3))
    columns[:, ::2] = 1
    board = np.abs(columns - columns.transpose(1, 0, 2))
    stripes, chequered, uniform = structure_statistics(np.stack([columns, board, np.full((48, 48, 3), 0.3)]))
    expected = np.zeros((8, 6))
    expected[0] = 0.25  # half of the difference between two pixels, squared
    assert stripes == pytest.approx(expected, abs=1e-4)
    assert chequered == pytest.approx(expected[[1, 0, *range(2, 8)]], abs=1e-4)
    assert uniform == pytest.approx(0, abs=1e-5)


def test_blur_and_noise_show_at_the_scale_of_a_pixel() -> None:
    """Twice the noise has four times the energy; averaging neighbours takes most of it."""
    noise = np.random.default_rng(2).normal(0, 0.05, (48, 48, 3))
    smooth = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))) / 4
    once, twice, blurred = structure_statistics(0.5 + np.stack([noise, 2 * noise, smooth]))
    assert twice[:6] == pytest.approx(4 * once[:6], rel=0.02, abs=5e-6)
    assert (blurred[:2] < 0.6 * once[:2]).all()


def test_what_is_lopsided_shows_in_its_ring() -> None:
    """A companion beside the centre differs from the image that is turned by half a turn, and only at its distance."""
    image = galaxy(48, (0.5, 0.5, 0.5))
    with_companion = image + np.roll(galaxy(48, (0.2, 0.2, 0.2)) - 0.1, 20, axis=2)
    (alone, joined) = structure_statistics(np.concatenate([image, with_companion]))[:, 6]
    assert alone == pytest.approx(0, abs=1e-5)
    assert joined.argmax() in (3, 4)  # the companion is at 0.83 of half the edge
    assert joined[4] > 100 * joined[0]
