"""A run that is killed at any step on its files is continued, and gives the result of one that was not interrupted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing, find_rows
from galaxy_classify.runs.result_file import ResultFile
from galaxy_classify.tables.columns import Column
from kill_steps import killed
from stand_in_job import CLASSES, StandInJob

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")

LAYOUT = RowLayout(CLASSES, carried=[Column("z", "float"), Column("seen", "bool"), Column("note")], first="note")
SOURCES = [
    Source(f"{'bad' if number in (1, 4) else 'm'}{number}\xa0.png", "", (number / 3 or None, None, f"\n{number}"))
    for number in range(6)
]
FORMATS = [output_format for output_format in OutputFormat if output_format is not OutputFormat.TABLE]


def write(output: OutputFile, output_format: OutputFormat, existing: Existing, **options: Any) -> None:
    """Make a run of all sources."""
    with mock.patch("galaxy_classify.results.safe_writing.FLUSH_RECORDS", 2):
        ResultFile(output, output_format, existing).write(StandInJob(LAYOUT, **options), iter(SOURCES))


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder but for a killed process's lock."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is lost here."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.fixture(
    params=[
        pytest.param(output_format, marks=() if output_format is OutputFormat.CSV else pytest.mark.slow)
        for output_format in FORMATS
    ]
)
def output_format(request: pytest.FixtureRequest) -> OutputFormat:
    """Each format of a result file."""
    return OutputFormat(request.param)


def nothing(output: OutputFile, output_format: OutputFormat) -> None:
    """Begin without an earlier result."""


def complete(output: OutputFile, output_format: OutputFormat) -> None:
    """Begin with a complete result whose errors can be mended now."""
    write(output, output_format, Existing.REPLACE)


def unfinished(output: OutputFile, output_format: OutputFormat) -> None:
    """Begin with the rows of a run that was interrupted, of which the last one is torn."""
    write(output, output_format.rows, Existing.REPLACE)
    Path(output.partial).write_bytes(Path(output.path).read_bytes()[:-30])
    os.remove(output.path)
    os.rename(output.sidecar(output.path), output.sidecar(output.partial))


def of_other_options(output: OutputFile, output_format: OutputFormat) -> None:
    """Begin with a complete result and an unfinished one, both of other options; the run replaces them."""
    for what in (unfinished, complete):
        what(output, output_format)
    Path(output.sidecar(output.partial)).write_text("{}")
    Path(output.partial).write_bytes(b"rows of another run\n")
    Path(output.sidecar(output.path)).write_text('{"options": {"threshold": 0.9}}')


@pytest.mark.parametrize(
    ("begin", "existing"),
    [
        (nothing, Existing.REFUSE),
        (complete, Existing.RESUME),
        pytest.param(unfinished, Existing.RESUME, marks=pytest.mark.slow),
        pytest.param(of_other_options, Existing.REPLACE, marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_any_step_is_continued(
    tmp_path: Path, output_format: OutputFormat, begin: Callable[[OutputFile, OutputFormat], None], existing: Existing
) -> None:
    """Byte for byte, sidecar included, and under the final name there is never a torn file."""
    fresh, start, folder = (tmp_path / name for name in ("fresh", "start", "folder"))
    name = f"out.{output_format}"
    for made in (fresh, start):
        made.mkdir()
    write(OutputFile(str(fresh / name)), output_format, Existing.REPLACE, broken="nothing")
    expected = files(fresh)
    begin(OutputFile(str(start / name)), output_format)
    before = files(start).get(name)
    output = OutputFile(str(folder / name))
    step = 0
    going = True
    while going:
        step += 1
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        going = killed(folder, step, lambda: write(output, output_format, existing, broken="nothing"))
        assert files(folder).get(name) in (None, before, expected[name]), step
        if existing is Existing.REPLACE and files(folder) == files(start):
            continue  # the other run's rows are all there, and are still not to be mixed with these
        write(output, output_format, Existing.RESUME, broken="nothing")
        assert files(folder) == expected, step
    assert step > 10


def test_a_resumed_run_killed_again_is_continued(tmp_path: Path, output_format: OutputFormat) -> None:
    """However often that happens."""
    fresh, folder = tmp_path / "fresh", tmp_path / "folder"
    fresh.mkdir()
    folder.mkdir()
    name = f"out.{output_format}"
    write(OutputFile(str(fresh / name)), output_format, Existing.REPLACE, broken="nothing")
    output = OutputFile(str(folder / name))
    complete(output, output_format)
    for step in (30, 21, 13, 8, 5, 3, 2, 1, 1, 2, 3, 4, 6, 7, 9, 12, 15, 18, 20, 25, 28):
        killed(folder, step, lambda: write(output, output_format, Existing.RESUME, broken="nothing"))
    write(output, output_format, Existing.RESUME, broken="nothing")
    assert files(folder) == files(fresh)


def test_a_refused_run_leaves_nothing_behind(tmp_path: Path, output_format: OutputFormat) -> None:
    """Other inputs, other catalogue values or other options: the complete result can still be continued."""
    output = OutputFile(str(tmp_path / f"out.{output_format}"))
    complete(output, output_format)
    before = files(tmp_path)
    others: list[tuple[RowLayout, list[Source], dict[str, Any]]] = [
        (LAYOUT, SOURCES[::-1], {}),
        (LAYOUT, [Source(SOURCES[0].path, "", (*SOURCES[0].carried[:2], "other")), *SOURCES[1:]], {}),
        (LAYOUT, SOURCES, {"top_k": 2}),
        (RowLayout(CLASSES), [Source("m0.png")], {}),
    ]
    for layout, sources, options in others:
        with pytest.raises(UsageError):
            ResultFile(output, output_format, Existing.RESUME).write(StandInJob(layout, **options), iter(sources))
        assert files(tmp_path) == before
    write(output, output_format, Existing.RESUME)
    assert files(tmp_path) == before


def test_rows_whose_catalogue_values_have_changed_are_made_again(tmp_path: Path, output_format: OutputFormat) -> None:
    """A result never states what the catalogue said once; a value that a format holds as other text is no change."""
    output, fresh = (OutputFile(str(tmp_path / f"{name}.{output_format}")) for name in ("out", "fresh"))
    complete(output, output_format)
    changed = [*SOURCES[:3], Source(SOURCES[3].path, "", (1e9, True, "other")), *SOURCES[4:]]
    job = StandInJob(LAYOUT)
    ResultFile(output, output_format, Existing.RESUME).write(job, iter(changed))
    assert (job.counts.kept, job.counts.changed) == (3, True)
    ResultFile(fresh, output_format, Existing.REFUSE).write(StandInJob(LAYOUT), iter(changed))
    assert Path(output.path).read_bytes() == Path(fresh.path).read_bytes()


def test_a_run_without_inputs_that_can_be_listed_leaves_nothing_behind(
    tmp_path: Path, output_format: OutputFormat
) -> None:
    """Standard input may be closed, or a list damaged: the next run is not told to --resume or --force."""

    def unlisted() -> Iterator[Source]:
        yield from []
        raise UsageError("cannot be listed")

    output = ResultFile(OutputFile(str(tmp_path / f"out.{output_format}")), output_format, Existing.REFUSE)
    with pytest.raises(UsageError, match="cannot be listed"):
        output.write(StandInJob(LAYOUT), unlisted())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("begin", [complete, unfinished, of_other_options])
def test_a_file_that_grows_is_begun_in_steps_that_can_be_killed(
    tmp_path: Path, begin: Callable[[OutputFile, OutputFormat], None]
) -> None:
    """With ``--watch``: a run with --force or --resume that is killed while it begins can be resumed."""
    start, folder = tmp_path / "start", tmp_path / "folder"
    start.mkdir()
    begin(OutputFile(str(start / "out.csv")), OutputFormat.CSV)
    output = OutputFile(str(folder / "out.csv"))
    provenance = StandInJob(LAYOUT).provenance
    forced = begin is of_other_options

    def grow() -> None:
        output.begin_in_place(None if forced else find_rows(output, provenance), provenance)

    going, step = True, 0
    while going:
        step += 1
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        going = killed(folder, step, grow)
        if forced and files(folder) == files(start):
            continue
        found = find_rows(output, provenance)
        assert (found is None) == forced
        output.begin_in_place(found, provenance)
        assert (output.path if found else None) == find_rows(output, provenance)
        assert set(files(folder)) <= {"out.csv", "out.csv.meta.json"}
    assert step > 3
