"""Prove that the ONNX file of a Keras model is the model: run it with ``pytest test_keras_model.py``."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from galaxy_export.parity import assert_parity


def build_model() -> keras.Model:
    """Return a model of 32 px images with two outputs; in your test, load your own with keras.models.load_model."""
    keras.utils.set_random_seed(0)
    images = keras.Input((32, 32, 3), name="images")
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(8, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    votes = keras.layers.Dense(3, activation="softmax", name="votes")(x)
    return keras.Model(images, {"votes": votes, "features": x})


def sample_images() -> np.ndarray:
    """Return images; in your test, take real ones, as noise may hide errors."""
    return np.random.default_rng(0).uniform(0, 255, (40, 32, 32, 3)).astype(np.float32)


def test_the_onnx_file_is_the_model(tmp_path: Path) -> None:
    """Every image, alone and in batches, and the same winning class."""
    model = build_model()
    model.predict(sample_images(), verbose=0)  # Keras exports only what has been called
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    assert_parity(tmp_path / "model.onnx", model, sample_images(), classes="votes")
