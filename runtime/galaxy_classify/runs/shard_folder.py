"""A run of the command that works through shards of the inputs, each with a result file of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.shards import Shard, Shards, shard_of

#: Inputs that are remembered while the shards before theirs are classified: some 30 MB.
HELD: Final = 100_000


def inputs_by_shard(
    listing: Callable[[], Iterator[Source]], shards: Shards, held: int | None = HELD
) -> Iterator[tuple[Shard, Iterator[Source]]]:
    """Sort inputs into shards, with as few listings and as little memory as that goes.

    A listing takes time: with a thousand shards, more of it than their own inputs do. So the inputs of many shards
    are remembered from one listing; of a single one, they are passed on as they are found.

    Parameters
    ----------
    listing : callable
        Lists the inputs of all these shards, and perhaps others, in order.
    shards : Shards
        The shards that are wanted.
    held : int or None
        Inputs that may be remembered. What is more is found by listing again; None if they can be listed once only.

    Yields
    ------
    shard : Shard
        Each of `shards`, in order.
    sources : iterator of Source
        Its inputs, in order.
    """
    waiting = list(shards)
    while len(waiting) > 1:
        remembered = _remember(listing(), waiting, held)
        if remembered is None:
            break
        for sources in remembered:
            yield waiting.pop(0), iter(sources)
    for shard in waiting:
        yield shard, filter(shard.holds, listing())


def _remember(inputs: Iterator[Source], shards: Sequence[Shard], held: int | None) -> list[list[Source]] | None:
    """Return the inputs of the first shards, of as many as may be remembered; None if not even those of one may be."""
    found: dict[int, list[Source]] = {shard.index: [] for shard in shards}
    count = 0
    for source in inputs:
        index = shard_of(source.place, shards[0].count)
        if index in found:
            found[index].append(source)
            count += 1
            while held is not None and count > held:
                if len(found) == 1:
                    return None
                count -= len(found.popitem()[1])  # the last one's
    return list(found.values())


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """A folder with a Parquet file for each shard of one run: a data set, once all are there.

    Parameters
    ----------
    path : str
        The folder; it is made if it is not there.
    shards : Shards
        Those that this run makes.

    Raises
    ------
    UsageError
        If the folder cannot be made.
    """

    path: str
    shards: Shards

    def __post_init__(self) -> None:
        try:
            os.makedirs(self.path, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be made: {error.strerror}") from None

    def file(self, shard: Shard) -> OutputFile:
        """Return the result file of a shard."""
        return OutputFile(os.path.join(self.path, shard.file_name), in_dataset=True)

    def refuse_to_overwrite(self) -> None:
        """Check that none of the shards has a result yet, not even an unfinished one.

        Raises
        ------
        UsageError
            If one has; the message names the options that help.
        """
        for shard in self.shards:
            self.file(shard).refuse_to_overwrite()

    def classify(
        self,
        job: Job,
        inputs: Iterator[tuple[Shard, Iterator[Source]]],
        *,
        resume: bool,
        evaluate: Callable[[], dict[str, Any] | None] = lambda: None,
    ) -> None:
        """Classify the shards, one after the other: a file is whole before the next one is begun.

        Parameters
        ----------
        job : Job
            Classifier, layout, threshold, observers; counts the rows of all shards.
        inputs : iterator of tuple
            Each shard with its inputs.
        resume : bool
            Whether files of an earlier run with the same model and options are gone on with.
        evaluate : callable, optional
            Asked at the end of each shard how well the rows so far agree with labels, for the sidecar.

        Raises
        ------
        UsageError
            As by `Job.to_file`; the shards before are whole.
        GalaxyClassifyError
            If a write fails.
        """
        for shard, sources in inputs:
            part = replace(job, shard=str(shard), kept=0, changed=False)
            part.to_file(sources, self.file(shard), resume=resume, evaluate=evaluate)
            job.kept += part.kept
            job.changed |= part.changed
