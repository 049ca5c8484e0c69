"""The whole path, as a user walks it: train, export, classify."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from galaxy_painter import KINDS, paint
from in_process import run_classify
from trainings import Convert

pytestmark = pytest.mark.slow

PER_CLASS = 8


def test_drawn_galaxies_are_told_apart_by_a_model_of_ones_own(
    convert: Convert, trained_run: Path, drawn_dataset: Path, tmp_path: Path
) -> None:
    """A network trained on 64 px drawings, exported to int8, recognises 424 px JPEGs that it has never seen."""
    model = tmp_path / "drawn.onnx"
    exported = convert(trained_run, "-o", model, "--images", drawn_dataset, "--int8")
    assert exported.returncode == 0, exported.stderr
    images = tmp_path / "images"
    for kind in KINDS:
        (images / kind).mkdir(parents=True)
        for number in range(PER_CLASS):
            paint(kind, seed=1000 + number).save(images / kind / f"{number}.jpg", quality=90)
    classified = run_classify(images, "-m", model, "-o", tmp_path / "out.csv", "-q")
    assert classified.returncode == 0, classified.stderr
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == PER_CLASS * len(KINDS)
    assert all(row["model"].startswith("drawn@") for row in rows)
    for kind in KINDS:
        right = sum(row["label"] == kind for row in rows if Path(row["path"]).parent.name == kind)
        assert right >= 0.75 * PER_CLASS, f"{kind}: {right} of {PER_CLASS}"
