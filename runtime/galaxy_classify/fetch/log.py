"""The log of a folder of cutouts: what was asked, and what came; whoever runs again asks only for what is missing.

A line of JSON for each: how the folder's cutouts are framed, a cutout that is there, or a request that failed.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from galaxy_classify.errors import UsageError
from galaxy_classify.results.safe_writing import RecordFile

LOG_NAME: Final = "fetch-log.jsonl"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A cutout that was fetched."""

    url: str
    file: str
    bytes: int
    sha256: str
    fetched_at: str


def now() -> str:
    """Return the time as ISO 8601, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe(url: str, file: str, content: bytes) -> Fetched:
    """Return the record of an answer that has just come."""
    return Fetched(url, file, len(content), hashlib.sha256(content).hexdigest(), now())


class Log:
    """The log of a folder.

    Parameters
    ----------
    folder : str
        The folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, LOG_NAME)
        self._lock = threading.Lock()
        self._file: RecordFile | None = None
        self._by_url: dict[str, Fetched] = {}
        #: Names of the files that were fetched, which may be replaced.
        self.files: set[str] = set()
        self.settings: dict[str, Any] = {}
        for record in self._read():
            self._take(record)

    def _read(self) -> Iterator[dict[str, Any]]:
        """Yield the records; one that a killed process or a lost power supply has left in part is passed over."""
        try:
            with open(self._path, "rb") as file:
                for line in file:
                    try:
                        record = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(record, dict):
                        yield record
        except FileNotFoundError:
            return

    def _take(self, record: dict[str, Any]) -> None:
        if "settings" in record:
            self.settings = record["settings"]
        elif "sha256" in record:
            try:
                fetched = Fetched(**record)
            except TypeError:
                return
            self._by_url[fetched.url] = fetched
            self.files.add(fetched.file)

    def check_settings(self, settings: dict[str, Any], *, force: bool) -> None:
        """Check that the folder's cutouts are framed as those that are to come: one table must not mix them.

        Raises
        ------
        UsageError
            If not, and the user does not force it.
        """
        changed = [name for name, value in self.settings.items() if settings.get(name) != value]
        changed += [name for name in settings if name not in self.settings]
        if self.settings and changed and not force:
            name = changed[0]
            raise UsageError(
                f"{self._folder}: its cutouts were fetched with another {name}: {self.settings.get(name)}, "
                f"not {settings.get(name)}; choose another folder, or replace them with --force"
            )

    def begin(self, settings: dict[str, Any]) -> Self:
        """Open the log for what is to come."""
        _cut_off_part(self._path)
        self._file = RecordFile(self._path, append=True)
        if settings != self.settings:
            self._write({"settings": settings})
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, fetched: Fetched) -> None:
        """Record a cutout, before its file gets its name."""
        with self._lock:
            self._write(asdict(fetched))
            self._take(asdict(fetched))

    def add_failure(self, url: str, message: str) -> None:
        """Record a request that failed."""
        with self._lock:
            self._write({"url": url, "error": message, "at": now()})

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()

    def find(self, url: str, name: str) -> tuple[Fetched, bytes] | None:
        """Return what was fetched from an address, if a file still holds it: the one of this name, or another."""
        with self._lock:
            fetched = self._by_url.get(url)
        if fetched is None:
            return None
        for file in dict.fromkeys((name, fetched.file)):
            try:
                with open(os.path.join(self._folder, file), "rb") as opened:
                    content = opened.read(fetched.bytes + 1)
            except OSError:
                continue
            if hashlib.sha256(content).hexdigest() == fetched.sha256:
                return Fetched(url, file, fetched.bytes, fetched.sha256, fetched.fetched_at), content
        return None


def _cut_off_part(path: str) -> None:
    """Cut off a last line that is not whole, so that the next one begins on its own."""
    try:
        with open(path, "rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
    except FileNotFoundError:
        return
