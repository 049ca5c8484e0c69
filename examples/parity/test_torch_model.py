"""Prove that the ONNX file of a PyTorch model is the model: run it with ``pytest test_torch_model.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from galaxy_export.parity import assert_parity


class GalaxyVotes(nn.Module):
    """A model like Zoobot's: an encoder, and a head that gives Dirichlet concentrations of the answers' votes.

    In your test, load your own, for example with ``zoobot.pytorch.training.finetune.FinetuneableZoobotTree``.
    """

    def __init__(self, answers: int = 5) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.SiLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.SiLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(32, answers))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return concentrations between 1 and 101, and the representation that they are computed from."""
        representation = self.encoder(images)
        return torch.sigmoid(self.head(representation)) * 100 + 1, representation


def build_model() -> GalaxyVotes:
    """Return the model with random weights, and statistics of normalisation as after a training."""
    torch.manual_seed(0)
    model = GalaxyVotes()
    with torch.no_grad():
        model(torch.rand(64, 3, 64, 64))
    return model


def export(model: nn.Module, path: Path, **options: Any) -> None:
    """Export the model; PyTorch fixes the size of the batch unless it is told not to."""
    names = {"input_names": ["images"], "output_names": ["concentrations", "representation"]}
    torch.onnx.export(model, (torch.rand(2, 3, 64, 64),), path, **names, **options)


def function_of(model: nn.Module) -> Any:
    """Return the model as a function from arrays to arrays."""

    def predict(images: np.ndarray) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(images))

    return predict


IMAGES = np.random.default_rng(0).random((40, 3, 64, 64), dtype=np.float32)


def test_the_onnx_file_is_the_model(tmp_path: Path) -> None:
    """Every image, alone and in batches; concentrations are up to 101, and their limit grows with them."""
    model = build_model().eval()
    export(model, tmp_path / "model.onnx", dynamic_shapes={"images": {0: "batch"}})
    assert_parity(tmp_path / "model.onnx", function_of(model), IMAGES)


def test_a_fixed_batch_would_be_found(tmp_path: Path) -> None:
    """What the assertion says if the dynamic axis is forgotten."""
    model = build_model().eval()
    export(model, tmp_path / "model.onnx")
    with pytest.raises(AssertionError, match="takes batches of 2 only"):
        assert_parity(tmp_path / "model.onnx", function_of(model), IMAGES)


def test_a_forgotten_eval_would_be_found(tmp_path: Path) -> None:
    """What the assertion says if the reference still drops out and normalises by the batch."""
    model = build_model().eval()
    export(model, tmp_path / "model.onnx", dynamic_shapes={"images": {0: "batch"}})
    with pytest.raises(AssertionError, match="is its dropout on"):
        assert_parity(tmp_path / "model.onnx", function_of(model.train()), IMAGES)
