"""What may become of a folder that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from galaxy_classify.errors import DataError
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_train.run_folder import RunFolder


def test_a_run_is_not_overwritten_without_force(tmp_path: Path) -> None:
    """Hours of training are not lost by a repeated command."""
    run = RunFolder(tmp_path / "run")
    run.create(force=False)
    run.history.write_text("epoch\n0\n")
    with pytest.raises(DataError, match="exists already; choose another --out, or overwrite it with --force"):
        run.create(force=False)
    assert run.history.exists()
    run.stress_plot.touch()  # an evaluation has drawn it since
    run.held_out.touch()
    run.create(force=True)
    assert list(run.path.iterdir()) == []


def test_force_does_not_delete_what_is_no_run(tmp_path: Path) -> None:
    """A mistyped --out is not a reason to empty a home folder."""
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="holds files that do not belong to a run"):
        RunFolder(tmp_path).create(force=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    """The message says so instead of a traceback."""
    (tmp_path / "run").write_text("x")
    with pytest.raises(DataError, match="is a file, not a folder"):
        RunFolder(tmp_path / "run").create(force=True)


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    """mktemp -d gives one."""
    RunFolder(tmp_path).create(force=False)
    assert tmp_path.is_dir()


def test_an_unfinished_run_is_told_from_a_finished_one(tmp_path: Path) -> None:
    """Each state names its remedy."""
    run = RunFolder(tmp_path / "run")
    with pytest.raises(DataError, match="no such run folder"):
        run.check_complete()
    run.create(force=False)
    with pytest.raises(DataError, match=r"has no model\.keras, the run did not finish"):
        run.check_complete()
    run.model.touch()
    run.metrics.write_text("{")
    run.check_complete()
    with pytest.raises(DataError, match=r"metrics\.json: cannot be read"):
        run.read_metrics()


def test_held_out_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A run of an earlier version has none."""
    run, predictions = RunFolder(tmp_path), HeldOut((0, 1), ((0.75, 0.25), (0.0, 1.0)))
    assert run.read_held_out(2) is None
    run.write_held_out(predictions)
    assert run.read_held_out(2) == predictions


@pytest.mark.parametrize("content", ["", "[]", "{", '{"labels": [0]}', '{"labels": [0], "probabilities": [[1, 0, 0]]}'])
def test_damaged_held_out_predictions_name_their_file(tmp_path: Path, content: str) -> None:
    """Those of other classes, too."""
    run = RunFolder(tmp_path)
    run.held_out.write_text(content)
    with pytest.raises(DataError, match=r"held_out\.json: cannot be read: .*; train again with --force"):
        run.read_held_out(2)
