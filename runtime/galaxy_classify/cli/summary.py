"""What the command says on stderr when it is done."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.runs.job import Job
from galaxy_classify.text import did_you_mean, printable


def what_was_done(job: Job, seconds: float | None) -> Iterator[str]:
    """Yield lines on the rows of a run; a table has said the first itself.

    Parameters
    ----------
    job : Job
        The run.
    seconds : float or None
        How long it took; None if it waited for files.
    """
    if job.output_format is not OutputFormat.TABLE:
        rate = "" if seconds is None else f" ({seconds:.1f} s, {(job.tally.total - job.kept) / seconds:,.0f} images/s)"
        yield job.tally.sentence() + rate
    if job.kept:
        tried = "" if seconds is None else ", its errors tried again"
        yield f"kept: {job.kept:,} rows of the interrupted run{tried}"
    if job.changed:
        yield "the inputs have changed since: of its rows, those from the first difference on were not kept"


def what_was_passed_over(discovery: Discovery, inputs: Sequence[str]) -> Iterator[str]:
    """Yield lines on what is no input, and on inputs that are not there.

    Parameters
    ----------
    discovery : Discovery
        What has found the inputs.
    inputs : sequence of str
        The inputs as they were named.
    """
    if skipped := discovery.skipped:
        yield f"skipped: {skipped:,} file{'' if skipped == 1 else 's'} in folders or archives without an image suffix"
    if empty := discovery.empty:
        yield f"without an image: {empty:,} archive{'' if empty == 1 else 's'}"
    for name in inputs:
        if name != "-" and not os.path.lexists(name) and (question := _meant(name)):
            yield f"{printable(name)}: no such file or folder, {question}"


def _meant(name: str) -> str:
    """Return a question about a file or folder that is spelled much like one that is not there, or nothing."""
    folder, wanted = os.path.split(name)
    with suppress(OSError):
        return did_you_mean(wanted, os.listdir(folder or os.curdir)).strip()
    return ""
