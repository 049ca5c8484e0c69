"""Read ZTF's alerts from Avro files in Spark, with a function for ``DataFrame.mapInPandas``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import fastavro
import pandas as pd

#: What is read of an alert, with the names and types of version 4.02 of the schemas in
#: https://github.com/ZwickyTransientFacility/ztf-avro-alert (which names no licence); they hold some hundred more.
FIELDS: Final = {
    "type": "record",
    "name": "ztf.alert",
    "fields": [
        {"name": "objectId", "type": "string"},
        {"name": "candid", "type": "long"},
        {
            "name": "candidate",
            "type": {
                "type": "record",
                "name": "ztf.alert.candidate",
                "fields": [{"name": "ra", "type": "double"}, {"name": "dec", "type": "double"}],
            },
        },
        {
            "name": "cutoutScience",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "ztf.alert.cutout",
                    "fields": [{"name": "stampData", "type": "bytes"}],
                },
            ],
            "default": None,
        },
        {"name": "cutoutTemplate", "type": ["null", "ztf.alert.cutout"], "default": None},
    ],
}

#: Columns of the result in Spark's notation.
SCHEMA: Final = (
    "file string, objectId string, candid long, ra double, dec double, cutoutScience binary, cutoutTemplate binary"
)


def alerts_in(content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the alerts in an Avro file; where it is damaged, yield an empty one and stop."""
    try:
        alert: Any
        for alert in fastavro.reader(io.BytesIO(content), FIELDS):
            stamps = {name: (alert[name] or {}).get("stampData") for name in ("cutoutScience", "cutoutTemplate")}
            yield {"objectId": alert["objectId"], "candid": alert["candid"]} | alert["candidate"] | stamps
    except Exception:  # damaged Avro raises nearly anything
        yield {}


def read_alerts(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Read the Avro files in the column ``content``; the column ``path`` names them."""
    columns = [column.split()[0] for column in SCHEMA.split(", ")]
    for frame in frames:
        files = zip(frame["path"], frame["content"], strict=True)
        rows = [{"file": path} | alert for path, content in files for alert in alerts_in(content)]
        # As objects: an integer that may be null would become a float, which is too short for `candid`, and Spark 4.3
        # cannot always convert the text columns of pandas 3.
        yield pd.DataFrame(rows, columns=columns, dtype=object)
