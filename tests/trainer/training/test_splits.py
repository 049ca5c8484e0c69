"""What is learnt from and what is held out, without training anything."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.splitting import fold_numbers
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.training.splits import Fold, has_full_weight, leave_out, split_training_set, unseen_images

CLASSES = ("round", "cigar", "spiral")


@pytest.fixture
def train() -> GalaxyDataset:
    """200 images of three classes, some of which count less and some not at all."""
    rng = np.random.default_rng(4)
    labels = rng.choice(3, 200, p=[0.6, 0.1, 0.3])
    weights = rng.choice([1.0, 0.4, 0.0], 200, p=[0.7, 0.2, 0.1]).astype(np.float32)
    return GalaxyDataset(np.zeros((200, 16, 16, 3), np.uint8), labels, CLASSES, "drawn", "0" * 64, weights)


@pytest.mark.parametrize("recipe", ["cnn", "mlp"])
@pytest.mark.parametrize("fraction", [0.0, 0.2])
def test_each_image_is_left_out_once(train: GalaxyDataset, recipe: str, fraction: float) -> None:
    """Every image that may be learnt from is unseen by one network of four, and what is held out by all of them."""
    whole = split_training_set(train, RECIPES[recipe], fraction)
    unseen = np.zeros(200, int)
    judged = []
    for number in range(1, 5):
        fold = Fold(number, 4)
        part = leave_out(fold, whole, train)
        assert not np.intersect1d(part.training, part.held_out).size
        assert not np.intersect1d(part.training, whole.held_out).size
        assert has_full_weight(train)[part.held_out].all()
        missing = unseen_images(fold, whole, train)
        assert not missing[part.training].any()
        assert missing.sum() + len(part.training) == 200
        unseen += missing
        judged.append(part.held_out)
    assert (unseen[whole.training] == 1).all()
    assert (np.delete(unseen, whole.training) == 4).all()
    together = np.concatenate(judged)
    assert np.array_equal(np.sort(together), whole.training[has_full_weight(train)[whole.training]])


def test_folds_are_alike(train: GalaxyDataset) -> None:
    """Each has its share of each class, of images that count in full and of the others, so that none is an odd part."""
    full = has_full_weight(train)
    numbers = fold_numbers(train.labels, 5, 0, full)
    for label in range(3):
        for counted in (True, False):
            sizes = np.bincount(numbers[(train.labels == label) & (full == counted)], minlength=5)
            assert sizes.max() - sizes.min() <= 1
    sizes = np.bincount(numbers)
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(numbers, fold_numbers(train.labels, 5, 0, full))
    assert not np.array_equal(numbers, fold_numbers(train.labels, 5, 1, full))
