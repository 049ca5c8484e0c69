"""Get the cutout of one object: keep the one that is there, or ask for it and write it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from galaxy_classify.errors import GalaxyClassifyError
from galaxy_classify.fetch.failures import NoCutoutError, OverloadedError
from galaxy_classify.fetch.log import Fetched, Log, describe
from galaxy_classify.fetch.targets import Target
from galaxy_classify.results.safe_writing import written_aside

#: Objects in a row for which the service could not be reached, after all attempts, until the run ends: it is down, and
#: to go on would only add to its trouble.
MOST_IN_A_ROW: Final = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an object: a cutout, or why there is none."""

    target: Target
    fetched: Fetched | None = None
    kept: bool = False
    message: str = ""


class Fetcher:
    """Gets cutouts, in several threads.

    Parameters
    ----------
    folder : str
        Where they are written.
    log : Log
        What is there.
    get : callable
        Returns the answer of an address, or raises `NoCutoutError`.
    """

    def __init__(self, folder: str, log: Log, get: Callable[[str], bytes]) -> None:
        self._folder = folder
        self._log = log
        self._get = get
        self._lock = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._failed: dict[str, str] = {}
        self._in_a_row = 0

    def fetch(self, target: Target) -> Outcome:
        """Get the cutout of one object. The same address is asked once, also by several threads.

        Raises
        ------
        GalaxyClassifyError
            If the service cannot be reached again and again.
        OSError
            If the file cannot be written.
        """
        if target.reason:
            return Outcome(target, message=target.reason)
        with self._lock:
            asking = self._asking.setdefault(target.url, threading.Lock())
        with asking:
            outcome = self._fetch(target)
        with self._lock:
            self._asking.pop(target.url, None)
        return outcome

    def is_there(self, target: Target) -> bool:
        """Tell whether nothing is to be asked for an object."""
        return self._log.find(target.url, target.name) is not None

    def _fetch(self, target: Target) -> Outcome:
        path = os.path.join(self._folder, target.name)
        found = self._log.find(target.url, target.name)
        if found is not None and found[0].file == target.name:
            return Outcome(target, found[0], kept=True)
        if os.path.lexists(path) and target.name not in self._log.files:
            return Outcome(target, message=f"{target.name} is there, and not by this command: move it away")
        if found is not None:
            return self._write(target, replace(found[0], file=target.name), found[1], kept=True)
        if target.url in self._failed:
            return Outcome(target, message=self._failed[target.url])
        try:
            content = self._get(target.url)
        except NoCutoutError as error:
            self._failed[target.url] = str(error)
            self._log.add_failure(target.url, str(error))
            self._count(error)
            return Outcome(target, message=str(error))
        self._count(None)
        return self._write(target, describe(target.url, target.name, content), content)

    def _write(self, target: Target, fetched: Fetched, content: bytes, *, kept: bool = False) -> Outcome:
        with written_aside(os.path.join(self._folder, target.name)) as aside:
            with open(aside, "wb") as file:
                file.write(content)
            # Before the file gets its name: a process that is killed here finds a file that is its own.
            self._log.add(fetched)
        return Outcome(target, fetched, kept=kept)

    def _count(self, error: NoCutoutError | None) -> None:
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if isinstance(error, OverloadedError) else 0
            if self._in_a_row >= MOST_IN_A_ROW:
                raise GalaxyClassifyError(
                    f"stopped, as the service failed for {MOST_IN_A_ROW} objects in a row: {error}; what was fetched "
                    "is kept, run the same command again later to go on"
                )
