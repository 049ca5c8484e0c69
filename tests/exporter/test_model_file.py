"""Writing a model file: it gets its name when it has passed, and nothing else is touched."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from galaxy_classify.errors import ContractError, DataError, ProbabilityError
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.model import OnnxModel
from galaxy_export.graph.predictions import Predictions
from galaxy_export.model_file import write_model
from galaxy_export.partial_model import partial_model
from tiny_model import save_tiny_model, tiny_model


def test_a_partial_file_of_the_user_stays(tmp_path: Path) -> None:
    """The file is written under another name first, which is not the user's, and is gone afterwards."""
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    probabilities = OnnxModel(ModelSource(save_tiny_model(tmp_path / "b.onnx"))).run(pixels).probabilities
    expected = Predictions(np.log(probabilities), probabilities)
    (tmp_path / "a.onnx.partial").write_text("precious")
    write_model(tiny_model(), tmp_path / "a.onnx", pixels, expected, 1e-5)
    with pytest.raises(ProbabilityError):
        write_model(tiny_model(), tmp_path / "c.onnx", pixels, replace(expected, probabilities=1 - probabilities), 1e-5)
    with pytest.raises(ContractError):
        write_model(tiny_model(metadata={}), tmp_path / "c.onnx", pixels, expected, 1e-5)
    assert (tmp_path / "a.onnx.partial").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx", "a.onnx.partial", "b.onnx"}


def test_a_full_disk_leaves_no_partial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that was written would only take more of the room that is missing."""
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        write(self, content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with (
        pytest.raises(DataError, match=r"a\.onnx: cannot be written: No space left on device"),
        partial_model(tiny_model(), tmp_path / "a.onnx"),
    ):
        pass
    assert not list(tmp_path.iterdir())
