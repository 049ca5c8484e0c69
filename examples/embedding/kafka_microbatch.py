"""Classify the cutouts of an alert stream in micro-batches, with a row for every message.

::

    pip install galaxy-classify confluent-kafka
    python kafka_microbatch.py BROKER:9092 TOPIC GROUP rows.jsonl

The key of a message is the object's id, its value an encoded cutout (JPEG, PNG, …). The offsets of a batch are
committed after its rows are on disk, so delivery is at least once: after a crash in between, messages come again. If a
message was classified twice, its rows have the same topic, partition and offset, and readers can drop duplicates.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import mmap
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final, Protocol

from galaxy_classify import GalaxyClassifier

LOGGER = logging.getLogger("kafka_microbatch")

#: Number of messages that are classified, written and committed together.
BATCH_SIZE: Final = 64
#: Longest time in seconds that the first message of a batch waits for the others.
MAX_WAIT: Final = 0.5

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One alert.

    Parameters
    ----------
    topic : str
        Topic it was published on.
    partition, offset : int
        Position in the topic; together with the topic a unique key of the message.
    key : str
        Id of the object.
    value : bytes
        Encoded image.
    """

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes


class Stream(Protocol):
    """Stream of messages that remembers how far it has been processed."""

    def poll(self, timeout: float) -> Message | None:
        """Return the next message, or None if none comes within `timeout` seconds."""

    def commit(self, message: Message) -> None:
        """Record that this message and all before it in its partition are processed."""


def collect(
    stream: Stream,
    stop: Event,
    batch_size: int = BATCH_SIZE,
    max_wait: float = MAX_WAIT,
    clock: Callable[[], float] = time.monotonic,
) -> list[Message]:
    """Collect the next batch, which ends by its size, by its age or by `stop`, whichever comes first.

    Parameters
    ----------
    stream : Stream
        Source of the messages.
    stop : threading.Event
        Set to stop.
    batch_size : int
        Largest number of messages in a batch.
    max_wait : float
        Seconds from the first message of a batch to its end.
    clock : callable
        Returns seconds since any fixed time.

    Returns
    -------
    list of Message
        Messages in the order of the stream; empty if none came.
    """
    batch: list[Message] = []
    deadline = math.inf
    while len(batch) < batch_size and not stop.is_set():
        # A signal is noticed only when `poll` returns: without a message, and so without a deadline, poll again soon.
        wait = min(deadline - clock(), max_wait)
        if wait <= 0:
            break
        message = stream.poll(wait)
        if message is not None:
            if not batch:
                deadline = clock() + max_wait
            batch.append(message)
    return batch


def rows_of(classifier: GalaxyClassifier, batch: Sequence[Message]) -> list[Row]:
    """Classify a batch; return one row for each message, failures included, with its position in the stream."""
    predictions = classifier.classify((message.key, message.value) for message in batch)
    return [
        {"topic": message.topic, "partition": message.partition, "offset": message.offset} | asdict(prediction)
        for message, prediction in zip(batch, predictions, strict=True)
    ]


def run(
    stream: Stream,
    classifier: GalaxyClassifier,
    write: Callable[[list[Row]], None],
    stop: Event,
    batch_size: int = BATCH_SIZE,
    max_wait: float = MAX_WAIT,
    clock: Callable[[], float] = time.monotonic,
    to_rows: Callable[[GalaxyClassifier, Sequence[Message]], list[Row]] = rows_of,
) -> None:
    """Classify a stream until `stop` is set; a batch that was begun is finished first.

    Nothing is polled while a batch is classified and written, so a backlog stays with the broker. An exception of
    `write` or of the stream ends the run without a commit, and the next run gets the messages of the batch again.

    Parameters
    ----------
    stream : Stream
        Source of the messages.
    classifier : GalaxyClassifier
        Classifier of the images.
    write : callable
        Writes the rows of a batch; when it returns, they must be on disk.
    stop : threading.Event
        Set to stop.
    batch_size, max_wait, clock
        As for `collect`.
    to_rows : callable
        Classifies a batch, and returns a row for each of its messages. The default takes values that are images.
    """
    while not stop.is_set():
        batch = collect(stream, stop, batch_size, max_wait, clock)
        if not batch:
            continue
        rows = to_rows(classifier, batch)
        write(rows)
        for message in {(message.topic, message.partition): message for message in batch}.values():
            stream.commit(message)  # the last message of each partition
        LOGGER.info("%d rows: %s", len(rows), dict(Counter(row["status"] for row in rows)))


class JsonLinesFile:
    """JSON Lines file to which one process at a time appends rows.

    Parameters
    ----------
    path : path-like
        The file. An incomplete last line, left by a killed process, is cut off: its message was not committed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = Path(path).open("a+b")  # noqa: SIM115
        if self._file.tell():
            with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                end = content.rfind(b"\n") + 1
            self._file.truncate(end)

    def write(self, rows: list[Row]) -> None:
        """Append rows, and return when they are on disk."""
        self._file.write("".join(json.dumps(row) + "\n" for row in rows).encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class KafkaStream:
    """Topic of a Kafka broker, read by one member of a consumer group.

    Parameters
    ----------
    brokers : str
        Addresses, ``host:port``, separated by commas.
    topic : str
        Topic to read.
    group : str
        Consumer group, whose members share the topic's partitions.
    """

    def __init__(self, brokers: str, topic: str, group: str) -> None:
        import confluent_kafka

        self._kafka = confluent_kafka
        self._consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": group,
                "enable.auto.commit": False,  # it would commit messages whose rows are not written yet
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.subscribe([topic])

    def poll(self, timeout: float) -> Message | None:
        """Return the next message, or None if none comes within `timeout` seconds."""
        found = self._consumer.poll(timeout)
        if found is None:
            return None
        if found.error():
            raise self._kafka.KafkaException(found.error())
        key = (found.key() or b"").decode("utf-8", "backslashreplace")
        return Message(found.topic(), found.partition(), found.offset(), key, found.value() or b"")

    def commit(self, message: Message) -> None:
        """Record that this message and all before it in its partition are processed."""
        following = self._kafka.TopicPartition(message.topic, message.partition, message.offset + 1)
        self._consumer.commit(offsets=[following], asynchronous=False)

    def close(self) -> None:
        """Leave the group, so that its other members take over the partitions at once."""
        self._consumer.close()


def stop_on_signals() -> Event:
    """Return an event that SIGTERM and Ctrl-C set."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main() -> None:
    """Classify a topic until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Classify the cutouts of an alert stream.")
    for name in ("brokers", "topic", "group", "output"):
        parser.add_argument(name)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    stop = stop_on_signals()
    with (
        GalaxyClassifier() as classifier,
        closing(JsonLinesFile(options.output)) as output,
        closing(KafkaStream(options.brokers, options.topic, options.group)) as stream,
    ):
        run(stream, classifier, output.write, stop)


if __name__ == "__main__":
    main()
