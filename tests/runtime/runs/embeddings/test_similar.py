"""The page on similar galaxies: its Python blocks run as they stand, and find what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galaxy_classify.inference.embedded import find_model
from in_process import run_classify as run
from tiny_model import save_tiny_model


def test_the_page_finds_similar_galaxies_and_odd_ones(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A galaxy is nearest to itself, then to its twin, and the only green one is the oddest."""
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(3)
    colours: dict[str, Any] = {f"{number:02}": (180, 100, 40) + random.normal(size=3) * 9 for number in range(30)}
    colours |= {"smooth_round_1": (150, 90, 60), "twin": (151, 90, 60), "green": (90, 190, 50)}
    for name, colour in colours.items():
        pixels = np.clip(colour + random.normal(size=(64, 64, 1)) * 3, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.jpg", quality=95)
    model = save_tiny_model(tmp_path / "model.onnx", embedding=True)
    result = run("images", "-m", model, "-o", "results.csv", "--embeddings", "embeddings.parquet", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("galaxy_classify.classifier.find_model", lambda name: find_model(name or model))
    page = (repository / "docs" / "how-to" / "similar-galaxies.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    printed = []
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "similar-galaxies.md", "exec"), names)  # noqa: S102
        printed.append(capsys.readouterr().out)
    nearest, odd, api = printed
    assert re.findall(r"images/(\w+)", nearest)[:2] == ["smooth_round_1", "twin"]
    assert re.findall(r"images/(\w+)", odd)[0] == "green"
    assert len(names["nearest"]) == len(names["odd"]) == 3
    assert names["vectors"].shape == (33, 3)
    assert api.splitlines() == [
        "(1, 3)",
        f"images/smooth_round_1.jpg {names['table']['status'][names['galaxy']]} (3,)",
        "images/lost.jpg error None",
    ]
