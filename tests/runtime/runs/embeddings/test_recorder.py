"""A run with ``--embeddings`` that is killed at any step is continued, and gives the file of one that was not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import numpy as np
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing
from galaxy_classify.runs.embeddings.log import Entry, Log, line_of, read_header, write_log
from galaxy_classify.runs.embeddings.recorder import EmbeddingRecorder
from galaxy_classify.runs.result_file import ResultFile
from galaxy_classify.runs.shards import Shard, Shards
from kill_steps import killed
from stand_in_job import CLASSES, StandInJob, made_up

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
#: Two inputs have one name, as members of archives may, and one has a name that is not UTF-8.
PATHS = ["m0.png", "bad1.png", "same.png", "same.png", "bad4.png", os.fsdecode(b"caf\xe9.png"), "m6.png"]


def vector(path: str) -> NDArray[np.float32]:
    """Return the embedding of a path."""
    number = sum(path.encode("utf-8", "surrogateescape"))
    return np.array([number / 7, -number, 0], np.float32)


@dataclass
class StandInClassifier:
    """Give each path the same made-up row and vector every time; count those that are asked for."""

    asked: int = 0
    broken: str = "bad"

    def check_embedding(self) -> int:
        """Return the number of features."""
        return 3

    def classify_sources(
        self, sources: Iterable[Source], *, embedded: Callable[[Source, NDArray[np.float32] | None], None]
    ) -> Iterator[tuple[Source, Prediction]]:
        """Yield each input with its row."""
        for source in sources:
            self.asked += 1
            prediction = made_up(source.path, self.broken)
            if prediction.label is not None:
                embedded(source, vector(source.path))
            yield source, prediction


class EmbeddingJob(StandInJob):
    """Give each path that is not broken a vector, too."""

    def predictions(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Prediction]]:
        """Yield each input with its row."""
        for source, prediction in super().predictions(sources):
            if self.embedded is not None and prediction.label is not None:
                self.embedded(source, None if "nan" in source.path else vector(source.path))
            yield source, prediction


class Listed:
    """Inputs of a run."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def sources(self) -> Iterator[Source]:
        """Yield the inputs in order."""
        return (Source(path, path) for path in self._paths)

    def by_shard(self, shards: Shards) -> Iterator[tuple[Shard, Iterator[Source]]]:
        """Yield each shard with its inputs in order."""
        return ((shard, filter(shard.holds, self.sources())) for shard in shards)


def write(
    folder: Path,
    existing: Existing,
    paths: Sequence[str] = PATHS,
    *,
    embeddings: bool = True,
    resumable: bool = True,
    classifier: StandInClassifier | None = None,
    **options: Any,
) -> EmbeddingRecorder:
    """Make a run of some paths."""
    job = EmbeddingJob(RowLayout(CLASSES), **options)
    found = cast("GalaxyClassifier", classifier or StandInClassifier(broken=options.get("broken", "bad")))
    recorder = EmbeddingRecorder(str(folder / "e.parquet"), existing, found, resumable=resumable)
    destination = ResultFile(OutputFile(str(folder / "out.csv")), OutputFormat.CSV, existing)
    with mock.patch("galaxy_classify.results.safe_writing.FLUSH_RECORDS", 2):
        if not embeddings:
            destination.classify(job, Listed(paths))
            return recorder
        job.embedded, job.observers = recorder.take, [recorder.see]
        with recorder.recording(job.provenance):
            destination.classify(job, recorder.numbered(Listed(paths)))
    return recorder


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder but for a killed process's locks."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of the complete file."""
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / "e.parquet").to_pylist()
    return found


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is lost here."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder for a run."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, bytes]:
    """Files of a run that was not interrupted, and in which nothing is broken."""
    (tmp_path / "fresh").mkdir()
    write(tmp_path / "fresh", Existing.REFUSE, broken="nothing")
    return files(tmp_path / "fresh")


def test_each_row_with_a_class_has_its_vector(folder: Path) -> None:
    """In the order of the rows, whose numbers tell inputs of one name apart; errors have none."""
    recorder = write(folder, Existing.REFUSE)
    assert set(files(folder)) == {"out.csv", "out.csv.meta.json", "e.parquet"}
    expected = [path for path in PATHS if "bad" not in path]
    assert [row["row"] for row in rows(folder)] == [0, 2, 3, 5, 6]
    assert [row["path"] for row in rows(folder)] == ["m0.png", "same.png", "same.png", r"caf\xe9.png", "m6.png"]
    assert [row["embedding"] for row in rows(folder)] == [vector(path).tolist() for path in expected]
    assert {(row["status"], row["label"]) for row in rows(folder)} == {("ok", "round")}
    assert (recorder.done, recorder.failed) == (5, 0)
    assert recorder.summary() == f"embeddings: 5 vectors of 3 features in {folder / 'e.parquet'}"


