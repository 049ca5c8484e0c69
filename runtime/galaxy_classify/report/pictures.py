"""Re-read the sampled images that are not local files, for the report's thumbnails."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from threading import Lock

from galaxy_classify.errors import ImageError
from galaxy_classify.inputs.source import Content, InOrder, Source, Unreadable
from galaxy_classify.prediction import Prediction
from galaxy_classify.report.sample import EvenSample


class SampledImages:
    """Content of the inputs in a report's sample that are in containers or object stores.

    ``size`` must be that of the report's own sample: both are drawn in the same way, so they hold the same inputs.
    """

    def __init__(self, size: int) -> None:
        self._sample = EvenSample[Source](size)
        self._lock = Lock()
        self._unread: Iterator[Source] | None = None
        self._paths: set[str] = set()
        self._read: defaultdict[str, deque[Content]] = defaultdict(deque)

    def see(self, source: Source, prediction: Prediction, *, preferred: bool = False) -> None:
        """Add the next input of the run to the sample, unless it failed: the report shows no picture of a failure."""
        if prediction.label is not None:
            self._sample.add(source.path, source, preferred=preferred)

    def read(self, path: str) -> bytes | None:
        """Return the content of an input by its path, or None if the input is a local file.

        Several inputs may have the same path: each call returns the next one's content. Calls should come in about the
        order of the inputs. Raise `ImageError` if the content cannot be read.
        """
        with self._lock:
            if self._unread is None:
                sources = [source for source in self._sample.items() if source.content is not None]
                self._paths = {source.path for source in sources}
                self._unread = iter(sources)
            if path not in self._paths:
                return None
            # Compressed tars and Parquet files must be read in the order of the inputs, but the threads that make
            # thumbnails call in any order: read on up to the wanted input, and keep what others will ask for.
            while not self._read[path]:
                source = next(self._unread, None)
                if source is None:
                    raise ImageError("cannot be read once more")
                self._read[source.path].append(_read_if_in_order(source))
            content = self._read[path].popleft()
            # Images may be large: keep only those that are still to be asked for.
            if not self._read[path]:
                del self._read[path]
        return content()


def _read_if_in_order(source: Source) -> Content:
    """Read content from a forward-only stream now; leave other content to the calling thread, outside of the lock."""
    assert source.content is not None  # noqa: S101 - local files are filtered out before
    if not isinstance(source.content, InOrder):
        return source.content
    try:
        content = source.content()
    except ImageError as error:
        return Unreadable(str(error))
    return lambda: content
