"""Which networks can teach a student, and what they predict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galaxy_classify.errors import DataError, ModelError
from galaxy_classify.inference.embedded import find_model
from galaxy_classify.inference.model import OnnxModel
from galaxy_painter import KINDS, paint_set
from galaxy_train.teachers import BATCH_SIZE, Teacher, find_teachers
from tiny_model import description, save_tiny_model


def test_a_shipped_model_teaches_what_it_predicts() -> None:
    """Its file says what it was trained on; the student gets its probabilities, of any number of images."""
    (teacher,) = find_teachers(Path("galaxy-cnn"))
    model = OnnxModel(find_model("galaxy-cnn"))
    assert teacher.metrics.classes == KINDS
    assert teacher.metrics.refit_of is not None
    assert teacher.metrics.data.train.shape[1:] == (64, 64, 3)
    assert teacher.sha256 == teacher.metrics.model_sha256 == model.description.source_sha256
    images, _ = paint_set(per_class=1, seed=3)
    many = np.resize(images, (BATCH_SIZE + 2, *images.shape[1:]))
    predict = teacher.predictor()
    expected = model.run(images).probabilities
    assert np.allclose(predict(many), np.resize(expected, (len(many), 4)), atol=1e-6)
    assert predict(images[:0]).shape == (0, 4)


def test_a_folder_comes_before_a_shipped_model_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--out galaxy-cnn`` makes a run folder of that name, which is what is meant where it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "galaxy-cnn").mkdir()
    with pytest.raises(DataError, match=r"galaxy-cnn: has no model\.keras"):
        find_teachers(Path("galaxy-cnn"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "has no recipe"),
        ({"parameters": 5}, "a part of it is no JSON object"),
        ({"parameters": {"recipe": "cnn", "epochs": 1, "batch_size": 1, "learning_rate": 1, "charm": 3}}, "charm"),
        ({"data": {"train": {}}}, "has no test"),
        ({"test": []}, "a part of it is no JSON object"),
    ],
)
def test_a_file_must_say_what_it_was_trained_on(tmp_path: Path, change: dict[str, Any] | None, message: str) -> None:
    """Without the record of its training nobody knows whether it has seen the held-out images."""
    training = {} if change is None else OnnxModel(find_model("galaxy-cnn")).description.training | change
    file = save_tiny_model(tmp_path / "model.onnx", metadata=description(training=training).to_metadata())
    with pytest.raises(DataError, match=rf"model\.onnx: cannot be a teacher.*{message}"):
        find_teachers(file)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """The message names it."""
    (tmp_path / "notes.txt").write_text(json.dumps("galaxies"))
    with pytest.raises(ModelError, match=r"notes\.txt: "):
        find_teachers(tmp_path / "notes.txt")


def test_what_is_not_there_is_no_teacher(tmp_path: Path) -> None:
    """The message says how to make a run."""
    with pytest.raises(DataError, match="no such run folder"):
        find_teachers(tmp_path / "runs")


def test_the_record_of_a_file_is_that_of_its_run() -> None:
    """Classes and checksum stand elsewhere in a file; all that a student is checked by is there."""
    model = OnnxModel(find_model("galaxy-mlp"))
    metrics = Teacher.of_model_file(model).metrics
    training = model.description.training
    assert metrics.parameters.to_json().items() >= training["parameters"].items()
    assert metrics.data.to_json() == training["data"]
    assert metrics.test.to_json() == training["test"]
