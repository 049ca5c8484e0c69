"""Share one set of inputs among jobs that know nothing of each other, and check that their results are one whole."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.output import PARTIAL_SUFFIX
from galaxy_classify.sidecar import differences
from galaxy_classify.source import Source
from galaxy_classify.typed_output import PROVENANCE

#: Names of the files that the shards of one run write into a folder.
SHARD_FILE: Final = re.compile(r"shard-(?P<index>[0-9]+)-of-(?P<count>[0-9]+)[.]parquet")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal parts of the inputs.

    An input belongs to a part by a checksum of its path below the folder that is searched, so that it does not matter
    in which order, on which machine and under which mount point the inputs are listed, or what else is in the folder.

    Parameters
    ----------
    index : int
        Which part, from 1.
    count : int
        How many there are.

    Raises
    ------
    UsageError
        If there is no such part.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UsageError(f"shard {self}: the first is 1/{max(self.count, 1)}, the last {self.count}/{self.count}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def holds(self, source: Source) -> bool:
        """Tell whether an input belongs to this part."""
        return shard_of(source.place, self.count) == self.index

    @property
    def file_name(self) -> str:
        """Name of the result file in a folder that all parts share.

        Examples
        --------
        >>> Shard(3, 100).file_name
        'shard-003-of-100.parquet'
        """
        return f"shard-{self.index:0{len(str(self.count))}}-of-{self.count}.parquet"


def shard_of(place: str, count: int) -> int:
    """Return which of so many parts an input belongs to, from 1.

    Examples
    --------
    >>> [shard_of(f"{number}.jpg", 3) for number in range(6)]
    [1, 3, 3, 3, 2, 3]
    """
    digest = blake2b(place.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count + 1


@dataclass(frozen=True, slots=True)
class Shards:
    """Neighbouring parts of the inputs, which one run works through.

    Parameters
    ----------
    first, last : int
        Which parts, from 1.
    count : int
        How many there are in all.

    Raises
    ------
    UsageError
        If there are no such parts.

    Examples
    --------
    >>> str(Shards(3, 3, 100)), str(Shards(21, 30, 100))
    ('3/100', '21-30/100')
    """

    first: int
    last: int
    count: int

    def __post_init__(self) -> None:
        for index in (self.first, self.last):
            Shard(index, self.count)
        if self.first > self.last:
            raise UsageError(f"shards {self}: end before they begin")

    def __str__(self) -> str:
        return f"{self.first}/{self.count}" if len(self) == 1 else f"{self.first}-{self.last}/{self.count}"

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[Shard]:
        return (Shard(index, self.count) for index in range(self.first, self.last + 1))

    def hold(self, source: Source) -> bool:
        """Tell whether an input belongs to one of these parts."""
        return self.first <= shard_of(source.place, self.count) <= self.last


def parse_shards(text: str) -> Shards:
    """Read which parts of the inputs are meant.

    Parameters
    ----------
    text : str
        For example ``3/100``, or ``21-30/100`` for ten of them.

    Returns
    -------
    Shards
        At least one.

    Raises
    ------
    UsageError
        If it is not of that form, or there are no such parts.

    Examples
    --------
    >>> parse_shards("21-30/100")
    Shards(first=21, last=30, count=100)
    """
    found = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?/([0-9]{1,9})", text)
    if found is None:
        raise UsageError(f"shard {text!r}: write which and how many there are, as in 3/100 or 21-30/100")
    return Shards(int(found[1]), int(found[2] or found[1]), int(found[3]))


@dataclass(slots=True)
class ShardedResult:
    """What the shards of a run have left in a folder.

    Parameters
    ----------
    count : int
        Shards that there are to be; 0 if none was found.
    shards : int
        Shards that are there.
    rows, failed : int
        Rows in all of them, and how many of these are errors.
    faults : list of str
        What is wrong, in words; nothing if the result is whole.
    """

    count: int = 0
    shards: int = 0
    rows: int = 0
    failed: int = 0
    faults: list[str] = field(default_factory=list)


def check_shards(folder: str) -> ShardedResult:
    """Check that the shards in a folder are all there, each once, of one run, and without an input twice.

    Parameters
    ----------
    folder : str
        Where the shards of one run have written their Parquet files.

    Returns
    -------
    ShardedResult
        What there is, and what is wrong with it.

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
