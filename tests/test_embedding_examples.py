"""The examples of the classifier inside other programs: alerts, Spark, Ray, a web service, and the page's own code."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any
from wsgiref.util import setup_testing_defaults

import numpy as np
import pandas as pd
import pytest

from galaxy_classify import GalaxyClassifier
from galaxy_painter import KINDS, paint

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "docs" / "how-to" / name for name in ("own-program.md", "alert-stream.md")]
EXAMPLES = REPOSITORY / "examples" / "embedding"


def encoded(kind: str, seed: int) -> bytes:
    """Return a drawn galaxy as the bytes of a PNG file."""
    content = io.BytesIO()
    paint(kind, seed=seed, size=64).save(content, "PNG")
    return content.getvalue()


GALAXIES = [encoded(kind, seed) for seed, kind in enumerate(KINDS)]


class Broker:
    """A topic of two partitions in an in-process queue, with a clock that moves only when something is waited for.

    Parameters
    ----------
    values : sequence of bytes
        One message each, in turn in either partition.
    arrivals : sequence of float, optional
        When each comes, in seconds; by default all are there at once.
    """

    def __init__(self, kafka: Any, values: Sequence[bytes], arrivals: Sequence[float] | None = None) -> None:
        self.messages = [
            kafka.Message("alerts", number % 2, number // 2, f"object-{number}", value)
            for number, value in enumerate(values)
        ]
        self.arrivals = arrivals or [0.0] * len(values)
        self.now = 0.0
        self.committed = {0: 0, 1: 0}
        self.log: list[str] = []
        self.stop = Event()
        self.when_drained: Callable[[], None] = self.stop.set

    def clock(self) -> float:
        """Return the time, in seconds."""
        return self.now

    def connect(self) -> Broker:
        """Hand out again, from the next poll on, what was not committed."""
        self.stop.clear()
        waiting = zip(self.messages, self.arrivals, strict=True)
        self.queue = [(m, arrival) for m, arrival in waiting if m.offset >= self.committed[m.partition]]
        return self

    def poll(self, timeout: float) -> Any:
        """Return the next message if it comes in time, as a consumer does."""
        assert timeout > 0
        if not self.queue:
            self.when_drained()
        if self.queue and self.queue[0][1] <= self.now + timeout:
            message, arrival = self.queue.pop(0)
            self.now = max(self.now, arrival)
            return message
        self.now += timeout
        return None

    def commit(self, message: Any) -> None:
        """Remember how far a partition is done with."""
        self.log.append(f"commit {message.partition}:{message.offset}")
        self.committed[message.partition] = message.offset + 1


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import the consumer."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("kafka_microbatch")


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Load the embedded model once."""
    return GalaxyClassifier(threads=2)


class Sink:
    """Rows in memory, batch by batch."""

    def __init__(self, log: list[str]) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.log = log

    def __call__(self, rows: list[dict[str, Any]]) -> None:
        """Take the rows of a batch."""
        self.log.append(f"write {len(rows)}")
        self.batches.append(rows)

    @property
    def names(self) -> list[str]:
        """The objects of all rows, in order."""
        return [row["path"] for batch in self.batches for row in batch]


def run(kafka: Any, broker: Broker, classifier: GalaxyClassifier, write: Any, batch_size: int = 4) -> None:
    """Run the consumer on a broker, with a patience of half a second for a batch."""
    kafka.run(broker.connect(), classifier, write, broker.stop, batch_size, 0.5, broker.clock)


def names(count: int) -> list[str]:
    """Return the objects of the first messages."""
    return [f"object-{number}" for number in range(count)]


def test_a_full_batch_does_not_wait(kafka: Any, classifier: GalaxyClassifier) -> None:
    """A backlog is worked off in batches of the size that was asked for, in order."""
    broker = Broker(kafka, GALAXIES * 2)
    run(kafka, broker, classifier, sink := Sink(broker.log))
    assert [len(batch) for batch in sink.batches] == [4, 4]
    assert broker.now == 0.5, "only the end of the stream was waited for"
    assert sink.names == names(8)


