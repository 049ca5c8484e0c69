"""Accuracy, recall, precision and confusion."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_train.figures import expected_calibration_error, figures

CLASSES = ("a", "b", "c")


def test_figures_of_a_small_case() -> None:
    """Counted by hand: rows of the matrix are the true classes."""
    labels = np.array([0, 0, 0, 1, 1, 2], np.uint8)
    predicted = np.array([0, 0, 1, 1, 2, 2])
    result = figures(labels, predicted, CLASSES)
    assert result["images"] == 6
    assert result["accuracy"] == pytest.approx(4 / 6)
    assert result["recall"] == pytest.approx({"a": 2 / 3, "b": 1 / 2, "c": 1})
    assert result["precision"] == pytest.approx({"a": 1, "b": 1 / 2, "c": 1 / 2})
    assert result["macro_recall"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert result["confusion_matrix"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]


def test_calibration_error_of_a_small_case() -> None:
    """Two bins, counted by hand: 0.9 confident and right half the time, 0.6 confident and always right."""
    labels = np.array([0, 1, 0, 0])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert expected_calibration_error(labels, probabilities) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert expected_calibration_error(np.array([0]), np.array([[1.0, 0.0]])) == 0


def test_a_class_that_does_not_occur_counts_nowhere() -> None:
    """No division by zero, and no zero in the mean."""
    result = figures(np.array([0, 0, 1]), np.array([0, 0, 1]), CLASSES)
    assert result["recall"]["c"] is None
    assert result["precision"]["c"] is None
    assert result["macro_recall"] == 1
