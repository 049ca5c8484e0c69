"""A result in parts: what is kept, what is refused, and what a crash leaves."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from galaxy_classify.dask.part_folder import SIDECAR, Part, PartFolder, part_provenance
from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.resume import Existing
from kill_steps import killed

LAYOUT = RowLayout(["round"])
MADE_WITH: dict[str, Any] = {"model": {"name": "m", "sha256": "0"}, "partition_size": 2}
SOURCES = [Source("a.jpg", "a.jpg"), Source("b.jpg", "b.jpg")]
PART = Part(
    part_provenance(0, MADE_WITH, SOURCES),
    [LAYOUT.row(Prediction(source.path, "ok", "m@0", "round", 1.0, {"round": 1.0})) for source in SOURCES],
)


@pytest.fixture
def folder(tmp_path: Path) -> PartFolder:
    """Return a folder with one part of a run that was interrupted."""
    found = PartFolder(str(tmp_path / "out"))
    with found.open(MADE_WITH, Existing.REPLACE):
        found.write(0, PART, LAYOUT.columns)
    return found


def test_a_part_is_read_back_as_it_was(folder: PartFolder) -> None:
    """A resumed run counts and compares its rows."""
    assert folder.read(0) == PART
    assert folder.read(1) is None


def test_a_damaged_part_counts_as_none(folder: PartFolder) -> None:
    """A machine that loses its power may leave a file that was never written out."""
    whole = Path(folder.part(0)).read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PAR1" + whole[4:-8] + b"xxxxPAR1"):
        Path(folder.part(0)).write_bytes(content)
        assert folder.read(0) is None


def test_a_parquet_file_of_another_kind_is_no_part(folder: PartFolder) -> None:
    """Someone may have put one there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"path": ["a.jpg", "b.jpg"]}), folder.part(0))
    assert folder.read(0) is None


@pytest.mark.parametrize("sources", [SOURCES[::-1], SOURCES[:1], [Source("a.jpg", "a.jpg", (1,)), SOURCES[1]]])
def test_other_inputs_are_told_from_these(sources: list[Source]) -> None:
    """Their order counts, and so does what a catalogue says of them."""
    assert part_provenance(0, MADE_WITH, sources) != PART.provenance


def test_an_existing_result_is_refused(folder: PartFolder, tmp_path: Path) -> None:
    """Hours of work are not overwritten by repeating a command."""
    with pytest.raises(UsageError, match="holds a result already; --resume completes it, --force replaces it"):
        folder.refuse_to_overwrite()
    Path(folder.sidecar).unlink()
    with pytest.raises(UsageError, match="holds a result already"):
        folder.refuse_to_overwrite()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        PartFolder(str(tmp_path / "file")).refuse_to_overwrite()
    PartFolder(str(tmp_path)).refuse_to_overwrite()
    PartFolder(str(tmp_path / "new")).refuse_to_overwrite()


def test_a_result_that_has_come_meanwhile_is_refused(folder: PartFolder) -> None:
    """Another run may have ended between the check at the start and the lock."""
    with pytest.raises(UsageError, match="holds a result already"), folder.open(MADE_WITH, Existing.REFUSE):
        pass
    assert folder.read(0) == PART


def test_resume_keeps_parts_and_force_removes_them(folder: PartFolder) -> None:
    """And neither touches a file that is not ours."""
    (Path(folder.path) / "notes.txt").touch()
    with folder.open(MADE_WITH, Existing.RESUME):
        assert folder.read(0) == PART
    with folder.open(MADE_WITH, Existing.REPLACE):
        assert folder.read(0) is None
    assert sorted(path.name for path in Path(folder.path).iterdir()) == [SIDECAR, "notes.txt"]


def test_other_options_are_refused(folder: PartFolder) -> None:
    """Rows of two models must not stand in one result; the message names what differs."""
    other = {"model": {"name": "m", "sha256": "1"}, "partition_size": 3}
    with (
        pytest.raises(UsageError, match="model sha256 was 0, now it is 1; partition_size was 2, now it is 3"),
        folder.open(other, Existing.RESUME),
    ):
        pass
    assert folder.read(0) == PART


@pytest.mark.parametrize("sidecar", [None, "", "[]", "{"])
def test_parts_of_unknown_origin_are_refused(folder: PartFolder, sidecar: str | None) -> None:
    """Without the sidecar it is not known what they were made with."""
    if sidecar is None:
        Path(folder.sidecar).unlink()
    else:
        Path(folder.sidecar).write_text(sidecar)
    with pytest.raises(UsageError, match="missing or damaged"), folder.open(MADE_WITH, Existing.RESUME):
        pass


