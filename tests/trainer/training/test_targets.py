"""Training examples as Keras takes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from galaxy_train.training.targets import TrainingExamples

IMAGES = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1).repeat(3, axis=3)
PLAIN = TrainingExamples(IMAGES, np.arange(5))
WEIGHED = replace(PLAIN, weights=np.array([2, 1, 1, 0, 1], np.float32))
FAMILIAR = replace(
    WEIGHED,
    familiar=np.array([1, 1, 0, 0, 1], np.float32),
    familiar_weights=np.array([1, 2, 3, 4, 5], np.float32),
)


@pytest.mark.parametrize("chosen", [np.array([3, 0]), slice(1, 3)])
def test_a_batch_of_one_output_is_a_tuple(chosen: np.ndarray | slice) -> None:
    """Images and targets, and weights only if there are any: None would be no array."""
    positions = np.arange(5)[chosen].tolist()
    images, targets = PLAIN.batch(chosen)
    assert images[:, 0, 0, 0].tolist() == targets.tolist() == positions
    images, targets, weights = WEIGHED.batch(chosen)
    assert images[:, 0, 0, 0].tolist() == targets.tolist() == positions
    assert weights.tolist() == [[2, 1, 1, 0, 1][position] for position in positions]


def test_a_batch_of_two_outputs_has_both_by_name() -> None:
    """Classes and familiarity have targets and weights of their own."""
    images, targets, weights = FAMILIAR.batch(np.array([2, 4]))
    assert images[:, 0, 0, 0].tolist() == [2, 4]
    assert {name: values.tolist() for name, values in targets.items()} == {
        "probabilities": [2, 4],
        "familiarity": [0, 1],
    }
    assert {name: values.tolist() for name, values in weights.items()} == {
        "probabilities": [1, 1],
        "familiarity": [3, 5],
    }


def test_weights_have_a_mean_of_one() -> None:
    """The learning rate then means the same with weights and without."""
    assert PLAIN.each_weight().tolist() == [1, 1, 1, 1, 1]
    assert WEIGHED.each_weight().tolist() == [2, 1, 1, 0, 1]
    assert replace(WEIGHED, weights=np.array([4, 2, 2, 0, 2], np.float32)).each_weight().tolist() == [2, 1, 1, 0, 1]