def test_a_slow_stream_is_not_kept_waiting(kafka: Any, classifier: GalaxyClassifier) -> None:
    """A batch ends so long after its first message, however many have come; the time before that does not count."""
    broker = Broker(kafka, GALAXIES, arrivals=[3.0, 3.25, 3.5625, 9.0])
    written_at = []

    def write(rows: list[dict[str, Any]]) -> None:
        written_at.append((broker.now, [row["path"] for row in rows]))

    run(kafka, broker, classifier, write)
    assert [objects for _, objects in written_at] == [names(4)[:2], names(4)[2:3], names(4)[3:]]
    assert written_at[0][0] == 3.5
    assert written_at[1][0] == 3.5625 + 0.5


def test_offsets_are_committed_after_the_rows_are_written(kafka: Any, classifier: GalaxyClassifier) -> None:
    """Of each partition the last offset of the batch, and never before its rows are safe."""
    broker = Broker(kafka, GALAXIES[:3] * 2)
    run(kafka, broker, classifier, Sink(broker.log))
    assert broker.log == ["write 4", "commit 0:1", "commit 1:1", "write 2", "commit 0:2", "commit 1:2"]


def test_a_failed_write_commits_nothing(kafka: Any, classifier: GalaxyClassifier) -> None:
    """The consumer ends, and the next one gets the messages again: every one has its row."""
    broker = Broker(kafka, GALAXIES * 2)
    sink = Sink(broker.log)

    def full_disk(rows: list[dict[str, Any]]) -> None:
        if sink.batches:
            raise OSError("No space left on device")
        sink(rows)

    with pytest.raises(OSError, match="No space left"):
        run(kafka, broker, classifier, full_disk)
    assert broker.committed == {0: 2, 1: 2}
    run(kafka, broker, classifier, sink)
    assert sink.names == names(8)


def test_a_crash_before_the_commit_gives_rows_that_can_be_told_to_be_the_same(
    kafka: Any, classifier: GalaxyClassifier
) -> None:
    """Messages that come again give the same rows again, with the same topic, partition and offset."""
    broker = Broker(kafka, GALAXIES)
    sink = Sink(broker.log)

    def lost_connection(message: Any) -> None:
        raise ConnectionError(f"cannot commit {message.offset}")

    broker.commit = lost_connection  # type: ignore[method-assign]
    with pytest.raises(ConnectionError, match="cannot commit"):
        run(kafka, broker, classifier, sink)
    del broker.commit
    run(kafka, broker, classifier, sink)
    first, again = sink.batches
    assert first == again
    assert len({(row["topic"], row["partition"], row["offset"]) for row in first}) == 4


def test_a_poison_message_has_a_row_and_is_committed(kafka: Any, classifier: GalaxyClassifier) -> None:
    """What is no image neither stops the stream nor comes back."""
    broker = Broker(kafka, [GALAXIES[0], b"poison", b"", GALAXIES[1]])
    run(kafka, broker, classifier, sink := Sink(broker.log))
    rows = sink.batches[0]
    assert [row["status"] for row in rows] == ["ok", "error", "error", "ok"]
    assert rows[1]["message"].startswith("not an image")
    assert rows[2]["message"] == "empty file"
    assert broker.committed == {0: 2, 1: 2}


