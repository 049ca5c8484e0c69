"""The images in containers and object stores that a report will show, read once more and in order."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from threading import Lock

from galaxy_classify.errors import ImageError
from galaxy_classify.inputs.source import Content, InOrder, Source, Unreadable
from galaxy_classify.prediction import Prediction
from galaxy_classify.report.sample import EvenSample


class ShownContent:
    """Content of those inputs that a report keeps, where they are no files of their own.

    Parameters
    ----------
    size : int
        Images that the report shows at most: of more, both keep the same even sample.
    """

    def __init__(self, size: int) -> None:
        self._sample = EvenSample[Source](size)
        self._lock = Lock()
        self._rest: Iterator[Source] | None = None
        self._names: set[str] = set()
        self._read: defaultdict[str, deque[Content]] = defaultdict(deque)

    def see(self, source: Source, prediction: Prediction) -> None:
        """Take the next input; one that could not be classified has no picture."""
        if prediction.label is not None:
            self._sample.add(source.path, source)

    def read(self, path: str) -> bytes | None:
        """Return the content of an input, once for each input of that path, in about the order in which they came.

        Parameters
        ----------
        path : str
            The input's path.

        Returns
        -------
        bytes or None
            None if it is a file.

        Raises
        ------
        ImageError
            If it cannot be read.
        """
        with self._lock:
            if self._rest is None:
                sources = [source for source in self._sample.items() if source.content is not None]
                self._names = {source.path for source in sources}
                self._rest = iter(sources)
            if path not in self._names:
                return None
            # Several threads ask: those that are a little late find here what was read in passing.
            while not self._read[path]:
                source = next(self._rest)
                self._read[source.path].append(_in_hand(source))
            content = self._read[path].popleft()
            if not self._read[path]:
                del self._read[path]
        return content()


def _in_hand(source: Source) -> Content:
    """Read what has to be read in its turn; several threads may read the rest at once."""
    assert source.content is not None  # noqa: S101 - others were left out
    if not isinstance(source.content, InOrder):
        return source.content
    try:
        content = source.content()
    except ImageError as error:
        return Unreadable(str(error))
    return lambda: content
