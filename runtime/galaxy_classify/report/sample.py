"""Draw a uniform, reproducible sample of fixed size from a stream of unknown length."""

from __future__ import annotations

from hashlib import blake2b
from heapq import heappush, heappushpop, nlargest
from typing import Final, Generic, TypeVar

T = TypeVar("T")
#: Most images that a report shows: a browser still opens such a page within a second or two.
CAP: Final = 10_000


class EvenSample(Generic[T]):
    """Keep at most ``size`` items of a stream, all with the same probability; the same stream gives the same sample.

    Position and name of each item are hashed to a number, and the items with the smallest numbers are kept ("bottom-k
    sampling", Cohen & Kaplan 2007, https://doi.org/10.1145/1281100.1281133). So memory is bounded, and no part of the
    stream is preferred. ``seen`` counts all items.

    Items may be added as preferred. They get up to half of the places, or more if the others leave places free, and are
    a uniform sample among themselves, as the others are. For that, up to ``size`` of each kind are kept.

    Examples
    --------
    >>> sample = EvenSample[str](3)
    >>> for name in "abcdefgh":
    ...     sample.add(name, name.upper())
    >>> sample.seen, len(sample.items()), sample.items() == sorted(sample.items())
    (8, 3, True)
    >>> sample.add("i", "I", preferred=True)
    >>> len(sample.items()), sample.items()[-1]
    (3, 'I')
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.seen = 0
        # Numbers are negated, so that the root of the min-heap is the largest, the next to be dropped. The position
        # comes before the item, as items need not be comparable.
        self._others: list[tuple[int, int, T]] = []
        self._preferred: list[tuple[int, int, T]] = []

    def add(self, name: str, item: T, *, preferred: bool = False) -> None:
        """Add the stream's next item under a name, which may hold surrogate escapes."""
        text = f"{self.seen} {name}".encode("utf-8", "surrogatepass")
        number = int.from_bytes(blake2b(text, digest_size=8).digest())
        entry = (-number, self.seen, item)
        heap = self._preferred if preferred else self._others
        if len(heap) < self.size:
            heappush(heap, entry)
        else:
            heappushpop(heap, entry)
        self.seen += 1

    def items(self) -> list[T]:
        """Return the sample, in the stream's order."""
        places = max(self.size // 2, self.size - len(self._others))
        kept = nlargest(places, self._preferred)
        kept += nlargest(self.size - len(kept), self._others)
        return [item for _, _, item in sorted(kept, key=lambda entry: entry[1])]