def test_sigterm_finishes_the_batch(kafka: Any, classifier: GalaxyClassifier) -> None:
    """What was polled is written and committed, nothing more is polled, and the consumer returns."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    broker = Broker(kafka, GALAXIES * 2, arrivals=[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 100.0, 100.0]).connect()
    polled = broker.poll

    def poll(timeout: float) -> Any:
        message = polled(timeout)
        if message and message.key == "object-5":
            os.kill(os.getpid(), signal.SIGTERM)
        return message

    broker.poll = poll  # type: ignore[method-assign]
    try:
        stop = kafka.stop_on_signals()
        kafka.run(broker, classifier, sink := Sink(broker.log), stop, 4, 0.5, broker.clock)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert [len(batch) for batch in sink.batches] == [4, 2]
    assert sink.names == names(6)
    assert broker.committed == {0: 3, 1: 3}


def test_nothing_is_lost_when_the_queue_closes(kafka: Any, classifier: GalaxyClassifier) -> None:
    """A connection that breaks with half a batch collected leaves those messages for the next consumer."""
    broker = Broker(kafka, GALAXIES + GALAXIES[:2])

    def closed() -> None:
        raise RuntimeError("Consumer closed")

    broker.when_drained = closed
    sink = Sink(broker.log)
    with pytest.raises(RuntimeError, match="Consumer closed"):
        run(kafka, broker, classifier, sink)
    assert sink.names == names(4)
    broker.when_drained = broker.stop.set
    run(kafka, broker, classifier, sink)
    assert sink.names == names(6)


def test_rows_are_on_disk_when_write_returns(
    kafka: Any, classifier: GalaxyClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has them, and the disk was asked to have them, before anything is committed."""
    broker = Broker(kafka, GALAXIES)
    path = tmp_path / "rows.jsonl"
    synced = []
    monkeypatch.setattr(kafka.os, "fsync", lambda _: synced.append(path.read_text().count("\n")))
    output = kafka.JsonLinesFile(path)
    run(kafka, broker, classifier, output.write)
    output.close()
    assert synced == [4]
    assert [json.loads(line)["path"] for line in path.read_text().splitlines()] == names(4)


@pytest.mark.parametrize("torn", ["", '{"topic": "ale', '{"topic": "alerts"}\n{"to', '{"topic": "alerts"}\n'])
def test_a_torn_line_is_cut_off(kafka: Any, tmp_path: Path, torn: str) -> None:
    """A process that was killed while writing leaves nothing that the next row could be glued to."""
    path = tmp_path / "rows.jsonl"
    path.write_text(torn)
    output = kafka.JsonLinesFile(path)
    output.write([{"topic": "new"}])
    output.close()
    whole = [line for line in torn.splitlines(keepends=True) if line.endswith("\n")]
    assert path.read_text() == "".join(whole) + '{"topic": "new"}\n'


def test_the_spark_function_gives_a_row_for_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames become frames of the schema's columns, failures, nulls and empty partitions included; one model loaded."""
    monkeypatch.syspath_prepend(EXAMPLES)
    spark = importlib.import_module("spark_map")
    columns = re.findall(r"(\w+) (?:string|double|map<string, double>|array<string>)(?:, |$)", spark.SCHEMA)
    frames = [
        pd.DataFrame({"id": ["a", "b"], "image": [GALAXIES[0], b"poison"]}),
        pd.DataFrame({"id": [], "image": []}),
        pd.DataFrame({"id": [7, 8], "image": [None, GALAXIES[2]]}),
    ]
    found = list(spark.classify(iter(frames)))
    assert [sorted(frame.columns) for frame in found] == [sorted(columns)] * 3
    rows = pd.concat([found[0], found[2]])
    assert list(rows["id"]) == ["a", "b", "7", "8"]
    assert list(rows["status"]) == ["ok", "error", "error", "ok"]
    assert list(rows["label"])[::3] == [KINDS[0], KINDS[2]]
    assert set(rows["probabilities"].iloc[0]) == set(KINDS)
    assert spark.classifier.cache_info().misses == 1


