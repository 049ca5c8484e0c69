"""Accuracy, recall, precision, confusion, calibration, and what a threshold does."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_train.evaluation.metrics import (
    auroc,
    brier_score,
    classification_metrics,
    expected_calibration_error,
    negative_log_likelihood,
)
from galaxy_train.run_metrics.metrics import ThresholdMetrics

CLASSES = ("a", "b", "c")


def test_figures_of_a_small_case() -> None:
    """Counted by hand: rows of the matrix are the true classes."""
    labels = np.array([0, 0, 0, 1, 1, 2], np.uint8)
    predicted = np.array([0, 0, 1, 1, 2, 2])
    result = classification_metrics(labels, np.eye(3)[predicted], CLASSES)
    assert result.images == 6
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.recall == pytest.approx({"a": 2 / 3, "b": 1 / 2, "c": 1})
    assert result.precision == pytest.approx({"a": 1, "b": 1 / 2, "c": 1 / 2})
    assert result.macro_recall == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert result.confusion_matrix == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]


def test_calibration_error_of_a_small_case() -> None:
    """Two bins, counted by hand: 0.9 confident and right half the time, 0.6 confident and always right."""
    labels = np.array([0, 1, 0, 0])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert expected_calibration_error(labels, probabilities) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert expected_calibration_error(np.array([0]), np.array([[1.0, 0.0]])) == 0


def test_a_class_that_does_not_occur_counts_nowhere() -> None:
    """No division by zero, and no zero in the mean."""
    result = classification_metrics(np.array([0, 0, 1]), np.eye(3)[[0, 0, 1]], CLASSES)
    assert result.recall["c"] is None
    assert result.precision["c"] is None
    assert result.macro_recall == 1


def test_what_a_threshold_keeps() -> None:
    """Counted by hand: a confidence that is exactly the threshold is kept."""
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.95, 0.05], [0.4, 0.6], [0.2, 0.8], [0.45, 0.55]])
    result = classification_metrics(labels, probabilities, ("a", "b"))
    assert result.kept["0.50"] == ThresholdMetrics(1.0, 0.75)
    assert result.kept["0.80"] == ThresholdMetrics(0.5, 1.0)
    nothing = classification_metrics(labels, np.full((4, 2), 0.5), ("a", "b"))
    assert nothing.kept["0.95"] == ThresholdMetrics(0.0, None)


def test_likelihood_and_brier_score() -> None:
    """By hand; a probability of zero for the truth is bad, but not infinitely so."""
    labels = np.array([0, 1])
    probabilities = np.array([[0.8, 0.2], [0.5, 0.5]])
    assert negative_log_likelihood(labels, probabilities) == pytest.approx(-(np.log(0.8) + np.log(0.5)) / 2)
    assert brier_score(labels, probabilities) == pytest.approx((0.04 + 0.04 + 0.25 + 0.25) / 2)
    assert np.isfinite(negative_log_likelihood(np.array([0]), np.array([[0.0, 1.0]])))


def test_the_area_under_the_roc_curve() -> None:
    """All pairs counted one by one, ties half."""
    rng = np.random.default_rng(0)
    inside, outside = rng.integers(0, 20, 60) / 20, rng.integers(0, 15, 40) / 20
    pairs = [(a > b) + 0.5 * (a == b) for a in inside for b in outside]
    assert auroc(inside, outside) == pytest.approx(np.mean(pairs))


def test_standard_errors_are_those_of_a_count() -> None:
    """That of the accuracy is close to the binomial one, and each is the same at every call."""
    random = np.random.default_rng(0)
    labels = random.integers(3, size=400)
    predicted = np.where(random.random(400) < 0.8, labels, (labels + 1) % 3)
    probabilities = 0.7 * np.eye(3)[predicted] + 0.1
    found = classification_metrics(labels, probabilities, CLASSES)
    assert found.standard_errors is not None
    expected = np.sqrt(found.accuracy * (1 - found.accuracy) / 400)
    assert found.standard_errors["accuracy"] == pytest.approx(expected, rel=0.2)
    assert found.standard_errors["macro_recall"] == pytest.approx(expected, rel=0.3)
    assert 0 < found.standard_errors["calibration_error"] < 0.05
    assert classification_metrics(labels, probabilities, CLASSES) == found


def test_one_image_has_standard_errors() -> None:
    """Of 0, as nothing varies; a class without an image does no harm."""
    found = classification_metrics(np.array([0]), np.array([[0.6, 0.3, 0.1]]), CLASSES)
    assert found.standard_errors == pytest.approx({"accuracy": 0, "macro_recall": 0, "calibration_error": 0})
