"""Download one file over HTTP: continue partial downloads, verify the checksum, then rename."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from galaxy_classify.errors import DataError, UsageError
from galaxy_classify.results.safe_writing import only_writer

CHUNK: Final = 1 << 20


TIMEOUT: Final = 30.0


#: Seconds to wait before each retry, after a failure that may be temporary.
PAUSES: Final = (1.0, 3.0, 10.0)


#: Takes the bytes received so far, and the total if the server states it.
Progress = Callable[[int, int | None], None]


def fetch(url: str, target: Path, md5: str, progress: Progress) -> None:
    """Download a file, or the part of it that is missing.

    Bytes go to ``TARGET.partial``, which is kept after an interrupt or a broken connection; the next call requests the
    rest. The file gets its final name only if its checksum is right.

    Parameters
    ----------
    url : str
        Address of the file.
    target : pathlib.Path
        Local file; its folder is created.
    md5 : str
        Expected checksum, in hexadecimal.
    progress : callable
        Called as bytes arrive.

    Raises
    ------
    DataError
        If the server cannot be reached or refuses, the disk is full, or the checksum is wrong.
    """
    partial = target.with_name(target.name + ".partial")
    with _writable(target), _sole_downloader(target):
        resumed = partial.exists() and partial.stat().st_size > 0
        _fetch_with_retries(url, partial, progress)
        if file_md5(partial) != md5 and resumed:
            # The partial file may have been another or a damaged one: start once more from zero.
            partial.unlink()
            _fetch_with_retries(url, partial, progress)
        found = file_md5(partial)
        if found != md5:
            partial.unlink()
            raise DataError(f"{url}: has the MD5 checksum {found}, not {md5}; it was not kept")
        os.replace(partial, target)


def file_md5(path: Path) -> str:
    """Return the MD5 of a file, in hexadecimal; GalaxyMNIST publishes no other checksum."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def _writable(target: Path) -> Iterator[None]:
    """Create the target's folder, and turn errors of the disk into a DataError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise cannot_write(target, error) from None


def cannot_write(target: Path, error: OSError) -> DataError:
    """Return an error that says why a file cannot be written, with a remedy if the disk is full."""
    remedy = "; free some space, then run the same command again" if error.errno == errno.ENOSPC else ""
    return DataError(f"{target}: cannot be written: {error.strerror or error}{remedy}")


@contextmanager
def _sole_downloader(target: Path) -> Iterator[None]:
    try:
        with only_writer(str(target)):
            yield
    except UsageError:
        raise DataError(f"{target}: another process is downloading it; wait until it is done") from None


class _TemporaryError(Exception):
    """A failure that may be temporary, so that a retry makes sense."""


def _fetch_with_retries(url: str, partial: Path, progress: Progress) -> None:
    for attempt, pause in enumerate((*PAUSES, 0.0), start=1):
        try:
            _fetch_rest(url, partial, progress)
            break
        except _TemporaryError as error:
            if attempt > len(PAUSES):
                raise DataError(f"{url}: {error}, {attempt} times; run the same command again to continue") from None
            time.sleep(pause)


def _fetch_rest(url: str, partial: Path, progress: Progress) -> None:
    """Request the missing bytes and append them; start from zero if the server does not support ranges."""
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"User-Agent": "galaxy-classify", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked by the caller
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            continues = response.status == http.HTTPStatus.PARTIAL_CONTENT
            _store(response, partial, have if continues else 0, progress)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the file is complete or too long; the checksum decides
        if error.code >= 500 or error.code == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise _TemporaryError(f"the server answers {error.code} {error.reason}") from None
        raise DataError(f"{url}: the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        reason = error.reason.strerror if isinstance(error.reason, OSError) else None
        if isinstance(error.reason, TimeoutError):
            raise _TemporaryError("cannot be reached (no answer)") from None
        raise DataError(f"{url}: cannot be reached ({reason or error.reason}); is there a network?") from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _TemporaryError(f"the connection broke off ({error or type(error).__name__})") from None


def _store(response: http.client.HTTPResponse, partial: Path, have: int, progress: Progress) -> None:
    length = response.headers.get("Content-Length")
    total = have + int(length) if length and length.isdigit() else None
    with partial.open("ab" if have else "wb") as file:
        progress(have, total)
        while chunk := _read(response):
            file.write(chunk)
            have += len(chunk)
            progress(have, total)
    if total is not None and have < total:
        raise _TemporaryError(f"the connection broke off after {have:,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except OSError as error:  # of the network, not of the disk
        raise _TemporaryError(f"the connection broke off ({error})") from None
