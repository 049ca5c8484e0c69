"""A sample of a stream of unknown length: even, bounded, and the same every time."""

from __future__ import annotations

from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import Final, Generic, TypeVar

T = TypeVar("T")


#: Images that a report shows at most: a browser still opens their page within a second or two.
CAP: Final = 10_000


class EvenSample(Generic[T]):
    """Keep some items of a stream, each as likely as any other, and for the same stream always the same ones.

    Each item is given a number by hashing its position and its name; those with the smallest numbers are kept
    ("bottom-k sampling", Cohen & Kaplan 2007, https://doi.org/10.1145/1281100.1281133). So memory does not grow with
    the stream, and the order of the inputs leaves no trace in the sample.

    Parameters
    ----------
    size : int
        Items that are kept at most.

    Attributes
    ----------
    seen : int
        Items so far.

    Examples
    --------
    >>> sample = EvenSample[str](3)
    >>> for name in "abcdefgh":
    ...     sample.add(name, name.upper())
    >>> sample.seen, len(sample.items()), sample.items() == sorted(sample.items())
    (8, 3, True)
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.seen = 0
        # The root of the heap is what goes next. Positions differ, so that two items are never compared.
        self._heap: list[tuple[int, int, T]] = []

    def add(self, name: str, item: T) -> None:
        """Take the stream's next item.

        Parameters
        ----------
        name : str
            What the item is called; it may hold surrogate escapes.
        item : object
            What is kept.
        """
        text = f"{self.seen} {name}".encode("utf-8", "surrogatepass")
        number = int.from_bytes(blake2b(text, digest_size=8).digest())
        entry = (-number, self.seen, item)
        if len(self._heap) < self.size:
            heappush(self._heap, entry)
        else:
            heappushpop(self._heap, entry)
        self.seen += 1

    def items(self) -> list[T]:
        """Return what was kept, in the stream's order."""
        return [item for _, _, item in sorted(self._heap, key=lambda entry: entry[1])]
