"""Share one set of inputs among jobs that know nothing of each other, and check that their results are one whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source


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


def is_shard_folder(output: str | None, shards: Shards | None) -> bool:
    """Tell whether the result is a folder with a file for each shard; several shards must have one.

    Raises
    ------
    UsageError
        If there are several shards, and ``--output`` names no folder.
    """
    is_folder = output is not None and (output.endswith(os.sep) or os.path.isdir(output))
    if shards is not None and len(shards) > 1 and not is_folder:
        raise UsageError(
            f"--shard {shards} writes a file for each: name a folder for them with --output, as in results/"
        )
    return is_folder and shards is not None
