"""Watch folders, and classify each file once it is complete: ``--watch``."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from galaxy_classify.inputs.changes import folder_changes
from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.inputs.names import is_image_name
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.runs.job import Job

#: Seconds without a change after which a file is taken to be complete.
SETTLED: Final = 0.25


#: Seconds without a change after which a file that cannot be classified gets its error row: its writer may have
#: paused.
GRACE: Final = 10.0


#: Seconds between two searches of the folders for files that the system did not report: at least `SEARCH_EVERY`, and
#: `SEARCH_SHARE` times as long as a search takes, so that searches stay below 5 % of the time.
SEARCH_EVERY: Final = 30.0


SEARCH_SHARE: Final = 20


@dataclass(slots=True)
class Pending:
    """A file that may not be complete yet.

    Parameters
    ----------
    source : Source
        The input.
    signature : tuple of int
        Its size and its time of change in nanoseconds, when it was last checked.
    changed : float
        When a change was last seen, in seconds of the monotonic clock.
    due : float
        When it is classified if it does not change before.
    """

    source: Source
    signature: tuple[int, int]
    changed: float
    due: float


@dataclass(slots=True)
class Watch:
    """Classify the files in folders, and those that come later, until told to stop.

    Parameters
    ----------
    job : Job
        Classifies.
    folders : sequence of str
        Folders to watch.
    recursive : bool
        Whether to watch the folders within them, too.
    stop : threading.Event
        Set to stop; files that are being classified are finished first.
    done : set of str
        Paths that have their row.
    own : frozenset of str
        Real paths of the files that the run writes, which are never inputs.
    pending : dict of str to Pending
        Files that may not be complete yet, by path.
    """

    job: Job
    folders: Sequence[str]
    recursive: bool
    stop: Event
    done: set[str] = field(default_factory=set)
    own: frozenset[str] = frozenset()
    pending: dict[str, Pending] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[Source, Prediction]]:
        """Yield each input and its prediction, soon after its file is complete.

        A file that cannot be classified gets its row once it has not changed for `GRACE` seconds.
        """
        search_at = earliest = 0.0
        for complete, changed in folder_changes(self.folders, self.recursive, self.stop):
            if False in [complete, *map(self._notice, changed)]:
                search_at = earliest
            if time.monotonic() >= search_at:
                started = time.monotonic()
                yield from self._classify(self._search())
                earliest = time.monotonic() + SEARCH_SHARE * (time.monotonic() - started)
                search_at = max(time.monotonic() + SEARCH_EVERY, earliest)
            yield from self._classify(self._complete())
            if self.stop.is_set():
                return

    def _search(self) -> Iterator[Source]:
        """Yield files that have not changed for long, and note the others that have no row yet."""
        now = time.time()
        for source in self._discovery().sources(self.folders, ()):
            if self.stop.is_set():
                return
            if source.path in self.done or source.path in self.pending:
                continue
            try:
                age = now - os.stat(source.path).st_mtime
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:  # no permission, or a path that is too long: a row says so
                age = math.inf
            if age > GRACE:
                yield source
            else:
                self._expect(source)

    def _discovery(self) -> Discovery:
        return Discovery(self.recursive, own=self.own)

    def _notice(self, changed: str) -> bool:
        """Note a file that was made or changed, or those of a folder; return False if only a search finds them all."""
        for folder in self.folders:
            below = _below(changed, folder)
            if below is None:
                continue
            path = os.path.join(folder, below)
            if not os.path.isdir(path):
                return self._notice_file(folder, below)
            if not self.recursive or below == os.curdir:
                return True
            files = [os.path.relpath(source.path, folder) for source in self._discovery().sources([path], ())]
            return False not in [self._notice_file(folder, file) for file in files]
        return True

    def _notice_file(self, folder: str, below: str) -> bool:
        place, path = os.path.dirname(below), os.path.join(folder, below)
        unlinked = os.path.normpath(os.path.join(os.path.realpath(folder), place))
        if os.path.realpath(os.path.dirname(path)) != unlinked:
            return False  # several paths may lead to it: a search decides for one, so that a file has one row
        if (
            is_image_name(path)
            and path not in self.done
            and os.path.join(unlinked, os.path.basename(path)) not in self.own
        ):
            self._expect(Source(path, self.place(path) or below))
        return True

    def place(self, path: str) -> str | None:
        """Return the place of a file below the watched folders, as `Discovery` gives it to sorted copies."""
        for folder in self.folders:
            if (below := _below(path, folder)) is not None:
                return (
                    os.path.join(os.path.basename(os.path.abspath(folder)), below) if len(self.folders) > 1 else below
                )
        return None

    def _expect(self, source: Source) -> None:
        signature = _signature(source.path)
        if signature is not None:
            now = time.monotonic()
            self.pending[source.path] = Pending(source, signature, now, now + SETTLED)

    def _complete(self) -> list[Source]:
        """Return the files that are due; those that changed meanwhile wait again."""
        ready = []
        now = time.monotonic()
        for path, file in list(self.pending.items()):
            signature = _signature(path)
            if signature is None:  # deleted, or renamed to its final name
                del self.pending[path]
            elif signature != file.signature:
                self.pending[path] = Pending(file.source, signature, now, now + SETTLED)
            elif now >= file.due:
                ready.append(file.source)
        return ready

    def _classify(self, sources: Iterator[Source] | Sequence[Source]) -> Iterator[tuple[Source, Prediction]]:
        for source, prediction in self.job.predictions(sources):
            file = self.pending.get(source.path)
            if prediction.status == "error" and file is not None and time.monotonic() < file.changed + GRACE:
                file.due = file.changed + GRACE
                continue
            self.pending.pop(source.path, None)
            if prediction.status == "error" and _is_gone(source.path):
                continue  # removed before it could be read; it may come back
            self.done.add(source.path)
            yield source, prediction


def _below(path: str, folder: str) -> str | None:
    """Return a path relative to a folder, or None if it is not below it."""
    below = os.path.relpath(path, folder)
    return None if below == os.pardir or below.startswith(os.pardir + os.sep) else below


def _is_gone(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _signature(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """Yield an event that SIGTERM and SIGINT set, so that rows that are being made are finished."""
    stop = Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class WatchedFolders:
    """Folders to watch until SIGTERM or SIGINT; `announce` is called once these signals end the watch in order.

    `own` are the real paths of the files that the run writes, which are never inputs.
    """

    folders: Sequence[str]
    recursive: bool
    announce: Callable[[], None]
    own: frozenset[str] = frozenset()

    @contextmanager
    def watch(self, job: Job) -> Iterator[Watch]:
        """Yield the watch of these folders."""
        with stopped_by_signals() as stop:
            self.announce()
            yield Watch(job, self.folders, self.recursive, stop, own=self.own)
