"""Write the rows of ``--watch``: each as soon as it is made, to standard output or a file that grows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.formats import OutputFormat, Writer
from galaxy_classify.results.output_file import OutputFile, standard_output
from galaxy_classify.results.resume import Existing, done_rows, find_rows, keep_all
from galaxy_classify.results.safe_writing import RecordFile, only_writer, write_errors
from galaxy_classify.runs.destination import RunInputs, row_writer
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.result_file import cut_behind

if TYPE_CHECKING:
    from galaxy_classify.runs.watch import Watch, WatchedFolders


@dataclass(frozen=True, slots=True)
class WatchedStandardOutput:
    """Rows of watched folders go to standard output."""

    watched: WatchedFolders
    output_format: OutputFormat

    def check_existing(self) -> None:
        """Do nothing: nothing can be overwritten."""

    def classify(self, job: Job, inputs: RunInputs) -> None:
        """Classify the files in the folders until stopped."""
        with self.watched.watch(job) as watch, standard_output() as stream:
            writer = row_writer(job, self.output_format, stream)
            writer.start()
            _write(watch, writer, stream)
            writer.finish()

    def kept_rows(self) -> str:
        """Return nothing: the rows are with whoever reads them."""
        return ""


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """Rows of watched folders go to a CSV or JSON Lines file. It is never complete, so it has its final name at once.

    A resumed run keeps the rows that are there: their inputs are not classified again.
    """

    watched: WatchedFolders
    output: OutputFile
    output_format: OutputFormat
    existing: Existing

    def check_existing(self) -> None:
        """Refuse to overwrite an earlier result, unless the run was told to continue or to replace it."""
        if self.existing is Existing.REFUSE:
            self.output.refuse_to_overwrite()

    def classify(self, job: Job, inputs: RunInputs) -> None:
        """Classify the files in the folders until stopped."""
        output = self.output
        with self.watched.watch(job) as watch, write_errors(output.path), only_writer(output.path):
            self.check_existing()  # once more: another run may have begun since the command was started
            existing = find_rows(output, job.provenance) if self.existing is Existing.RESUME else None
            output.begin_in_place(existing, job.provenance)
            kept = 0 if existing is None else self._keep_rows(watch)
            with RecordFile(output.path, append=kept > 0) as stream:
                writer = row_writer(job, self.output_format, stream)
                if not kept:
                    writer.start()
                    stream.flush()
                _write(watch, writer, stream)
            output.add_outcome(job.outcome(), in_place=True)

    def kept_rows(self) -> str:
        """Return where the rows of an interrupted run are, and how to continue it."""
        return f"{self.output.path} keeps them, --resume continues it"

    def _keep_rows(self, watch: Watch) -> int:
        """Count the rows that are there, note that their inputs are done, and return their number."""
        job, path = watch.job, self.output.path

        def count(prediction: Prediction) -> None:
            name = prediction.path
            watch.done.add(name)
            job.count(Source(name, watch.place(name) or os.path.basename(name)), prediction)

        kept = keep_all(done_rows(path, self.output_format.rows, job.layout), count)
        job.counts.kept += kept.count
        if kept.count:
            cut_behind(path, kept, job, self.output_format)
        return kept.count


def _write(watch: Watch, writer: Writer, stream: Any) -> None:
    """Write each row at once, so that whoever follows the file sees it."""
    for source, prediction in watch.rows():
        writer.write(prediction, source.carried)
        stream.flush()
        watch.job.count(source, prediction)
