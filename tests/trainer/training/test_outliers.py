"""Outliers among the training images: how much each counts, and for what."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from galaxy_train.training.outliers import (
    GENERATED_SHARE,
    GIVEN_SHARE,
    LARGEST_KIND,
    add_outliers,
    draw_outliers,
    harder,
)
from galaxy_train.training.targets import TrainingExamples

pytestmark = pytest.mark.slow

TARGETS = np.array([[0.9, 0.1], [0.2, 0.8], [1.0, 0.0], [0.5, 0.5]], np.float32)


def pictures(value: int, count: int) -> np.ndarray:
    """Return images that all have one value."""
    return np.full((count, 4, 4, 3), value, np.uint8)


def value_of(examples: TrainingExamples) -> np.ndarray:
    """Return the value that tells which kind each image is of."""
    return examples.images[:, 0, 0, 0]


@pytest.fixture
def galaxies() -> TrainingExamples:
    """Four galaxies, of which the last has no label: a teacher has said what it may be."""
    return TrainingExamples(pictures(1, 4), TARGETS, np.array([2, 1, 1, 0.5], np.float32))


@pytest.fixture
def mixed(galaxies: TrainingExamples) -> TrainingExamples:
    """The galaxies with two kinds of generated outliers and two of given ones, in different numbers."""
    generated = {"text": pictures(10, 20), "noise": pictures(11, 5)}
    return add_outliers(galaxies, 3, generated, {"star": pictures(20, 7), "merger": pictures(21, 1)})


def test_outliers_come_after_the_galaxies(galaxies: TrainingExamples, mixed: TrainingExamples) -> None:
    """Galaxies are familiar, outliers are not; nothing of the galaxies' images and targets changes."""
    assert mixed.familiar is not None
    assert np.array_equal(mixed.images[:4], galaxies.images)
    assert np.array_equal(mixed.targets[:4], TARGETS)
    assert mixed.familiar[:4].tolist() == [1, 1, 1, 1]
    assert not mixed.familiar[4:].any()
    assert set(value_of(mixed)[4:]) == {10, 11, 20, 21}
    assert mixed.targets.shape == (len(mixed.images), 2)


def test_each_kind_weighs_alike(mixed: TrainingExamples) -> None:
    """However many images a kind has; those of one sort together weigh their share of the labelled galaxies."""
    assert mixed.familiar_weights is not None
    totals = {value: mixed.familiar_weights[value_of(mixed) == value].sum() for value in (1, 10, 11, 20, 21)}
    assert totals[10] == pytest.approx(totals[11]) == pytest.approx(GENERATED_SHARE * totals[1] / 2)
    assert totals[20] == pytest.approx(totals[21]) == pytest.approx(GIVEN_SHARE * totals[1] / 2)
    assert mixed.familiar_weights.mean() == pytest.approx(1)


def test_galaxies_weigh_as_the_loss_of_the_classes_weighs_them(mixed: TrainingExamples) -> None:
    """A doubtful label is a doubtful galaxy; one without a label may be an outlier itself, and counts for nothing."""
    assert mixed.familiar_weights is not None
    first = mixed.familiar_weights[:4]
    assert (first / first[1]).tolist() == [2, 1, 1, 0]


def test_outliers_do_not_weigh_in_the_classes(galaxies: TrainingExamples, mixed: TrainingExamples) -> None:
    """They have none. Keras divides by the number of images: the galaxies make up for the outliers' zeros."""
    assert mixed.weights is not None
    assert not mixed.weights[4:].any()
    assert mixed.weights.mean() == pytest.approx(1)
    assert mixed.weights[:4] / mixed.weights[1] == pytest.approx(galaxies.each_weight() / galaxies.each_weight()[1])


