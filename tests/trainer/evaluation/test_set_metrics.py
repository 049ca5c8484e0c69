"""How good prediction sets are, measured on a labelled set."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_train.evaluation.prediction_sets import measure_sets
from simulated_galaxies import EVEN, held_out, simulate

CLASSES = ("a", "b", "c", "d")


def test_a_small_case_by_hand() -> None:
    """Four of five held-out images reach 0.3 with their true class, which is the level for 80 % of four and one."""
    known = HeldOut((0,) * 4, ((0.9, 0.1), (0.8, 0.2), (0.7, 0.3), (0.3, 0.7)))
    labels = np.array([0, 0, 1, 0])
    probabilities = np.array([[0.6, 0.4], [0.29, 0.71], [0.9, 0.1], [0.2999999, 0.7000001]])
    found = measure_sets(known, labels, probabilities, ("a", "b"))
    assert list(found) == ["0.80"]  # higher coverages need more images
    measured = found["0.80"]
    # Sets: both, b, a, and both, as 0.2999999 is 0.3 where it is stored.
    assert measured.coverage == 0.5
    assert measured.mean_size == 1.5
    assert measured.by_class == {"a": pytest.approx(2 / 3), "b": 0.0}
    assert measured.standard_error == pytest.approx(0.25)


def test_coverage_is_what_was_asked_for() -> None:
    """Within some standard errors, and without those classes that there is no image of."""
    labels, probabilities = simulate(1, 2_000, (0.4, 0.3, 0.3, 0.0))
    found = measure_sets(held_out(galaxies=1_000, mix=(0.4, 0.3, 0.3, 0.0)), labels, probabilities, CLASSES)
    assert list(found) == ["0.80", "0.90", "0.95"]
    for asked, measured in found.items():
        assert measured.coverage == pytest.approx(float(asked), abs=0.03)
        assert measured.by_class["d"] is None
    assert found["0.80"].mean_size < found["0.90"].mean_size < found["0.95"].mean_size


def test_sets_are_never_empty() -> None:
    """An image that reaches no level has its most probable class."""
    _, probabilities = simulate(2, 100, EVEN, distance=0.1)
    found = measure_sets(held_out(galaxies=500, distance=5), probabilities.argmax(axis=1), probabilities, CLASSES)
    assert all(measured.coverage == 1 for measured in found.values())