def test_a_vector_that_is_not_finite_is_named(folder: Path) -> None:
    """The row has its class all the same."""
    recorder = write(folder, Existing.REFUSE, ["m0.png", "nan.png"])
    assert [row["path"] for row in rows(folder)] == ["m0.png"]
    assert (recorder.done, recorder.failed) == (1, 1)
    assert recorder.summary().endswith(", 1 missing: nan.png: the model gave no finite embedding")


def start_with_nothing(folder: Path) -> None:
    """Begin without an earlier run."""


def start_complete(folder: Path) -> None:
    """Begin with a complete run whose errors can be mended now."""
    write(folder, Existing.REFUSE)


def start_without_embeddings(folder: Path) -> None:
    """Begin with a complete run that has written no embeddings."""
    write(folder, Existing.REFUSE, embeddings=False)


@needs_fork
@pytest.mark.parametrize(
    ("start", "existing", "every"),
    [
        (start_complete, Existing.RESUME, 9),
        pytest.param(start_with_nothing, Existing.REFUSE, 1, marks=pytest.mark.slow),
        pytest.param(start_complete, Existing.RESUME, 1, marks=pytest.mark.slow),
        pytest.param(start_without_embeddings, Existing.RESUME, 2, marks=pytest.mark.slow),
        pytest.param(start_complete, Existing.REPLACE, 2, marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_any_step_is_continued(
    tmp_path: Path, folder: Path, fresh: dict[str, bytes], start: Callable[[Path], None], existing: Existing, every: int
) -> None:
    """Byte for byte: no row is lost or doubled, and under the final name there is never a torn file."""
    (tmp_path / "start").mkdir()
    start(tmp_path / "start")
    before = files(tmp_path / "start").get("e.parquet")
    step, going = 0, True
    while going:
        step += every
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "start", folder)
        going = killed(folder, step, lambda: write(folder, existing, broken="nothing"))
        assert files(folder).get("e.parquet") in (None, before, fresh["e.parquet"]), step
        write(folder, Existing.RESUME, broken="nothing")
        assert files(folder) == fresh, step
    assert step > 10


@needs_fork
def test_vectors_of_a_killed_run_are_not_made_again(folder: Path, fresh: dict[str, bytes]) -> None:
    """What the unfinished file holds is kept; only what is missing of kept rows is made."""
    paths = [f"m{number}.png" for number in range(40)]
    assert killed(folder, 40, lambda: write(folder, Existing.REFUSE, paths))
    with Log(str(folder / "e.parquet.partial")) as log:
        kept = len(list(log.with_vector(40)))
    assert kept > 10
    classifier = StandInClassifier()
    write(folder, Existing.RESUME, paths, classifier=classifier)
    assert classifier.asked <= 4
    assert [row["row"] for row in rows(folder)] == list(range(40))
    # Of a complete file nothing at all is made again.
    write(folder, Existing.RESUME, paths, classifier=(complete := StandInClassifier()))
    assert complete.asked == 0


def test_a_torn_end_is_cut_off(folder: Path) -> None:
    """A power loss may leave half a line, or NULs."""
    path = folder / "log"
    entries = [Entry(number, f"m{number}", "ok", "round", vector("m")) for number in range(3)]
    write_log(str(path), {"a": 1}, iter(entries))
    whole = path.read_bytes()
    for torn in (line_of(entries[0])[:-5].encode(), b"\0" * 30 + b"\n"):
        path.write_bytes(whole + torn)
        with Log(str(path)) as log:
            assert log.size == len(whole)
            assert [entry.row for entry in log.with_vector(9)] == [0, 1, 2]
    assert read_header(str(path)) == {"a": 1}
    path.write_bytes(whole[:5])
    assert read_header(str(path)) is None


def test_the_last_line_of_a_row_counts(folder: Path) -> None:
    """Rows are made again from where the inputs differ, and an error is tried again at the end of a run."""
    lines = [
        Entry(1, "old", "ok", "round", vector("a")),
        Entry(0, "first", "error", None, None),
        Entry(2, "gone", "ok", "round", vector("a")),
        Entry(1, "new", "ok", "round", vector("b")),
        Entry(0, "first", "ok", "round", vector("c")),
        Entry(2, "gone", "error", None, None),
        Entry(9, "beyond", "ok", "round", vector("c")),
    ]
    write_log(str(folder / "log"), {}, iter(lines))
    with Log(str(folder / "log")) as log:
        assert [(entry.row, entry.path) for entry in log.with_vector(9)] == [(0, "first"), (1, "new")]
        assert log.entry(7) is None
        found = log.entry(1)
    assert found is not None
    assert found.vector is not None
    assert found.vector.tolist() == vector("b").tolist()


def test_other_inputs_replace_those_that_are_gone(folder: Path) -> None:
    """From the first input that differs on, rows and vectors are those of the new inputs."""
    write(folder, Existing.REFUSE)
    write(folder, Existing.RESUME, ["m0.png", "bad1.png", "other.png"])
    assert [(row["row"], row["path"]) for row in rows(folder)] == [(0, "m0.png"), (2, "other.png")]


def test_an_image_that_has_changed_gets_no_vector(folder: Path) -> None:
    """The vector of another picture does not go with the label of the row that was kept."""
    write(folder, Existing.REFUSE, embeddings=False)
    recorder = write(folder, Existing.RESUME, classifier=StandInClassifier(broken="same"))
    assert [row["row"] for row in rows(folder)] == [0, 5, 6]
    assert recorder.failed == 2
    assert "2 missing: same.png: no such file" in recorder.summary()


@pytest.mark.parametrize("name", ["e.parquet", "e.parquet.partial"])
def test_embeddings_of_other_options_are_left_alone(folder: Path, name: str) -> None:
    """Vectors of two models in one file could not be compared; what is refused changes nothing."""
    write(folder, Existing.REFUSE)
    for result in ("out.csv", "out.csv.meta.json"):
        (folder / result).unlink()
    if name.endswith("partial"):
        write_log(str(folder / name), {"model": {"name": "other"}}, iter([]))
    before = files(folder)
    with pytest.raises(UsageError, match=r"e\.parquet(\.partial)?: cannot be continued: .*--force starts anew"):
        write(folder, Existing.RESUME, threshold=0.9)
    assert files(folder) == before
    with pytest.raises(UsageError, match=r"exists already; --force replaces it"):
        write(folder, Existing.REFUSE)
    assert files(folder) == before


@pytest.mark.parametrize("content", [b"PAR1 no Parquet", b"{}\n", b"[1, 2\n"])
def test_a_file_of_something_else_is_not_continued(folder: Path, content: bytes) -> None:
    """A name that was mistyped does not cost the file of that name."""
    for name in ("e.parquet", "e.parquet.partial"):
        (folder / name).write_bytes(content + b"\n")
        with pytest.raises(UsageError, match=r"is damaged, or no .* of --embeddings; --force"):
            write(folder, Existing.RESUME)
        assert files(folder) == {name: content + b"\n"}
        (folder / name).unlink()


def test_a_result_that_is_refused_leaves_the_embeddings_as_they_are(folder: Path) -> None:
    """Other inputs, of which no row could be kept."""
    write(folder, Existing.REFUSE)
    before = files(folder)
    with pytest.raises(UsageError, match="none of its rows would be kept"):
        write(folder, Existing.RESUME, PATHS[::-1])
    assert files(folder) == before


def test_a_run_that_cannot_be_continued_leaves_nothing_unfinished(folder: Path) -> None:
    """Its rows went to standard output: vectors without rows are of no use."""

    def full(*_: object) -> int:
        raise GalaxyClassifyError("no space left")

    for resumable in (True, False):
        with (
            mock.patch("galaxy_classify.runs.embeddings.recorder.write_vectors", full),
            pytest.raises(GalaxyClassifyError, match="no space"),
        ):
            write(folder, Existing.REPLACE, resumable=resumable)
        assert (folder / "e.parquet.partial").exists() == resumable
    assert not (folder / "e.parquet").exists()


def test_a_run_without_inputs_has_a_file_without_rows(folder: Path) -> None:
    """A script that reads it finds its columns."""
    write(folder, Existing.REFUSE, [])
    assert rows(folder) == []
