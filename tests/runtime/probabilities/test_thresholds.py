"""Thresholds of single classes, in the library and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from galaxy_classify import GalaxyClassifier, UsageError
from galaxy_classify.probabilities.thresholds import parse_thresholds, thresholds_of
from in_process import run_classify as run
from simulated_galaxies import held_out, paint_colours, save_model

CLASSES = ("smooth_round", "smooth_cigar")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.7", 0.7),
        ("*=0.7", 0.7),
        ("1", 1.0),
        ("smooth_cigar=0.8", {"smooth_cigar": 0.8}),
        ("0.6,smooth_cigar=0.8", {"*": 0.6, "smooth_cigar": 0.8}),
        ("smooth_cigar=0.8,0.5", {"smooth_cigar": 0.8, "*": 0.5}),
        ("a=b=0.5", {"a=b": 0.5}),
    ],
)
def test_values_are_read(text: str, found: object) -> None:
    """A number alone stays a number, as sidecars of earlier versions have it."""
    assert parse_thresholds(text) == found


@pytest.mark.parametrize(
    "text", ["", "x", "1.5", "-0.1", "nan", "inf", "0.5,", "a=", "a=2", "=0.5", "0.5,0.6", "a=0.5,a=0.5", "0.5,*=0.6"]
)
def test_other_values_are_refused(text: str) -> None:
    """And the message says which part is wrong."""
    with pytest.raises(ValueError, match=r"is not a number between 0 and 1|names no class|there are two"):
        parse_thresholds(text)


def test_classes_without_a_threshold_have_that_of_the_others() -> None:
    """Or the default, if there is none."""
    assert thresholds_of(0.7, CLASSES) == (0.7, 0.7)
    assert thresholds_of({"smooth_cigar": 0.8}, CLASSES) == (0.6, 0.8)
    assert thresholds_of({"*": 0.2, "smooth_cigar": 1}, CLASSES) == (0.2, 1.0)


@pytest.mark.parametrize(
    ("threshold", "reason"),
    [
        ({"smooth_ciger": 0.8}, "threshold of 'smooth_ciger': did you mean 'smooth_cigar'"),
        ({"smooth_cigar": 1.1}, "threshold is 1.1, it must be between 0 and 1"),
        ({"smooth_cigar": float("nan")}, "threshold is nan, it must be between 0 and 1"),
        ({"smooth_cigar": "0.5"}, "threshold is '0.5', it must be a number"),
        ({"smooth_cigar": True}, "threshold is True, it must be a number"),
    ],
)
def test_the_library_checks_them(threshold: Any, reason: str) -> None:
    """Before any image is looked at."""
    with pytest.raises(UsageError, match=reason):
        thresholds_of(threshold, CLASSES)


def test_each_class_is_judged_by_its_own(tmp_path: Path) -> None:
    """In the library and on the command line alike; the sidecar and the report have all of them."""
    model = save_model(tmp_path / "model.onnx", held_out())
    images = paint_colours(tmp_path / "images", [(255, 20, 20), (20, 255, 20)])
    classifier = GalaxyClassifier(model)
    rows = list(classifier.classify(images, threshold={"*": 0.1, "smooth_cigar": 1.0}))
    statuses = {row.label: row.status for row in rows}
    plain = {row.label: row.status for row in classifier.classify(images, threshold=0.1)}
    assert plain == {"smooth_round": "ok", "smooth_cigar": "ok"}
    assert statuses == {"smooth_round": "ok", "smooth_cigar": "uncertain"}
    result, page = tmp_path / "result.jsonl", tmp_path / "report.html"
    arguments = [images, "--model", model, "-o", result, "--threshold", "0.1,smooth_cigar=1", "-q"]
    assert run(*arguments, "--report", page).returncode == 0
    found = [json.loads(line) for line in result.read_text().splitlines()]
    assert {row["label"]: row["status"] for row in found} == statuses
    options = json.loads(Path(f"{result}.meta.json").read_text())["options"]
    assert options["threshold"] == {"*": 0.1, "smooth_cigar": 1.0}
    assert '"thresholds":[0.1,1.0,0.1,0.1]' in page.read_text().replace(" ", "")
    assert run(*arguments, "--resume").returncode == 0
    changed = run(images, "--model", model, "-o", result, "--threshold", "0.2,smooth_cigar=1", "--resume")
    assert changed.returncode == 2
    assert "threshold" in changed.stderr


def test_an_unknown_class_stops_the_run_before_anything_is_replaced(tmp_path: Path) -> None:
    """A misspelled class must not cost the result of an earlier run."""
    model = save_model(tmp_path / "model.onnx", held_out())
    images = paint_colours(tmp_path / "images", [(255, 20, 20)])
    result = tmp_path / "result.csv"
    assert run(images, "--model", model, "-o", result, "-q").returncode == 0
    before = result.read_bytes()
    ended = run(images, "--model", model, "-o", result, "--force", "--threshold", "round=0.5")
    assert (ended.returncode, result.read_bytes()) == (2, before)
    assert "threshold of 'round'" in ended.stderr
    assert not Path(f"{result}.partial").exists()
