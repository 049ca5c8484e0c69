"""Predictions on held-out galaxies in a model file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galaxy_classify import GalaxyClassifier, ModelError, UsageError
from galaxy_classify.probabilities.held_out import MOST_GALAXIES, HeldOut
from simulated_galaxies import EVEN, change_held_out, held_out, save_model, simulate

ROW = [0.25, 0.25, 0.25, 0.25]


def test_predictions_survive_the_model_file(tmp_path: Path) -> None:
    """What the exporter puts into the metadata is what the runtime reads."""
    predictions = held_out(galaxies=300)
    found = GalaxyClassifier(save_model(tmp_path / "model.onnx", predictions)).model.description.held_out
    assert found == predictions
    assert found is not None
    assert found.counts().sum() == len(found) == 300


def test_a_choice_of_many_is_the_same_each_time() -> None:
    """Converting a run twice gives the same file; the choice is even over the galaxies."""
    labels, probabilities = simulate(0, 5_000, EVEN)
    chosen = HeldOut.of(labels, probabilities)
    assert chosen == HeldOut.of(labels, probabilities)
    assert len(chosen) == MOST_GALAXIES
    assert set(chosen.probabilities) <= set(map(tuple, probabilities.round(4).tolist()))
    assert abs(chosen.counts() / MOST_GALAXIES - np.array(EVEN)).max() < 0.04
    assert HeldOut.of(labels[:MOST_GALAXIES], probabilities[:MOST_GALAXIES]).labels == tuple(labels[:MOST_GALAXIES])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1], "is not a JSON object"),
        ({}, "does not have labels and rows of probabilities"),
        ({"labels": [0]}, "does not have labels and rows of probabilities"),
        ({"labels": [0], "probabilities": [["a"]]}, "does not have labels and rows of probabilities"),
        ({"labels": [0, 1], "probabilities": [ROW, [1]]}, "does not have labels and rows of probabilities"),
        ({"labels": [0], "probabilities": [[10**400, 0, 0, 0]]}, "does not have labels and rows of probabilities"),
        ({"labels": [], "probabilities": []}, "does not have 1 to 100,000 whole numbers as labels"),
        ({"labels": 5, "probabilities": [ROW]}, "does not have 1 to 100,000 whole numbers as labels"),
        ({"labels": "0", "probabilities": [ROW]}, "does not have 1 to 100,000 whole numbers as labels"),
        ({"labels": [0.5], "probabilities": [ROW]}, "does not have 1 to 100,000 whole numbers as labels"),
        ({"labels": [True], "probabilities": [ROW]}, "does not have 1 to 100,000 whole numbers as labels"),
        ({"labels": [[0]], "probabilities": [ROW]}, "does not have 1 to 100,000 whole numbers as labels"),
        ({"labels": [0] * 100_001, "probabilities": [ROW]}, "does not have 1 to 100,000 whole numbers as labels"),
        ({"labels": [0, 1], "probabilities": [ROW]}, "has probabilities of the shape (1, 4), not one for each class"),
        (
            {"labels": [0], "probabilities": [[0.5, 0.5]]},
            "has probabilities of the shape (1, 2), not one for each class",
        ),
        ({"labels": [4], "probabilities": [ROW]}, "has labels that are no number of a class"),
        ({"labels": [-1], "probabilities": [ROW]}, "has labels that are no number of a class"),
        ({"labels": [0], "probabilities": [[0.5] * 4]}, "has rows of probabilities that do not sum to 1"),
        ({"labels": [0], "probabilities": [[2, -1, 0, 0]]}, "has rows of probabilities that do not sum to 1"),
        ({"labels": [0], "probabilities": [[float("nan"), 1, 0, 0]]}, "has rows of probabilities that do not sum to 1"),
    ],
)
def test_damaged_predictions_break_the_contract(tmp_path: Path, content: Any, reason: str) -> None:
    """The message names the clause."""
    model = change_held_out(save_model(tmp_path / "model.onnx", None), json.dumps(content))
    with pytest.raises(ModelError) as raised:
        GalaxyClassifier(model)
    assert f"contract: metadata galaxy_classify.held_out {reason}" in str(raised.value)


def test_what_is_no_json_breaks_the_contract(tmp_path: Path) -> None:
    """As other metadata do."""
    model = change_held_out(save_model(tmp_path / "model.onnx", None), "{")
    with pytest.raises(ModelError, match=r"contract: metadata galaxy_classify\.held_out"):
        GalaxyClassifier(model)


@pytest.mark.parametrize("option", [{"prior": "uniform"}, {"sets": 0.9}])
def test_a_model_without_predictions_says_what_to_do(tmp_path: Path, option: dict[str, Any]) -> None:
    """It classifies as ever; what rests on held-out galaxies is refused, and so it is if a class has none."""
    model = change_held_out(save_model(tmp_path / "model.onnx", held_out()), None)
    assert GalaxyClassifier(model).has_held_out is False
    with pytest.raises(UsageError, match=r"tiny@.* carries no predictions on held-out galaxies.*train and convert"):
        GalaxyClassifier(model, **option)
    with pytest.raises(UsageError, match="carries no predictions"):
        GalaxyClassifier(model).class_mix([])
    one_missing = save_model(tmp_path / "missing.onnx", held_out(mix=(0.5, 0.5, 0, 0)))
    assert GalaxyClassifier(one_missing).has_held_out is False
    with pytest.raises(UsageError, match="no prediction on a held-out galaxy of edge_on_disk, unbarred_spiral"):
        GalaxyClassifier(one_missing, **option)
