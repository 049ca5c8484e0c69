"""Destinations: where the rows of a run go. Standard output is the simplest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from galaxy_classify.inputs.source import Source
from galaxy_classify.results.csv_rows import CsvWriter
from galaxy_classify.results.formats import OutputFormat, RecordStream, Writer
from galaxy_classify.results.jsonl_rows import JsonlWriter
from galaxy_classify.results.output_file import standard_output
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.shards import Shard, Shards


class RunInputs(Protocol):
    """The inputs of a run; each call lists them anew."""

    def sources(self) -> Iterator[Source]:
        """Yield the inputs in order."""

    def by_shard(self, shards: Shards) -> Iterator[tuple[Shard, Iterator[Source]]]:
        """Yield each shard with its inputs in order."""


class Destination(Protocol):
    """Where the rows of a run go."""

    @property
    def output_format(self) -> OutputFormat:
        """Format of the result."""

    def check_existing(self) -> None:
        """Refuse to overwrite an earlier result, unless the run was told to continue or to replace it.

        Raises
        ------
        UsageError
            If there is one; the message names the options that help.
        """

    def classify(self, job: Job, inputs: RunInputs) -> None:
        """Classify the inputs and write the rows.

        Raises
        ------
        UsageError
            If the destination cannot be written, another run is writing it, or the result to be continued was made
            with another model, other options or other inputs.
        GalaxyClassifyError
            If a write fails.
        """

    def kept_rows(self) -> str:
        """Return where the rows of an interrupted run are and how to continue it; empty if they are not kept."""


@dataclass(frozen=True, slots=True)
class StandardOutput:
    """Rows go to standard output as they come."""

    output_format: OutputFormat

    def check_existing(self) -> None:
        """Do nothing: nothing can be overwritten."""

    def classify(self, job: Job, inputs: RunInputs) -> None:
        """Classify the inputs and write the rows."""
        with standard_output() as stream:
            write_result(job, inputs.sources(), self.output_format, stream)

    def kept_rows(self) -> str:
        """Return nothing: the rows are with whoever reads them."""
        return ""


def write_result(job: Job, sources: Iterator[Source], output_format: OutputFormat, stream: RecordStream) -> None:
    """Classify inputs and write a whole result: header, rows and what comes after them."""
    writer = row_writer(job, output_format, stream)
    writer.start()
    job.write_rows(sources, writer)
    writer.finish()


def row_writer(job: Job, output_format: OutputFormat, stream: RecordStream) -> Writer:
    """Return a writer of rows in the format that a result has until it is complete."""
    if output_format is OutputFormat.CSV:
        return CsvWriter(stream, job.layout)
    if output_format is OutputFormat.TABLE:
        from galaxy_classify.results.terminal_table import TableWriter  # imports rich, which other formats do not need

        return TableWriter(stream, job.layout, job.classifier.model.identity)
    in_rows = job.provenance_in_rows and not output_format.is_typed
    return JsonlWriter(stream, job.layout, job.provenance if in_rows else None)