def test_two_runs_cannot_write_the_same_folder(folder: PartFolder) -> None:
    """A job that was queued twice would mix their parts."""
    with (
        folder.open(MADE_WITH, Existing.RESUME),
        pytest.raises(UsageError, match="another run is writing it"),
        folder.open(MADE_WITH, Existing.RESUME),
    ):
        pass


def test_a_complete_result_says_so_and_has_no_part_too_many(folder: PartFolder) -> None:
    """An earlier run may have had more inputs; a complete one can still be continued."""
    folder.write(1, Part(part_provenance(1, MADE_WITH, ()), []), LAYOUT.columns)
    folder.complete(MADE_WITH, partitions=1, inputs=2, outcome={"evaluation": {"accuracy": 1.0}})
    assert folder.read(1) is None
    said = json.loads(Path(folder.sidecar).read_text())
    assert said == MADE_WITH | {"partitions": 1, "inputs": 2, "evaluation": {"accuracy": 1.0}}
    with folder.open(MADE_WITH, Existing.RESUME):
        assert json.loads(Path(folder.sidecar).read_text()) == MADE_WITH


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    """Its parent is missing, as with a mistyped path."""
    with (
        pytest.raises(UsageError, match="cannot be written"),
        PartFolder(str(tmp_path / "no" / "out")).open({}, Existing.REPLACE),
    ):
        pass


def test_a_refused_run_leaves_the_sidecar_as_it_was(folder: PartFolder) -> None:
    """It says that the result is complete, which it still is."""
    folder.complete(MADE_WITH, partitions=1, inputs=2, outcome={})
    before = Path(folder.sidecar).read_bytes()
    with pytest.raises(UsageError, match="other inputs"), folder.open(MADE_WITH, Existing.RESUME):
        raise UsageError("other inputs")
    assert Path(folder.sidecar).read_bytes() == before


def test_a_refused_run_leaves_no_folder(tmp_path: Path) -> None:
    """One that it has made itself, before it was found that there is nothing to classify."""
    with pytest.raises(UsageError), PartFolder(str(tmp_path / "out")).open(MADE_WITH, Existing.REFUSE):
        raise UsageError("no such list")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_being_replaced_is_continued(folder: PartFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with --force that is killed between the parts it removes can be continued with its own options."""
    other = MADE_WITH | {"partition_size": 3}

    def killed(path: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("galaxy_classify.dask.part_folder.os.remove", killed)
        with pytest.raises(KeyboardInterrupt), folder.open(other, Existing.REPLACE):
            pass
    with folder.open(other, Existing.RESUME):
        part = folder.read(0)
    assert part is not None
    assert part.made_with == MADE_WITH


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
@pytest.mark.parametrize("existing", Existing)
def test_a_run_killed_at_any_step_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: Existing
) -> None:
    """Parts, sidecar and all, as if nothing had happened; no part is ever torn under its name."""
    monkeypatch.setattr(os, "fsync", lambda file: None)
    others = {Existing.REFUSE: None, Existing.RESUME: MADE_WITH, Existing.REPLACE: MADE_WITH | {"partition_size": 3}}
    before = others[existing]

    def run(path: Path, made_with: dict[str, Any], existing: Existing, parts: int = 2) -> None:
        folder = PartFolder(str(path))
        with folder.open(made_with, existing):
            for number in range(parts):
                part = Part(part_provenance(number, made_with, SOURCES), PART.rows)
                if existing is not Existing.RESUME or folder.read(number) != part:
                    folder.write(number, part, LAYOUT.columns)
            folder.complete(made_with, partitions=parts, inputs=4, outcome={})

    def files(path: Path) -> dict[str, bytes]:
        found = path.iterdir() if path.exists() else ()
        return {file.name: file.read_bytes() for file in found if file.suffix != ".lock"}

    fresh, start, out = tmp_path / "fresh", tmp_path / "start", tmp_path / "out"
    run(fresh, MADE_WITH, Existing.REFUSE)
    if before is not None:
        run(start, before, Existing.REFUSE, parts=3)
    going, step = True, 0
    while going:
        step += 1
        shutil.rmtree(out, ignore_errors=True)
        if before is not None:
            shutil.copytree(start, out)
        going = killed(out, step, lambda: run(out, MADE_WITH, existing))
        if existing is Existing.REPLACE and files(start).items() <= files(out).items():
            continue  # another run's parts are all there
        run(out, MADE_WITH, Existing.RESUME)
        assert files(out) == files(fresh), step
    assert step > 5
