"""Check that the shards in a folder make one complete result: ``--check-shards``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.results.provenance import differences
from galaxy_classify.results.safe_writing import PARTIAL_SUFFIX
from galaxy_classify.runs.shards import parse_shards
from galaxy_classify.tables.columns import PROVENANCE

#: Names of the files that the shards of one run write into a folder.
SHARD_FILE: Final = re.compile(r"shard-(?P<index>[0-9]+)-of-(?P<count>[0-9]+)[.]parquet")


@dataclass(slots=True)
class ShardedResult:
    """The shards found in a folder, and what is wrong with them.

    Parameters
    ----------
    count : int
        Shards that a complete result has; 0 if none was found.
    shards : int
        Shards that were found.
    rows, failed : int
        Rows in all of them, and how many of these are errors.
    faults : list of str
        What is wrong, in words; empty if the result is complete.
    """

    count: int = 0
    shards: int = 0
    rows: int = 0
    failed: int = 0
    faults: list[str] = field(default_factory=list)


def check_shards(folder: str) -> ShardedResult:
    """Check that all shards are in a folder, each once, with the same model and options, and no input twice.

    Raises
    ------
    UsageError
        If the folder cannot be read.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from None
    files = {name: match for name in names if (match := SHARD_FILE.fullmatch(name))}
    result = ShardedResult()
    if not files:
        result.faults.append("no shard is there")
        return result
    result.count = max(int(match["count"]) for match in files.values())
    first: dict[str, Any] | None = None
    seen: dict[int, str] = {}
    paths: set[bytes] = set()
    for name in files:
        try:
            provenance, rows = _read_shard(os.path.join(folder, name))
        except (OSError, ValueError, KeyError) as error:
            result.faults.append(f"{name}: cannot be read: {' '.join(str(error).split())}")
            continue
        own = provenance["options"].pop("shard")
        first = first or provenance
        result.faults += [f"{name}: is of another run: {fault}" for fault in differences(first, provenance)]
        if own is None:
            result.faults.append(f"{name}: is no shard, but a result of its own")
            continue
        (shard,) = parse_shards(str(own))
        if shard.count != result.count:
            result.faults.append(f"{name}: is shard {own}, others are of {result.count}")
            continue
        if shard.index in seen:
            result.faults.append(f"{name}: is shard {own}, as {seen[shard.index]} is")
        seen[shard.index] = name
        twice = 0
        for path, status in rows:
            key = blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest()
            twice += key in paths
            paths.add(key)
            result.rows += 1
            result.failed += status == "error"
        if twice:
            result.faults.append(f"{name}: {twice:,} of its inputs have rows in another shard, or two rows")
    result.shards = len(seen)
    result.faults += [f"{name}: is unfinished" for name in names if name.endswith(PARTIAL_SUFFIX)]
    missing = [str(index) for index in range(1, result.count + 1) if index not in seen]
    if missing:
        result.faults.append(f"{len(missing):,} of {result.count:,} shards missing: {', '.join(missing)}")
    return result


def _read_shard(path: str) -> tuple[dict[str, Any], Iterator[tuple[str, str]]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        provenance = json.loads((file.schema_arrow.metadata or {})[PROVENANCE.encode()])
    return provenance, _rows(path)


def _rows(path: str) -> Iterator[tuple[str, str]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["path", "status"]):
            yield from zip(batch.column("path").to_pylist(), batch.column("status").to_pylist(), strict=True)
