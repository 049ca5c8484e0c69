"""Batches of training images: a new order each epoch, in which no image comes twice."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_train.training.targets import TrainingExamples

pytestmark = pytest.mark.slow


def numbered(count: int) -> TrainingExamples:
    """Return images that each show their number, which is their target and a tenth of their weight, too."""
    numbers = np.arange(count)
    images = np.zeros((count, 2, 2, 3), np.uint8) + numbers[:, np.newaxis, np.newaxis, np.newaxis].astype(np.uint8)
    return TrainingExamples(images, numbers, (numbers / 10).astype(np.float32))


def epochs(examples: TrainingExamples, batch_size: int, seed: int, count: int) -> list[list[list[int]]]:
    """Return the numbers of the images in each batch of some epochs."""
    from galaxy_train.training.batches import TrainingBatches

    batches = TrainingBatches(examples, batch_size, seed)
    found = []
    for _ in range(count):
        found.append([batches[number][0][:, 0, 0, 0].tolist() for number in range(len(batches))])
        batches.on_epoch_end()
    return found


def test_no_image_comes_twice_in_an_epoch_and_all_come_in_some() -> None:
    """What does not fill a batch is left out, other images each time; all batches are of one size."""
    found = epochs(numbered(23), 5, seed=1, count=12)
    seen: set[int] = set()
    for epoch in found:
        assert [len(batch) for batch in epoch] == [5, 5, 5, 5]
        numbers = [number for batch in epoch for number in batch]
        assert len(set(numbers)) == 20
        seen |= set(numbers)
    assert seen == set(range(23))


def test_each_epoch_has_an_order_of_its_own_that_the_seed_determines() -> None:
    """A training can be repeated, and no batch is always the same."""
    found = epochs(numbered(23), 5, seed=1, count=3)
    assert found == epochs(numbered(23), 5, seed=1, count=3)
    assert found != epochs(numbered(23), 5, seed=2, count=3)
    assert len({str(epoch) for epoch in found}) == 3


def test_targets_and_weights_stay_with_their_images() -> None:
    """A shuffled image with another's label would teach nonsense."""
    from galaxy_train.training.batches import TrainingBatches

    images, targets, weights = TrainingBatches(numbered(23), 5, 3)[2]
    assert targets.tolist() == images[:, 0, 0, 0].tolist()
    assert weights == pytest.approx(targets / 10)


def test_a_batch_is_no_larger_than_there_are_images() -> None:
    """A few images make one batch instead of none."""
    assert [[sorted(batch) for batch in epoch] for epoch in epochs(numbered(3), 64, 0, 2)] == [[[0, 1, 2]], [[0, 1, 2]]]
