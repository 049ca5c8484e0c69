"""Split the inputs into shards, for runs that know nothing of each other."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` equal parts of the inputs, numbered from 1; `UsageError` if there is no such part.

    An input belongs to a shard by a checksum of its path below the folder that is searched. So the order of the
    listing, the machine, the mount point and other files in the folder do not matter.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UsageError(f"shard {self}: the first is 1/{max(self.count, 1)}, the last {self.count}/{self.count}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def holds(self, source: Source) -> bool:
        """Tell whether an input belongs to this shard."""
        return shard_of(source.place, self.count) == self.index

    @property
    def file_name(self) -> str:
        """Name of the result file in the folder of all shards.

        Examples
        --------
        >>> Shard(3, 100).file_name
        'shard-003-of-100.parquet'
        """
        return f"shard-{self.index:0{len(str(self.count))}}-of-{self.count}.parquet"


def shard_of(place: str, count: int) -> int:
    """Return which of `count` shards an input belongs to, from 1.

    Examples
    --------
    >>> [shard_of(f"{number}.jpg", 3) for number in range(6)]
    [1, 3, 3, 3, 2, 3]
    """
    digest = blake2b(place.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count + 1


@dataclass(frozen=True, slots=True)
class Shards:
    """Shards `first` to `last` of `count`, which one run works through; `UsageError` if there are no such shards.

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
            raise UsageError(f"shards {self.first}-{self.last}/{self.count}: end before they begin")

    def __str__(self) -> str:
        return f"{self.first}/{self.count}" if len(self) == 1 else f"{self.first}-{self.last}/{self.count}"

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[Shard]:
        return (Shard(index, self.count) for index in range(self.first, self.last + 1))

    def hold(self, source: Source) -> bool:
        """Tell whether an input belongs to one of these shards."""
        return self.first <= shard_of(source.place, self.count) <= self.last


def parse_shards(text: str) -> Shards:
    """Parse ``--shard``: ``3/100`` for one shard, ``21-30/100`` for ten of them.

    Raises
    ------
    UsageError
        If the text is not of that form, or there are no such shards.

    Examples
    --------
    >>> parse_shards("21-30/100")
    Shards(first=21, last=30, count=100)
    """
    found = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?/([0-9]{1,9})", text)
    if found is None:
        raise UsageError(f"shard {text!r}: write which and how many there are, as in 3/100 or 21-30/100")
    return Shards(int(found[1]), int(found[2] or found[1]), int(found[3]))


#: Inputs that are remembered while the shards before theirs are classified; they take about 30 MB.
HELD: Final = 100_000


def inputs_by_shard(
    listing: Callable[[], Iterator[Source]], shards: Shards, held: int | None = HELD
) -> Iterator[tuple[Shard, Iterator[Source]]]:
    """Sort inputs into shards, with as few listings and as little memory as possible.

    A shard is classified as a whole before the next one, but its inputs are spread over the whole listing. So either
    the inputs of the other shards are remembered meanwhile, or they are listed again. Millions of inputs would not fit
    into memory: at most `held` are remembered, and a survey of more is listed once for each so many. A single shard's
    inputs are passed on as they are found.

    Parameters
    ----------
    listing : callable
        Lists the inputs of all these shards, and perhaps others, in order.
    shards : Shards
        The shards that are wanted.
    held : int or None
        Inputs that may be remembered; None for all, where the inputs can be listed once only.

    Yields
    ------
    shard : Shard
        Each of `shards`, in order.
    sources : iterator of Source
        Its inputs, in order.
    """
    waiting = list(shards)
    while len(waiting) > 1:
        remembered = _remember(listing(), waiting, held)
        if remembered is None:
            break
        for sources in remembered:
            yield waiting.pop(0), iter(sources)
    for shard in waiting:
        yield shard, filter(shard.holds, listing())


def _remember(inputs: Iterator[Source], shards: Sequence[Shard], held: int | None) -> list[list[Source]] | None:
    """Return the inputs of as many of the first shards as may be remembered; None if one shard has too many."""
    found: dict[int, list[Source]] = {shard.index: [] for shard in shards}
    count = 0
    for source in inputs:
        index = shard_of(source.place, shards[0].count)
        if index in found:
            found[index].append(source)
            count += 1
            while held is not None and count > held:
                if len(found) == 1:
                    return None
                count -= len(found.popitem()[1])  # of the last shard
    return list(found.values())


def is_shard_folder(output: str | None, shards: Shards | None) -> bool:
    """Tell whether ``--output`` is a folder with a file for each shard.

    Raises
    ------
    UsageError
        If there are several shards, and no folder for them.
    """
    is_folder = output is not None and (output.endswith(os.sep) or os.path.isdir(output))
    if shards is not None and len(shards) > 1 and not is_folder:
        raise UsageError(
            f"--shard {shards} writes a file for each: name a folder for them with --output, as in results/"
        )
    return is_folder and shards is not None
