"""The record of a run: files of this version and of earlier ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galaxy_classify.errors import DataError
from galaxy_train.data.dataset import GalaxyDataset
from galaxy_train.data.load import TrainingData
from galaxy_train.evaluation.metrics import classification_metrics
from galaxy_train.run_folder import RunFolder
from galaxy_train.run_metrics.evaluations import EvaluationRecord, OutOfClassMetrics, StatusMetrics, StressMetrics
from galaxy_train.run_metrics.metrics import SetMetrics
from galaxy_train.run_metrics.runs import RefitRecord, RunMetrics
from galaxy_train.training.parameters import FitParameters

CLASSES = ("round", "spiral")
SCORES = classification_metrics(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]), CLASSES)
TRAIN = GalaxyDataset(
    np.zeros((3, 16, 16, 3), np.uint8), np.array([0, 0, 1]), CLASSES, "train", "a" * 64, np.array([1, 1, 0.4])
)
STATUS = StatusMetrics(ok=0.7, uncertain=0.2, unfamiliar=0.1, ok_accuracy=0.9)
KIND = OutOfClassMetrics(3, 0.5, {"0.50": 1.0})
FAMILIAR_KIND = OutOfClassMetrics(3, 0.5, {"0.50": 1.0}, familiarity_auroc=0.75, unfamiliar=0.0, ok=1.0)
EVALUATION = EvaluationRecord(
    TRAIN.record(),
    SCORES,
    out_of_class={"merger": FAMILIAR_KIND},
    generated={"text": FAMILIAR_KIND},
    status=STATUS,
    stress={"unchanged": StressMetrics(0.9, 0.8, 0.02, 0.85, STATUS)},
)


@pytest.fixture
def metrics() -> RunMetrics:
    """Record of a run that repeats another one, with everything that may be there."""
    return RunMetrics(
        recipe="cnn",
        parameters=FitParameters.of_recipe("cnn", teachers=("b" * 64,)),
        parameter_count=7,
        classes=CLASSES,
        epochs_completed=60,
        interrupted=False,
        data=TrainingData(TRAIN, TRAIN, "as published").record(),
        last_epoch={"epoch": 60.0, "loss": 0.5},
        temperature=1.5,
        validation=None,
        refit_of=RefitRecord("c" * 64, SCORES, ("b" * 64,)),
        test=SCORES,
        model_sha256="d" * 64,
        versions={"python": "3.12"},
        evaluation=EVALUATION,
        prediction_sets={"0.90": SetMetrics(0.91, 0.01, 1.2, {"round": 0.9, "spiral": None})},
    )


def test_what_is_written_is_read(metrics: RunMetrics, tmp_path: Path) -> None:
    """The file is JSON, and says the same when it is read and written again."""
    run = RunFolder(tmp_path)
    run.write_metrics(metrics)
    before = run.metrics.read_bytes()
    found = run.read_metrics()
    assert found.parameters.to_json() == metrics.parameters.to_json()
    assert found.refit_of == metrics.refit_of
    assert found.evaluation == EVALUATION
    run.write_metrics(found)
    assert run.metrics.read_bytes() == before


def test_evaluations_without_familiarity_are_those_of_earlier_versions() -> None:
    """They are read, and a network without familiarity is still recorded with the keys that they had."""
    record = EvaluationRecord(TRAIN.record(), SCORES, {"merger": KIND})
    content = {
        "data": TRAIN.record().to_json(),
        "figures": SCORES.to_json(),
        "out_of_class": {"merger": {"images": 3, "auroc": 0.5, "kept": {"0.50": 1.0}}},
    }
    assert record.to_json() == content
    assert EvaluationRecord.from_json(json.loads(json.dumps(content))) == record


@pytest.mark.parametrize(
    ("ok", "ok_accuracy", "kept"),
    [(0.9, 0.85, True), (0.9, 0.8499, False), (0.1, 0.2, True), (0.1001, 0.2, False), (0.0, None, True)],
)
def test_rows_that_are_ok_must_be_right_or_few(ok: float, ok_accuracy: float | None, kept: bool) -> None:
    """At least 85 % of them are right, or at most 10 % of all rows are ok."""
    assert StatusMetrics(ok, 1 - ok, None, ok_accuracy).keeps_rule is kept


def test_runs_of_earlier_versions_are_read(metrics: RunMetrics, tmp_path: Path) -> None:
    """They lack what had not been invented yet, and measured the symmetry of the held-out part as well."""
    content: dict[str, Any] = metrics.to_json()
    refit_of, parameters = content.pop("refit_of"), content["parameters"]
    for name in ("balance", "init", "teachers", "unlabelled", "fold"):
        del parameters[name]
    del content["evaluation"], content["prediction_sets"], content["data"]["train"]["weights"]
    del content["test"]["standard_errors"]
    content["validation"] = refit_of["validation"] | {"symmetry_agreement": 0.75}
    run = RunFolder(tmp_path)
    run.metrics.write_text(json.dumps(content))
    found = run.read_metrics()
    assert (found.refit_of, found.evaluation, found.data.train.weights) == (None, None, None)
    assert (found.prediction_sets, found.test.standard_errors) == (None, None)
    assert (found.parameters.teachers, found.parameters.fold) == ((), None)
    assert found.held_out is not None
    assert found.held_out.symmetry_agreement == 0.75
    assert found.held_out_model_sha256 == "d" * 64
    run.metrics.write_text(
        json.dumps(content | {"refit_of": {"model_sha256": "0", "validation": refit_of["validation"]}})
    )
    repeated = run.read_metrics()
    assert repeated.refit_of == RefitRecord("0", SCORES, None)
    assert repeated.held_out_model_sha256 == "0"


def test_recording_an_evaluation_leaves_everything_else(metrics: RunMetrics, tmp_path: Path) -> None:
    """A key of a later version stays in the file, and no key of an earlier one appears."""
    run = RunFolder(tmp_path)
    content = metrics.to_json() | {"carbon": 3}
    del content["evaluation"], content["refit_of"]
    run.metrics.write_text(json.dumps(content))
    run.record_evaluation(EVALUATION)
    assert json.loads(run.metrics.read_text()) == content | {"evaluation": EVALUATION.to_json()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"recipe": "cnn"}}, "has no epochs"),
        ({"data": None}, "is damaged: a part of it is no JSON object"),
        ({"evaluation": EVALUATION.to_json() | {"stress": [1]}}, "is damaged: a part of it is no JSON object"),
        ({"mixup": 1}, "has parameters that this version does not know: mixup"),
    ],
)
def test_a_damaged_record_names_its_file(
    metrics: RunMetrics, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """One line instead of a traceback; an unknown parameter would make two trainings look alike that are not."""
    content = metrics.to_json()
    content = content | {"parameters": content["parameters"] | change} if "mixup" in change else content | change
    run = RunFolder(tmp_path)
    run.metrics.write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"metrics\.json: {message}; train again with --force"):
        run.read_metrics()
