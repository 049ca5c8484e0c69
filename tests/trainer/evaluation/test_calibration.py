"""The temperature: found, put into the network, and harmless to classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from galaxy_train.evaluation.calibration import fit_temperature, softmax
from galaxy_train.evaluation.metrics import expected_calibration_error


def sample(temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels as likely as softmax(logits / temperature) says."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=3 * temperature, size=(20_000, 4)).astype(np.float32)
    chance = softmax(logits / temperature).cumsum(axis=1)
    return logits, (rng.random((20_000, 1)) > chance).sum(axis=1).clip(max=3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature: float) -> None:
    """Over- and underconfident networks are both set right."""
    logits, labels = sample(temperature)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.03)
    assert expected_calibration_error(labels, softmax(logits / found)) < 0.01


def test_a_network_that_is_always_right_is_not_made_infinitely_sure() -> None:
    """The likeliest temperature would be zero; a hundred images justify a confidence of 99 %, not more."""
    labels = np.arange(100) % 4
    logits = np.eye(4, dtype=np.float32)[labels]
    sure = softmax(logits / fit_temperature(logits, labels)).max(axis=1)
    assert sure == pytest.approx(1 - 0.75 / 102, abs=1e-6)
    assert fit_temperature(-logits, labels) == pytest.approx(20)


@pytest.mark.slow
def test_the_temperature_is_inside_the_network(trained_cnn: Path) -> None:
    """What model.keras says is softmax(logits / temperature), with the temperature of metrics.json, fitted anew."""
    from galaxy_train.networks.keras_model import load_model, predict, predict_logits

    model = load_model(trained_cnn / "model.keras")
    metrics = json.loads((trained_cnn / "metrics.json").read_text())
    images = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), dtype=np.uint8)
    assert metrics["temperature"] != pytest.approx(1)
    expected = softmax(predict_logits(model, images) / metrics["temperature"])
    assert predict(model, images) == pytest.approx(expected, abs=1e-6)
