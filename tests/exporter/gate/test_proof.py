"""What the gate must not take for a proof, and honest models that it must not refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galaxy_classify.errors import DataError, GalaxyClassifyError, OutputError, UsageError
from galaxy_export.parity import assert_parity

SAMPLES = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)


def double(x: np.ndarray) -> np.ndarray:
    """Return twice the input: the model of these tests."""
    return 2 * x


@pytest.mark.parametrize(
    ("reference", "candidate", "options", "message"),
    [
        (lambda x: 1e-7 * x, lambda x: 0 * x, {}, "largest value is 2.4e-07, and zeros would be within the limit"),
        (double, lambda x: 0 * x, {"rtol": 1}, "such as --rtol output=1e-3"),
        (double, lambda x: 0 * x, {"atol": {"output": 100.0}}, "such as --atol output="),
        (lambda x: x[:, :0], lambda x: x[:, :0], {}, "the reference's 'output' has no values"),
        (lambda x: 1e-7 * x, lambda x: 0 * x, {"classes": "output"}, "zeros would be within the limit"),
    ],
)
def test_limits_within_which_zeros_would_pass_are_no_proof(
    reference: Callable[..., Any], candidate: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    """A reference of tiny values, or a limit wider than all of them, would accept a model that gives nothing."""
    with pytest.raises(OutputError, match=message):
        assert_parity(candidate, reference, SAMPLES, **options)


def test_the_remedy_for_tiny_values_works() -> None:
    """With the limit that the message names, the same model passes, and zeros do not."""
    limit = {"output": 2e-10}
    assert_parity(lambda x: 1e-7 * x, lambda x: 1e-7 * x, SAMPLES, atol=limit)
    with pytest.raises(OutputError, match="40 of 40 samples are beyond their limit"):
        assert_parity(lambda x: 0 * x, lambda x: 1e-7 * x, SAMPLES, atol=limit)


@pytest.mark.parametrize(
    ("model", "noted"),
    [
        (lambda x: np.full((len(x), 2), 0.5), True),
        (lambda x: np.full(len(x), 3), True),
        (lambda x: np.concatenate([x, np.full((len(x), 1), -1e9)], axis=1), True),
        (double, False),
        (lambda x: x[:, 0] > 0, False),
    ],
)
def test_outputs_that_never_change_are_noted(tmp_path: Path, model: Callable[..., Any], noted: bool) -> None:
    """Such as classes masked by -1e9, beside which no other score counts; it may be right, but no one has seen it."""
    assert_parity(model, model, SAMPLES, report=tmp_path / "report.json")
    notes = json.loads((tmp_path / "report.json").read_text())["notes"]
    assert len(notes) == noted
    assert all("a model that ignores its inputs would pass" in note for note in notes)
    assert_parity(model, model, SAMPLES, report=tmp_path / "report.md")
    assert ("Note: output 'output' is the same" in (tmp_path / "report.md").read_text()) == noted


def test_one_sample_shows_nothing_of_batches(tmp_path: Path) -> None:
    """A model that takes one sample at a time passes then, and the report says what that leaves open."""
    assert_parity(double, double, SAMPLES[:1], report=tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "Note: with one sample" in text
    assert "on 1 sample (" in text.replace("\\", "")


@pytest.mark.parametrize(
    "options",
    [
        {"rtol": float("nan")},
        {"atol": {"output": float("nan")}},
        {"rtol": float("inf")},
        {"atol": -1.0},
        {"rtol": "1"},
        {"rtol": True},
        {"classes": {"output": float("nan")}},
        {"classes": {"output": 2}},
        {"names": [("a", "b", "c")]},
        {"names": "ab"},
        {"save_worst": "worst.txt"},
        {"save_worst": "no-folder/worst.npz"},
    ],
)
def test_options_that_the_command_line_refuses_are_refused_in_python(options: dict[str, Any]) -> None:
    """Nothing is beyond a limit of NaN: with it, any model would pass."""
    with pytest.raises(UsageError):
        assert_parity(lambda x: 0 * x, double, SAMPLES, **options)


def test_a_function_may_write_each_batch_into_the_same_memory() -> None:
    """C libraries do: what they return for the next batch overwrites the last one."""
    memory = np.zeros((64, 4), np.float32)

    def reused(x: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.multiply(x, 2, out=memory[: len(x)])
        return result

    assert_parity(reused, double, SAMPLES)
    assert_parity(double, reused, np.tile(SAMPLES, (4, 1)) + np.arange(160, dtype=np.float32)[:, None])


def test_an_output_that_is_left_out_may_have_any_shape() -> None:
    """Such as the loss of a reference, or the version of a candidate: neither has a row for each sample."""
    assert_parity(lambda x: {"a": x, "version": np.array([3])}, lambda x: {"a": x}, SAMPLES, names={"version": ""})
    assert_parity(lambda x: {"a": x}, lambda x: {"a": x, "loss": x.sum()}, SAMPLES, names=[("", "loss")])
    with pytest.raises(DataError, match=r"its output 'loss' has the shape \[\] for a batch of 40"):
        assert_parity(lambda x: {"a": x}, lambda x: {"a": x, "loss": x.sum()}, SAMPLES)


def test_lists_of_different_lengths_are_no_samples() -> None:
    """They are refused in words, as arrays of different lengths are."""
    with pytest.raises(DataError, match="the inputs: cannot be read as arrays"):
        assert_parity(double, double, [[1.0, 2.0], [3.0]])


@pytest.mark.parametrize("suffix", ["json", "md", "npz"])
def test_a_report_that_cannot_be_written_is_named(tmp_path: Path, suffix: str) -> None:
    """The operating system's own words do not say which file it is."""
    path = tmp_path / f"taken.{suffix}"
    path.mkdir()
    options: dict[str, Any] = {"save_worst" if suffix == "npz" else "report": path}
    with pytest.raises(GalaxyClassifyError, match=f"taken.{suffix}: cannot be written: Is a directory"):
        assert_parity(lambda x: x, double, SAMPLES, **options)
