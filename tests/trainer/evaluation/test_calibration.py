"""Temperature and familiarity shift: found, put into the network, and harmless to classes and order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from galaxy_painter import KINDS, paint_set
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.evaluation.calibration import (
    UNFAMILIAR_SHARE,
    Calibration,
    calibrate,
    fit_familiarity_shift,
    fit_temperature,
    softmax,
)
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


@pytest.mark.parametrize("level", [-7.0, 0.0, 4.0])
def test_the_shift_leaves_two_in_a_hundred_below_zero(level: float) -> None:
    """Wherever the network has put its galaxies; of other galaxies it is hardly more."""
    rng = np.random.default_rng(0)
    logits, others = rng.normal(level, 3, (2, 40_000)).astype(np.float32)
    shift = fit_familiarity_shift(logits)
    assert (logits + shift < 0).mean() == pytest.approx(UNFAMILIAR_SHARE, abs=2 / 40_000)
    assert (others + shift < 0).mean() < 0.025


@pytest.mark.parametrize("count", [8, 12, 48, 49, 60])
def test_few_galaxies_do_not_raise_the_share_of_others(count: int) -> None:
    """Of a dozen held-out galaxies, the lowest would be a limit that calls one in thirteen others unfamiliar."""
    rng = np.random.default_rng(0)
    others = np.sort(rng.normal(0, 3, 100_000))
    shifts = [fit_familiarity_shift(rng.normal(0, 3, count)) for _ in range(1000)]
    shares = np.searchsorted(others, -np.array(shifts)) / len(others)
    assert 0.01 < shares.mean() < 0.04


def test_nothing_is_fitted_without_held_out_images() -> None:
    """Neither number then changes the network."""
    assert calibrate(None, None) == Calibration(temperature=None, familiarity_shift=None)
    Calibration().apply(None)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["tiny", "tiny-familiar"])
def test_what_is_fitted_is_put_into_the_network(tiny_recipe: str, recipe: str) -> None:
    """A network without a familiarity gets a temperature only; one with it, both, and neither changes the other."""
    from galaxy_train.networks.keras_model import predict, predict_familiarity, predict_layer
    from galaxy_train.networks.recipes import FAMILIARITY_LOGIT, LOGITS, RECIPES

    images, labels = paint_set(per_class=10, seed=1)
    model = RECIPES[recipe].build(64, 4)
    logits = predict_layer(model, LOGITS, images)
    calibration = calibrate(model, GalaxyDataset(images, labels, KINDS, "drawn", "0" * 64))
    assert calibration.temperature is not None
    assert calibration.temperature == pytest.approx(fit_temperature(logits, labels), rel=1e-4)
    calibration.apply(model)
    assert predict(model, images) == pytest.approx(softmax(logits / calibration.temperature), abs=1e-5)
    familiarity = predict_familiarity(model, images)
    if recipe == tiny_recipe:
        assert calibration.familiarity_shift is None
        assert familiarity is None
    else:
        assert calibration.familiarity_shift is not None
        shifted = predict_layer(model, FAMILIARITY_LOGIT, images)[:, 0] + calibration.familiarity_shift
        assert familiarity == pytest.approx(1 / (1 + np.exp(-shifted)), abs=1e-5)
        assert (shifted < 0).sum() == 0  # one of forty would be more than two in a hundred