def test_the_ray_class_gives_a_row_for_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of arrays becomes a batch of arrays of the same length, with NaN where there is no class."""
    monkeypatch.syspath_prepend(EXAMPLES)
    classify = importlib.import_module("ray_map").Classify()
    images = np.array([GALAXIES[3], b"poison", None], object)
    found = classify({"id": np.array(["a", "b", "c"], object), "image": images})
    assert {len(column) for column in found.values()} == {3}
    assert list(found["id"]) == ["a", "b", "c"]
    assert list(found["label"]) == [KINDS[3], None, None]
    assert list(found["status"]) == ["ok", "error", "error"]
    assert found["confidence"].dtype == found[f"prob_{KINDS[0]}"].dtype == np.float64
    assert np.isnan(found["confidence"]).tolist() == [False, True, True]
    assert sum(found[f"prob_{kind}"][0] for kind in KINDS) == pytest.approx(1)


def test_the_web_service_answers_with_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image gets its row, and what is no image gets one that says so, with a status of the client's fault."""
    monkeypatch.syspath_prepend(EXAMPLES)
    application = importlib.import_module("web_service").application
    answers = []
    for body in (GALAXIES[0], b"poison", b""):
        environ: dict[str, Any] = {"PATH_INFO": "/m51.png", "CONTENT_LENGTH": str(len(body))}
        setup_testing_defaults(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        (content,) = application(environ, lambda status, _: answers.append(status))
        row = json.loads(content)
        assert row["path"] == "/m51.png"
        answers.append(row["label"] or row["message"][:12])
    unprocessable = "422 Unprocessable Content"
    assert answers == ["200 OK", KINDS[0], unprocessable, "not an image", unprocessable, "empty file"]


def python_blocks() -> Iterator[tuple[str, str]]:
    """Yield the Python code of the pages, with a name made of the last heading before it and a number."""
    heading = ""
    fences = re.compile(r"^## ([^\n]+)$|^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for number, match in enumerate(fences.finditer(text)):
        if match[1]:
            heading = match[1]
        else:
            yield f"{heading} {number}", re.sub(f"^{match[2]}", "", match[3], flags=re.MULTILINE)


def unindented(text: str) -> str:
    """Return a text without the indentation of its lines."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


BLOCKS = dict(python_blocks())
#: Code that needs Spark or Ray stands in an example file as well; the other tests call what is there.
SHOWN = {name for name in BLOCKS if name.startswith(("Spark ", "Ray Data ", "Fink"))}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the examples, and add rows of a consumer that has met the same messages twice."""
    folder = tmp_path_factory.mktemp("page") / "examples"
    shutil.copytree(REPOSITORY / "examples" / "images", folder / "images")
    rows: list[dict[str, Any]] = [
        {"topic": "alerts", "partition": 0, "offset": offset, "path": f"00{offset}", "probabilities": {}}
        for offset in (0, 1, 2, 1, 2, 3)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run_block(name: str, folder: Path) -> str:
    """Run code of the page as a program, and return what it prints."""
    script = folder / "block.py"
    script.write_text(BLOCKS[name])
    result = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_page_has_the_code_that_is_tested_here() -> None:
    """No heading was renamed so that its code is not looked at any more."""
    assert len(BLOCKS) == 11
    assert len(SHOWN) == 4


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_the_page_shows_the_example_files(name: str) -> None:
    """What is shown, and cannot be run without Spark or Ray, is what the files have."""
    files = [unindented(file.read_text(encoding="utf-8")) for file in EXAMPLES.glob("*.py")]
    assert any(unindented(BLOCKS[name]) in file for file in files)


@pytest.mark.parametrize("name", sorted(name for name in BLOCKS if name.startswith("Threads, ")))
def test_threads_processes_and_asyncio_give_the_same_answers(
    name: str, examples: Path, classifier: GalaxyClassifier
) -> None:
    """Readers copy this code: each way gives one row for each image, in order."""
    paths = [path.relative_to(examples) for path in sorted((examples / "images").glob("*.jpg"))]
    expected = [f"{path} {path.name.rpartition('_')[0]}" for path in paths]
    assert run_block(name, examples).splitlines() == expected


@pytest.mark.parametrize(
    ("heading", "says"),
    [
        (
            "Which method",
            ["alert-1 ok smooth_round", "alert-2 error None not an image", "images/edge_on_disk_1.jpg ok"],
        ),
        ("Folders in, tables out", ["<GalaxyClassifier: galaxy-cnn@", "'edge_on_disk': 3", "\n12\n"]),
        ("Kafka", ["4"]),
        ("Monitoring", ["uncertain: 0%", "error: 8%"]),
    ],
)
def test_the_page_s_code_runs(heading: str, says: list[str], examples: Path) -> None:
    """Readers copy this code: it does what the text says."""
    (name,) = (name for name in BLOCKS if name.startswith(heading))
    printed = run_block(name, examples)
    assert all(text in printed for text in says), printed
