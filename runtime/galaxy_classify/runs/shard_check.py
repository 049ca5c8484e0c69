"""Check that the shards in a folder make one complete result: ``--check-shards``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.prediction import STATUSES
from galaxy_classify.results.provenance import differences
from galaxy_classify.results.safe_writing import PARTIAL_SUFFIX
from galaxy_classify.runs.shards import Shard, parse_shards
from galaxy_classify.tables.columns import PROVENANCE
from galaxy_classify.tables.parquet_table import verify_rows
from galaxy_classify.text import one_line

#: Names of the files that the shards of one run write into a folder.
SHARD_FILE: Final = re.compile(r"shard-[0-9]{1,9}-of-(?P<count>[0-9]{1,9})[.]parquet")


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
    """Check that all shards are in a folder, each once and undamaged, of one model and options, and no input twice.

    What cannot be found: inputs that no shard was given, and rows that someone changed together with their checksum.

    Raises
    ------
    UsageError
        If the folder cannot be read.
    """
    import pyarrow.parquet  # noqa: F401 - a missing package is no fault of a shard

    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from None
    files = {name: match for name in names if (match := SHARD_FILE.fullmatch(name))}
    result = ShardedResult()
    result.faults += [f"{name}: is unfinished" for name in names if name.endswith(PARTIAL_SUFFIX)]
    result.faults += [
        f"{name}: is no shard, but readers of the folder take it for one"
        for name in names
        if name.endswith(".parquet") and not name.startswith(("_", ".")) and name not in files
    ]
    if not files:
        result.faults.append("no shard is there")
        return result
    result.count = max(int(match["count"]) for match in files.values())
    first: _ShardFile | None = None
    seen: dict[int, str] = {}
    paths: set[bytes] = set()
    for name in files:
        try:
            file = _read_shard(os.path.join(folder, name))
        except Exception as error:  # on a damaged file, PyArrow may raise anything
            result.faults.append(f"{name}: cannot be read: {one_line(error)}")
            continue
        first = first or file
        faults = [f"is of another run: {fault}" for fault in differences(first.provenance, file.provenance)]
        if file.has_checksum != first.has_checksum:
            faults.append("is of another run: of the two, one has no checksum of its rows")
        result.faults += [f"{name}: {fault}" for fault in faults]
        if file.shard is None:
            result.faults.append(f"{name}: is no shard, but a result of its own")
            continue
        if file.shard.count != result.count:
            result.faults.append(f"{name}: is shard {file.shard}, others are of {result.count}")
            continue
        if file.shard.index in seen:
            result.faults.append(f"{name}: is shard {file.shard}, as {seen[file.shard.index]} is")
        elif file.shard.file_name != name:
            result.faults.append(f"{name}: is shard {file.shard}, whose name is {file.shard.file_name}")
        seen[file.shard.index] = name
        twice = 0
        for path, status in _rows(os.path.join(folder, name)):
            key = blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest()
            twice += key in paths
            paths.add(key)
            result.rows += 1
            result.failed += status == "error"
        if twice:
            result.faults.append(f"{name}: {twice:,} of its inputs have rows in another shard, or two rows")
    result.shards = len(seen)
    missing = result.count - len(seen)
    if missing:
        result.faults.append(f"{missing:,} of {result.count:,} shards missing: {_gaps(seen, result.count)}")
    return result


@dataclass(frozen=True, slots=True)
class _ShardFile:
    """What a file says of itself, once all its rows could be read; a result that is no shard has none."""

    provenance: dict[str, Any]
    shard: Shard | None
    has_checksum: bool


def _read_shard(path: str) -> _ShardFile:
    import pyarrow.parquet

    if not os.path.isfile(path):
        raise ValueError("is no regular file")
    with pyarrow.parquet.ParquetFile(path) as file:
        provenance = json.loads((file.schema_arrow.metadata or {})[PROVENANCE.encode()])
        has_checksum = verify_rows(file)
    own = provenance["options"].pop("shard")
    if own is None:
        return _ShardFile(provenance, None, has_checksum)
    shards = parse_shards(str(own))
    if len(shards) != 1:
        raise ValueError(f"is said to be the shards {shards}")
    for path_, status in _rows(path):
        if not isinstance(path_, str) or status not in STATUSES:
            raise ValueError("a row has no path or no status")
    return _ShardFile(provenance, Shard(shards.first, shards.count), has_checksum)


def _rows(path: str) -> Iterator[tuple[Any, Any]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["path", "status"]):
            yield from zip(batch.column("path").to_pylist(), batch.column("status").to_pylist(), strict=True)


def _gaps(seen: Iterable[int], count: int) -> str:
    """Return the numbers from 1 to `count` that are not among those seen.

    Examples
    --------
    >>> _gaps([1, 4], 1_000_000_000)
    '2-3, 5-1000000000'
    """
    ends = [0, *sorted(seen), count + 1]
    gaps = [(before + 1, after - 1) for before, after in pairwise(ends) if after - before > 1]
    return ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in gaps)
