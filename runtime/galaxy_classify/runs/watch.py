"""Watch folders, and classify each file once it is complete: ``--watch``."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Final

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


#: Milliseconds for which changes are collected before they are handled.
TICK: Final = 100


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
    pending : dict of str to Pending
        Files that may not be complete yet, by path.
    """

    job: Job
    folders: Sequence[str]
    recursive: bool
    stop: Event
    done: set[str] = field(default_factory=set)
    pending: dict[str, Pending] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[Source, Prediction]]:
        """Yield each input and its prediction, soon after its file is complete.

        A file that cannot be classified gets its row once it has not changed for `GRACE` seconds.
        """
        from watchfiles import watch

        changes = watch(
            *self.folders,
            watch_filter=None,
            debounce=TICK,
            step=TICK // 2,
            rust_timeout=TICK,
            yield_on_timeout=True,
            stop_event=self.stop,
            raise_interrupt=False,
            recursive=self.recursive,
            ignore_permission_denied=True,
        )
        next(changes, None)  # start to watch before the first search, which else could miss a file
        search_at = 0.0
        for changed in changes:
            if time.monotonic() >= search_at:
                started = time.monotonic()
                yield from self._classify(self._search())
                search_at = time.monotonic() + max(SEARCH_EVERY, SEARCH_SHARE * (time.monotonic() - started))
            for _, path in changed:
                self._notice(path)
            yield from self._classify(self._complete())
            if self.stop.is_set():
                return

    def _search(self) -> Iterator[Source]:
        """Yield files that have not changed for long, and note the others that have no row yet."""
        now = time.time()
        for source in Discovery(self.recursive).sources(self.folders, ()):
            if self.stop.is_set():
                return
            if source.path in self.done or source.path in self.pending:
                continue
            try:
                age = now - os.stat(source.path).st_mtime
            except OSError:
                continue
            if age > GRACE:
                yield source
            else:
                self._expect(source)

    def _notice(self, changed: str) -> None:
        """Note a file that was made or changed."""
        for folder in self.folders:
            below = _below(changed, folder)
            if below is None:
                continue
            path = os.path.join(folder, below)
            if os.path.isdir(path) and self.recursive:
                for source in Discovery().sources([path], ()):
                    self._notice(source.path)
            elif is_image_name(path) and path not in self.done:
                self._expect(Source(path, self.place(path) or below))
            return

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
            self.done.add(source.path)
            yield source, prediction


def _below(path: str, folder: str) -> str | None:
    """Return a path relative to a folder, or None if it is not below it."""
    below = os.path.relpath(path, folder)
    return None if below == os.pardir or below.startswith(os.pardir + os.sep) else below


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
    """Folders to watch until SIGTERM or SIGINT; `announce` is called once these signals end the watch in order."""

    folders: Sequence[str]
    recursive: bool
    announce: Callable[[], None]

    @contextmanager
    def watch(self, job: Job) -> Iterator[Watch]:
        """Yield the watch of these folders."""
        with stopped_by_signals() as stop:
            self.announce()
            yield Watch(job, self.folders, self.recursive, stop)
