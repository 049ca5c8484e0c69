"""The complete file of embeddings: Parquet, a row for each input that has a vector."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import numpy as np

from galaxy_classify.errors import UsageError
from galaxy_classify.runs.embeddings.log import Entry
from galaxy_classify.tables.columns import PROVENANCE
from galaxy_classify.tables.parquet_table import CHUNK_ROWS, ROW_GROUP, parquet_source
from galaxy_classify.text import utf8

#: Most numbers in a row group, which is held in memory: 16 MB of float32.
GROUP_NUMBERS: Final = 1 << 22


def write_vectors(entries: Iterator[Entry], path: str, features: int, provenance: dict[str, Any]) -> int:
    """Write entries that have a vector, one row group at a time, with the provenance as metadata; return how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("path", pa.string()),
            pa.field("status", pa.string()),
            pa.field("label", pa.string()),
            pa.field("embedding", pa.list_(pa.float32(), features)),
        ],
        metadata={PROVENANCE: json.dumps(provenance)},
    )
    rows = max(1, min(ROW_GROUP, GROUP_NUMBERS // features))
    written = 0
    with (
        pa.OSFile(os.fsencode(path), "wb") as file,
        pq.ParquetWriter(file, schema, use_dictionary=["status", "label"]) as writer,
    ):
        while group := list(islice(entries, rows)):
            numbers = np.stack([np.asarray(entry.vector, np.float32) for entry in group])
            columns = [
                pa.array([entry.row for entry in group], pa.int64()),
                pa.array([utf8(entry.path) for entry in group], pa.string()),
                pa.array([entry.status for entry in group], pa.string()),
                pa.array([entry.label for entry in group], pa.string()),
                pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel()), features),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            written += len(group)
    return written


def read_provenance(path: str) -> dict[str, Any]:
    """Return the provenance of a complete file; raise `UsageError` if it is no such file."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(parquet_source(path)) as file:
            return dict(json.loads(file.schema_arrow.metadata[PROVENANCE.encode()]))
    except Exception:  # whatever PyArrow finds in a file
        raise _damaged(path) from None


def read_vectors(path: str) -> Iterator[Entry]:
    """Yield the entries of a complete file; raise `UsageError` if it is no such file."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(parquet_source(path)) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=["row", "path", "status", "label", "embedding"]):
                numbers = batch.column("embedding").flatten().to_numpy().reshape(batch.num_rows, -1)
                about = (batch.column(name).to_pylist() for name in ("row", "path", "status", "label"))
                yield from map(Entry, *about, numbers)
    except Exception:
        raise _damaged(path) from None


def _damaged(path: str) -> UsageError:
    return UsageError(f"{path}: is damaged, or no file of --embeddings; --force replaces it")
