"""Augmentation: what it changes, by how much, and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spots() -> np.ndarray:
    """Images that all have the same bright spot in the middle of a grey sky."""
    image = np.full((64, 64, 3), 20, np.uint8)
    image[28:36, 24:40] = 200
    return np.stack([image] * 128)


def augmented(images: np.ndarray, wide_share: float = 0.0, seed: int = 0) -> np.ndarray:
    """Return images that an augmentation with this seed has changed."""
    from galaxy_train.training.augment import Augmentation

    changed: np.ndarray = np.asarray(Augmentation(seed, wide_share)(images))
    return changed


def spot_areas(images: np.ndarray) -> np.ndarray:
    """Return the number of pixels of each image that are brighter than half way from the sky to its brightest."""
    light = images.astype(np.float64).mean(axis=3)
    sky = np.median(light, axis=(1, 2), keepdims=True)
    areas: np.ndarray = (light - sky > (light.max(axis=(1, 2), keepdims=True) - sky) / 2).sum(axis=(1, 2))
    return areas


def spot_shifts(images: np.ndarray) -> np.ndarray:
    """Return how far the centre of light of each image is from its middle, in pixels."""
    light = images.astype(np.float64).mean(axis=3)
    light -= np.median(light, axis=(1, 2), keepdims=True)
    light = np.where(light > light.max(axis=(1, 2), keepdims=True) / 2, light, 0)
    y, x = (np.average(np.broadcast_to(axis, light.shape), axis=(1, 2), weights=light) for axis in np.mgrid[:64, :64])
    shifts: np.ndarray = np.hypot(y - 31.5, x - 31.5)
    return shifts


def test_augmentation_keeps_a_galaxy_what_it_is(spots: np.ndarray) -> None:
    """A bright spot in the middle stays there, a twentieth aside, and about as large; each image has its own."""
    changed = augmented(spots)
    assert changed.dtype == np.uint8
    assert changed.shape == spots.shape
    assert spot_shifts(changed).max() < 0.05 * 64 * 2**0.5 * 1.13 + 0.5
    areas = spot_areas(changed)
    assert areas.min() > 0.75 * 128
    assert areas.max() < 1.35 * 128
    assert len({image.tobytes() for image in changed}) == len(spots)


def test_wide_augmentation_keeps_the_galaxy_in_the_middle(spots: np.ndarray) -> None:
    """A shifted galaxy would be one that must become unfamiliar; zooms are as wide as they are meant to be."""
    changed = augmented(spots, 1.0)
    assert changed.dtype == np.uint8
    assert changed.shape == spots.shape
    shifts = spot_shifts(changed)
    assert shifts.max() < 0.06 * 64 * 2**0.5 * 2.3 + 1
    assert 2 < shifts.mean() < 5
    areas = spot_areas(changed)
    assert 0.2 * 128 < areas.min() < 0.5 * 128
    assert 3 * 128 < areas.max() < 6.5 * 128


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_wide_share_is_changed_widely(share: float) -> None:
    """Only wide changes lift the sky by more than 4 levels; brightness and colour do not show on black."""
    black = np.zeros((400, 16, 16, 3), np.uint8)
    lifted = np.median(augmented(black, share), axis=(1, 2)).min(axis=1) > 4
    # Three quarters of the wide range, from -8 to 40 levels, are above 4.
    assert lifted.mean() == pytest.approx(0.75 * share, abs=0.2 * share)


def test_wide_changes_are_those_of_surveys(spots: np.ndarray) -> None:
    """Some images lose their colour, and some become noisy; plain augmentation does neither."""
    coloured = spots.copy()
    coloured[..., 0] //= 4
    plain, wide = augmented(coloured), augmented(coloured, 1.0)

    def noise(images: np.ndarray) -> np.ndarray:
        rough: np.ndarray = np.abs(np.diff(images[:, :, :, 1].astype(float), axis=1)).mean(axis=(1, 2))
        return rough

    def redness(images: np.ndarray) -> np.ndarray:
        middle = images[:, 30:34, 30:34].astype(float).mean(axis=(1, 2))
        relative: np.ndarray = middle[:, 0] / middle.mean(axis=1)
        return relative

    assert redness(plain).max() < 0.6
    assert 0.05 < (redness(wide) > 0.75).mean() < 0.3
    assert noise(plain).max() < 3
    assert (noise(wide) > 4).mean() > 0.3


@pytest.mark.parametrize("blurs", [0.0, 1.0, 2.0])
def test_images_are_blurred_up_to_the_limit(blurs: float) -> None:
    """Each blur adds its variance to that of a spot; all amounts between none and the limit occur."""
    from galaxy_train.training.augment import BLUR, Augmentation, Ranges

    y, x = np.mgrid[:64, :64] - 31.5
    spot = np.repeat(200 * np.exp(-(x**2 + y**2) / (2 * 1.5**2))[..., np.newaxis], 3, axis=2).round().astype(np.uint8)
    nothing_else = Ranges(zoom=(1, 1), shift=0, brightness=0, colour=0, sky=(0, 0), blur=blurs)
    changed = np.asarray(Augmentation(0, 1.0, nothing_else)(np.repeat(spot[np.newaxis], 200, axis=0))).astype(float)
    light = changed[..., 1]
    variance = (light * (x**2 + y**2)).sum(axis=(1, 2)) / light.sum(axis=(1, 2)) / 2
    added = (variance - variance.min()) / BLUR**2
    assert added.max() == pytest.approx(blurs, abs=0.15)
    assert np.median(added) == pytest.approx(blurs / 2, abs=0.2)


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_a_seed_determines_all_changes(spots: np.ndarray, share: float) -> None:
    """A run can be repeated; another seed gives other images, and so does the next batch of the same one."""
    from galaxy_train.training.augment import Augmentation

    few = spots[:8]
    first = augmented(few, share, seed=1)
    assert np.array_equal(first, augmented(few, share, seed=1))
    assert not np.array_equal(first, augmented(few, share, seed=2))
    augmentation = Augmentation(1, share)
    assert not np.array_equal(np.asarray(augmentation(few)), np.asarray(augmentation(few)))


def test_a_network_is_augmented_in_training_only(spots: np.ndarray) -> None:
    """Held-out images are judged as they are, or the validation would measure something else."""
    import keras

    from galaxy_train.training.augment import Augmentation, AugmentedNetwork

    seen: list[Any] = []

    class Spy(keras.layers.Layer):  # type: ignore[misc]
        def call(self, images: Any) -> Any:
            seen.append(np.asarray(images))
            return images

    model = AugmentedNetwork(Spy(), Augmentation(0))
    few = spots[:4]
    model(few)
    model(few, training=False)
    model(few, training=True)
    assert np.array_equal(seen[0], few)
    assert np.array_equal(seen[1], few)
    assert not np.array_equal(seen[2], few)
    assert seen[2].dtype == np.uint8
