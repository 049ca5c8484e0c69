"""Classify the stamps in Rubin's alert stream: Avro packets in micro-batches, with a row for every packet.

::

    pip install 'galaxy-classify[fits]' confluent-kafka fastavro
    git clone https://github.com/lsst/alert_packet
    python rubin_stream.py BROKER:9092 TOPIC GROUP rows.jsonl alert_packet/python/lsst/alert/packet/schema

The loop, with its guarantees, is that of `kafka_microbatch`. A packet is in Confluent's wire format: a byte 0, the
number of the schema in 4 bytes, and the alert in Avro. Rubin numbers its schemas by their version, 1100 for 11.0, so
they are read from a copy of its repository, and no schema registry is asked.

The shipped models were trained on colour images of surveys, and a stamp is grey, with one band: its row is never
``ok``, but ``uncertain``, ``unfamiliar`` or ``error``.
"""

from __future__ import annotations

import argparse
import io
import logging
import struct
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import fastavro
from kafka_microbatch import JsonLinesFile, KafkaStream, Message, Row, run, stop_on_signals

from galaxy_classify import FitsOptions, GalaxyClassifier

#: Byte 0 and the schema's number, big-endian.
HEADER: Final = struct.Struct(">BI")

#: What is read of an alert, with the names and types that versions 5.0 to 11.0 of the schemas in
#: https://github.com/lsst/alert_packet (GPL 3) have in common; they hold some hundred fields more.
FIELDS: Final = {
    "type": "record",
    "name": "lsst.alert",
    "fields": [
        {
            "name": "diaSource",
            "type": {
                "type": "record",
                "name": "lsst.diaSource",
                "fields": [
                    {"name": "diaSourceId", "type": "long"},
                    {"name": "diaObjectId", "type": ["null", "long"], "default": None},
                    {"name": "ra", "type": "double"},
                    {"name": "dec", "type": "double"},
                    {"name": "band", "type": ["null", "string"], "default": None},
                ],
            },
        },
        {"name": "cutoutScience", "type": ["null", "bytes"], "default": None},
        {"name": "cutoutTemplate", "type": ["null", "bytes"], "default": None},
    ],
}

#: Columns that a row has beside the prediction and the place in the stream. Ids are text: many readers of JSON round
#: numbers of their length.
COLUMNS: Final = ("diaObjectId", "ra", "dec", "band")

#: Stamps are small, 30 px and up: refuse files that claim to be much larger.
MOST_PIXELS: Final = 1024 * 1024

#: Shows the range of each stamp. The band stays unnamed on purpose, although the alert has it: the picture would be the
#: same, but its row could be ``ok``.
STAMPS: Final = FitsOptions(recipe="lupton", stretch="auto")


class AlertError(Exception):
    """Say why a packet is not an alert that can be classified."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What is used of an alert; one that cannot be used has a problem, and an empty stamp.

    Parameters
    ----------
    name : str
        Id of the source in the difference image, ``diaSourceId``.
    columns : dict
        The values of `COLUMNS`.
    stamp : bytes
        FITS file.
    problem : str
        Why there is no stamp.
    """

    name: str
    columns: Row
    stamp: bytes = b""
    problem: str = ""


class Schemas:
    """Schemas of alerts in a copy of Rubin's repository, by the number that is in a packet.

    Parameters
    ----------
    folder : path-like
        Holds ``11/0/lsst.v11_0.alert.avsc`` and so on, with the schemas that these refer to beside them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loaded: dict[int, Any] = {}

    def __getitem__(self, number: int) -> Any:
        """Return a schema; one that is missing may be there the next time."""
        if number not in self._loaded:
            major, minor = divmod(number, 100)
            path = self.folder / str(major) / str(minor) / f"lsst.v{major}_{minor}.alert.avsc"
            if not path.is_file():
                raise AlertError(f"no schema {number}: version {major}.{minor} is not in {self.folder}")
            self._loaded[number] = fastavro.schema.load_schema(str(path))
        return self._loaded[number]

    def __len__(self) -> int:
        """Return the number of versions in the folder."""
        return len(list(self.folder.glob("*/*/lsst.v*.alert.avsc")))


def unpack(packet: bytes, schemas: Schemas) -> Row:
    """Return the fields of a packet that are used.

    Raises
    ------
    AlertError
        If it is no alert, or its schema is missing.
    """
    if len(packet) <= HEADER.size or packet[0] != 0:
        raise AlertError("not an alert in Confluent's wire format")
    _, number = HEADER.unpack_from(packet)
    schema = schemas[number]
    body = io.BytesIO(packet[HEADER.size :])
    try:
        record: Any = fastavro.schemaless_reader(body, schema, FIELDS)
    except Exception as error:  # damaged Avro raises nearly anything
        raise AlertError(f"damaged alert, or not of schema {number}: {type(error).__name__}") from None
    if body.read(1):
        raise AlertError(f"damaged alert, or not of schema {number}: it is too long")
    return dict(record)


def read_alert(message: Message, schemas: Schemas, stamp: str) -> Alert:
    """Read a message; whatever is wrong with it, return an alert that says so."""
    try:
        record = unpack(message.value, schemas)
    except AlertError as error:
        return Alert(message.key, dict.fromkeys(COLUMNS), problem=str(error))
    source = record["diaSource"]
    columns = {name: source[name] for name in COLUMNS}
    if columns["diaObjectId"] is not None:
        columns["diaObjectId"] = str(columns["diaObjectId"])
    content = record[stamp]
    return Alert(str(source["diaSourceId"]), columns, content or b"", "" if content else f"no {stamp} in the alert")


def rows_of(schemas: Schemas, stamp: str, classifier: GalaxyClassifier, batch: Sequence[Message]) -> list[Row]:
    """Classify a batch; return one row for each message, failures included, with its position in the stream."""
    alerts = [read_alert(message, schemas, stamp) for message in batch]
    predictions = classifier.classify((alert.name, alert.stamp) for alert in alerts)
    return [
        {"topic": message.topic, "partition": message.partition, "offset": message.offset}
        | alert.columns
        | asdict(replace(prediction, message=alert.problem or prediction.message))
        for message, alert, prediction in zip(batch, alerts, predictions, strict=True)
    ]


def main() -> None:
    """Classify a topic until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Classify the galaxies in the stamps of Rubin's alerts.")
    for name in ("brokers", "topic", "group", "output"):
        parser.add_argument(name)
    parser.add_argument("schemas", type=Path, help="folder python/lsst/alert/packet/schema of lsst/alert_packet")
    parser.add_argument(
        "--stamp",
        choices=("cutoutTemplate", "cutoutScience"),
        default="cutoutTemplate",
        help="the template shows the galaxy without the transient (default: %(default)s)",
    )
    options = parser.parse_args()
    schemas = Schemas(options.schemas)
    if not len(schemas):
        parser.error(f"no lsst.v*.alert.avsc in a folder like 11/0 of {options.schemas}")
    logging.basicConfig(level=logging.INFO)
    stop = stop_on_signals()
    with (
        GalaxyClassifier(max_pixels=MOST_PIXELS, fits=STAMPS) as classifier,
        closing(JsonLinesFile(options.output)) as output,
        closing(KafkaStream(options.brokers, options.topic, options.group)) as stream,
    ):
        run(stream, classifier, output.write, stop, to_rows=partial(rows_of, schemas, options.stamp))


if __name__ == "__main__":
    main()
