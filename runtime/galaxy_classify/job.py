"""One run of the command: from inputs to rows, anew or where an interrupted run stopped."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.errors import UsageError
from galaxy_classify.filelock import only_writer
from galaxy_classify.output import OutputFile, RecordFile, standard_output, write_errors
from galaxy_classify.provenance import provenance
from galaxy_classify.resume import DoneRow, done_rows, keep_matching
from galaxy_classify.tally import Tally
from galaxy_classify.writers import CsvWriter, JsonlWriter, OutputFormat, RecordStream, Writer


@dataclass(slots=True)
class Job:
    """A run of the command.

    Parameters
    ----------
    classifier : GalaxyClassifier
        Says what the images show.
    output_format : OutputFormat
        How the rows look.
    threshold : float
        Confidence below which a row is called uncertain.
    batch_size : int
        Images that a worker classifies together.
    advance : callable
        Called once for each row that is done.
    tally : Tally
        Counts of the rows so far.
    kept : int
        Rows of an interrupted run that were kept.
    changed : bool
        Whether the inputs have changed since that run, so that not all of its rows could be kept.
    """

    classifier: GalaxyClassifier
    output_format: OutputFormat
    threshold: float
    batch_size: int
    advance: Callable[[], None]
    tally: Tally = field(default_factory=Tally)
    kept: int = 0
    changed: bool = False

    def to_standard_output(self, paths: Iterator[str]) -> None:
        """Classify the inputs and write the rows to standard output."""
        with standard_output() as stream:
            self._write_all(paths, stream)

    def to_file(self, paths: Iterator[str], output: OutputFile, *, resume: bool) -> None:
        """Classify the inputs and write the rows to a file.

        Parameters
        ----------
        paths : iterator of str
            The inputs, in order.
        output : OutputFile
            Where the rows go.
        resume : bool
            Whether to go on where an interrupted run with the same model and options stopped. Its rows are kept,
            but errors are tried again. The result is that of a run that was not interrupted, byte for byte.

        Raises
        ------
        UsageError
            If the file cannot be written, another run is writing it, or the interrupted run was made with another
            model, other options or other inputs.
        GalaxyClassifyError
            If a write fails.
        """
        with write_errors(output.path):
            if output.is_special:
                with RecordFile(output.path) as stream:
                    self._write_all(paths, stream)
                return
            with only_writer(output.path):
                self._write_or_continue(paths, output, resume=resume)

    def _write_or_continue(self, paths: Iterator[str], output: OutputFile, *, resume: bool) -> None:
        made_with = self._provenance()
        existing = output.find_rows(made_with) if resume else None
        if existing is not None:
            self._continue(paths, output, existing)
        else:
            output.begin(made_with)
            with RecordFile(output.partial) as stream:
                self._write_all(paths, stream)
        output.complete()

    def _continue(self, paths: Iterator[str], output: OutputFile, existing: str) -> None:
        size = errors = 0

        def keep(row: DoneRow) -> None:
            nonlocal size, errors
            self.kept += 1
            size += len(row.text.encode("utf-8", "surrogateescape"))
            if row.status == "error":
                errors += 1
            else:
                self.tally.count(row.status, row.label)
                self.advance()

        rest, matched = keep_matching(self._done(existing), paths, keep)
        self.changed = not matched
        if self.changed and not self.kept:
            raise UsageError(
                f"{existing}: none of its rows would be kept, its first input is not the first of these; "
                "choose another --output, or replace it with --force"
            )
        output.adopt(existing, self._provenance())
        if self.kept:
            header = io.StringIO()
            self._writer(header).start()
            os.truncate(output.partial, len(header.getvalue().encode()) + size)
        with RecordFile(output.partial, append=self.kept > 0) as stream:
            if self.kept:
                self._write_rows(rest, self._writer(stream))
            else:
                self._write_all(rest, stream)
        if errors:
            self._retry_errors(output)

    def _retry_errors(self, output: OutputFile) -> None:
        """Try the errors among the kept rows again, each in its place."""
        failed = (row.path for row in islice(self._done(output.partial), self.kept) if row.status == "error")
        predictions = self.classifier.classify(failed, threshold=self.threshold, batch_size=self.batch_size)
        with RecordFile(output.retried) as stream:
            writer = self._writer(stream)
            writer.start()
            for number, row in enumerate(self._done(output.partial)):
                if number < self.kept and row.status == "error":
                    prediction = next(predictions)
                    writer.write(prediction)
                    self.tally.add(prediction)
                    self.advance()
                else:
                    stream.write(row.text)
        os.replace(output.retried, output.partial)

    def _write_all(self, paths: Iterator[str], stream: RecordStream) -> None:
        writer = self._writer(stream)
        writer.start()
        self._write_rows(paths, writer)
        writer.finish()

    def _write_rows(self, paths: Iterator[str], writer: Writer) -> None:
        for prediction in self.classifier.classify(paths, threshold=self.threshold, batch_size=self.batch_size):
            writer.write(prediction)
            self.tally.add(prediction)
            self.advance()

    def _done(self, path: str) -> Iterator[DoneRow]:
        return done_rows(path, self.output_format, self.classifier.model.description.classes)

    def _provenance(self) -> dict[str, Any]:
        return provenance(self.classifier, threshold=self.threshold)

    def _writer(self, stream: RecordStream) -> Writer:
        classes = self.classifier.model.description.classes
        if self.output_format is OutputFormat.CSV:
            return CsvWriter(stream, classes)
        if self.output_format is OutputFormat.JSONL:
            return JsonlWriter(stream, classes, self._provenance())
        from galaxy_classify.table import TableWriter  # brings rich along

        return TableWriter(stream, classes, self.classifier.model.identity)
