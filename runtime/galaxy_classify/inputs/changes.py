"""Report what changes in folders, and whether something may have been missed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from threading import Event
from typing import Final

from galaxy_classify.inputs.folders import holds_links, walk
from galaxy_classify.text import utf8

#: Milliseconds for which changes are collected before they are reported.
TICK: Final = 100
#: Seconds until watching is tried again after it could not be started, and how many times as long as the attempt took.
RETRY: Final = 0.2
RETRY_SHARE: Final = 20


def folder_changes(folders: Sequence[str], recursive: bool, stop: Event) -> Iterator[tuple[bool, set[str]]]:
    """Yield the paths that have changed every `TICK`, with whether these are all, until told to stop.

    They are not at first: nothing is known of what changed before the system watched the folders. And not where
    watchfiles has to be started again: it ends with a RuntimeError at a name that is not UTF-8, and with an OSError if
    a folder is gone or the system watches too many. Then only a search tells what has changed.
    """
    from watchfiles import watch

    while not stop.is_set():
        started, complete = time.monotonic(), False
        linked = recursive and any(map(holds_links, folders))
        # watchfiles follows links by every path: of ten folders that link to each other it would find millions.
        each = [folder for top in folders for folder, _, _ in walk(top)] if linked else folders
        each = [folder for folder in each if folder == utf8(folder)]  # the others are left to the search, too
        if not each:
            stop.wait(RETRY)
            yield False, set()
            continue
        try:
            for changes in watch(
                *each,
                watch_filter=None,
                debounce=TICK,
                step=TICK // 2,
                rust_timeout=TICK,
                yield_on_timeout=True,
                stop_event=stop,
                raise_interrupt=False,
                recursive=recursive and not linked,
                ignore_permission_denied=True,
            ):
                paths = {path for _, path in changes}
                yield complete, paths
                complete = True
                if recursive and any(os.path.isdir(path) and (linked or os.path.islink(path)) for path in paths):
                    break  # there are other folders to watch now
        except (RuntimeError, OSError):
            if not complete:
                stop.wait(RETRY + RETRY_SHARE * (time.monotonic() - started))
                yield False, set()
