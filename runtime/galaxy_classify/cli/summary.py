"""Lines on stderr at the end of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.results.counts import RunCounts
from galaxy_classify.text import did_you_mean, printable


def run_summary(counts: RunCounts, seconds: float | None, *, in_table: bool) -> Iterator[str]:
    """Yield lines on the rows of a run.

    Parameters
    ----------
    counts : RunCounts
        Numbers of rows.
    seconds : float or None
        How long the run took; None if it waited for files.
    in_table : bool
        Whether the rows went to a table, which ends with their numbers: they are left out here.
    """
    if not in_table:
        done = counts.total - counts.kept
        rate = ""
        if seconds and done and counts.total > counts.failed:  # how fast nothing was classified tells nothing
            rate = f" ({seconds:.1f} s, {done / seconds:,.0f} images/s)"
        yield counts.summary() + rate
    if counts.kept:
        tried = "" if seconds is None else ", its errors tried again"
        yield f"kept: {counts.kept:,} row{'' if counts.kept == 1 else 's'} of the interrupted run{tried}"
    if counts.changed:
        yield "the inputs have changed since: of its rows, those from the first difference on were not kept"


def skipped_inputs(discovery: Discovery, inputs: Sequence[str]) -> Iterator[str]:
    """Yield lines on files that were skipped, archives without images, and named inputs that do not exist."""
    if skipped := discovery.skipped:
        yield f"skipped: {skipped:,} file{'' if skipped == 1 else 's'} in folders or archives without an image suffix"
    if empty := discovery.empty:
        yield f"without an image: {empty:,} archive{'' if empty == 1 else 's'}"
    for name in inputs:
        if name != "-" and not os.path.lexists(name) and (question := _suggestion(name)):
            yield f"{printable(name)}: no such file or folder, {question}"


def _suggestion(name: str) -> str:
    """Return a question about a file or folder with a similar name; nothing if there is none."""
    folder, wanted = os.path.split(name)
    with suppress(OSError):
        return did_you_mean(wanted, os.listdir(folder or os.curdir)).strip()
    return ""