def test_what_weighs_much_is_repeated() -> None:
    """One image that counts as a hundred galaxies would make steps with it leap; repeated, it is changed each time."""
    many = TrainingExamples(pictures(1, 100), np.zeros((100, 2), np.float32))
    mixed = add_outliers(many, 100, {"text": pictures(10, 1), "noise": pictures(11, 50)}, {"star": pictures(20, 200)})
    assert mixed.familiar_weights is not None
    counts = {value: int((value_of(mixed) == value).sum()) for value in (10, 11, 20)}
    assert counts == {10: 25, 11: 50, 20: 100}  # no more of a kind than there are galaxies
    assert mixed.familiar_weights.max() < 2 * mixed.familiar_weights[0]
    assert mixed.familiar_weights[value_of(mixed) == 10].sum() == pytest.approx(
        mixed.familiar_weights[value_of(mixed) == 11].sum(), rel=1e-5
    )


def test_without_outliers_of_a_sort_the_other_weighs_as_before(galaxies: TrainingExamples) -> None:
    """Held-out galaxies are judged beside held-out outliers only, or beside none."""
    given = add_outliers(galaxies, 3, {}, {"star": pictures(20, 2)})
    assert given.familiar_weights is not None
    assert given.familiar_weights[4:].sum() == pytest.approx(GIVEN_SHARE * given.familiar_weights[:4].sum())
    alone = add_outliers(galaxies, 4, {}, {})
    assert alone.familiar is not None
    assert alone.familiar.tolist() == [1, 1, 1, 1]
    assert alone.weights == pytest.approx(galaxies.each_weight())


def test_a_huge_kind_is_sampled() -> None:
    """Ten thousand stars would take the time from everything else; the sample is always the same."""
    stars = (
        np.arange(LARGEST_KIND + 500, dtype=np.uint16).view(np.uint8).reshape(-1, 1, 1, 2).repeat(2, axis=3)[..., :3]
    )
    for count, expected in ((LARGEST_KIND + 1, LARGEST_KIND), (40, 40), (2, 5)):
        galaxies = TrainingExamples(np.zeros((count, 1, 1, 3), np.uint8), np.zeros((count, 2), np.float32))
        first, again = (add_outliers(galaxies, count, {}, {"star": stars}).images[count:] for _ in range(2))
        assert len({image.tobytes() for image in first}) == expected
        assert np.array_equal(first, again)
        assert not np.array_equal(first[:expected], stars[:expected])


@pytest.mark.parametrize(("galaxies", "expected"), [(30, 5), (600, 20), (30_000, 100)])
def test_a_small_training_set_gets_few_generated_outliers(galaxies: int, expected: int) -> None:
    """Fifty kinds of a hundred each would leave hardly a galaxy in a batch, and no class would be learnt."""
    with mock.patch("galaxy_train.training.outliers.generate_outliers") as generate:
        draw_outliers(np.zeros((galaxies, 1, 1, 3), np.uint8), 7)
    assert generate.call_args.args[1:] == (expected, 7)


def test_kinds_are_numbered(mixed: TrainingExamples) -> None:
    """Generated kinds first: those that are missed get a larger weight, which the numbers tell."""
    assert mixed.kinds is not None
    numbers = {int(value): set(mixed.kinds[value_of(mixed) == value].tolist()) for value in (1, 10, 11, 20, 21)}
    assert numbers == {1: {0}, 10: {1}, 11: {2}, 20: {3}, 21: {4}}


def test_kinds_that_are_missed_weigh_more() -> None:
    """Galaxies and given kinds keep their weight, and so do the generated kinds together."""
    kinds = np.repeat([0, 1, 2, 3], 10)
    weights = np.ones(40, np.float32)
    logits = np.select([kinds == 1, kinds == 2], [-6, 2], 1).astype(np.float32)  # the second kind is taken for galaxies
    first, easy, hard, given = harder(weights, kinds, 2, logits).reshape(4, 10).mean(axis=1)
    assert (first, given) == (1, 1)
    assert easy + hard == pytest.approx(2)
    assert hard > 10 * easy > 0
