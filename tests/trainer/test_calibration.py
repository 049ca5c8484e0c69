"""The temperature: found, put into the network, and harmless to classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from galaxy_train.calibration import fit_temperature, softmax
from galaxy_train.figures import expected_calibration_error


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
    """The best temperature would be zero; it stays finite, and so do the probabilities."""
    labels = np.arange(4)
    assert 0 < fit_temperature(np.eye(4, dtype=np.float32), labels) < 0.1
    assert fit_temperature(-np.eye(4, dtype=np.float32), labels) == pytest.approx(20)


@pytest.mark.slow
def test_the_temperature_is_inside_the_network(trained_cnn: Path) -> None:
    """What model.keras says is softmax(logits / temperature), with the temperature of metrics.json, fitted anew."""
    from galaxy_train.evaluate import load_run, predict, predict_logits
    from galaxy_train.run_folder import RunFolder

    model, metrics = load_run(RunFolder(trained_cnn))
    images = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), dtype=np.uint8)
    assert metrics == json.loads((trained_cnn / "metrics.json").read_text())
    assert metrics["temperature"] != pytest.approx(1)
    expected = softmax(predict_logits(model, images) / metrics["temperature"])
    assert predict(model, images) == pytest.approx(expected, abs=1e-6)
