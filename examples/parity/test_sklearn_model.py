"""Prove that the ONNX file of a scikit-learn model is the model: run it with ``pytest test_sklearn_model.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_export.parity import assert_parity


def sample_features(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Return concentration, asymmetry and smoothness of drawn galaxies, and their classes."""
    random = np.random.default_rng(seed)
    spiral = random.random(count) < 0.5
    means = np.where(spiral[:, np.newaxis], [2.8, 0.25, 0.3], [3.8, 0.08, 0.1])
    features = means + random.normal(0, [0.5, 0.08, 0.1], (count, 3))
    return features.astype(np.float32), np.where(spiral, "spiral", "elliptical")


def train_model() -> Any:
    """Return a trained pipeline; in your test, load your own with joblib."""
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*sample_features(seed=0))


def test_the_onnx_file_is_the_model(tmp_path: Path) -> None:
    """The probabilities, and the names of the classes; without ZipMap, which is no tensor."""
    model = train_model()
    features, _ = sample_features(seed=1)
    file = to_onnx(model, features[:1], options={"zipmap": False})
    (tmp_path / "model.onnx").write_bytes(file.SerializeToString())

    def predict(x: np.ndarray) -> dict[str, np.ndarray]:
        return {"label": model.predict(x), "probabilities": model.predict_proba(x)}

    assert_parity(tmp_path / "model.onnx", predict, features, classes=["label", "probabilities"])


def test_a_forgotten_scaler_would_be_found(tmp_path: Path) -> None:
    """What the assertion says if only the last step of the pipeline is converted."""
    model = train_model()
    features, _ = sample_features(seed=1)
    file = to_onnx(model[-1], features[:1], options={"zipmap": False})
    with pytest.raises(AssertionError, match="output 'probabilities' of sample"):
        assert_parity(file, lambda x: (model.predict(x), model.predict_proba(x)), features)
