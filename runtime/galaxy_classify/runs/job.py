"""One run of the command: from inputs to rows, anew or where an interrupted run stopped."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.counts import Tally
from galaxy_classify.results.csv_rows import CsvWriter
from galaxy_classify.results.formats import OutputFormat, RecordStream, Writer
from galaxy_classify.results.jsonl_rows import JsonlWriter
from galaxy_classify.results.layout import DoneRow, RowLayout
from galaxy_classify.results.output_file import OutputFile, standard_output
from galaxy_classify.results.provenance import provenance
from galaxy_classify.results.resume import done_rows, keep_matching
from galaxy_classify.results.safe_writing import RecordFile, only_writer, write_errors
from galaxy_classify.tables.read import open_table, table_errors
from galaxy_classify.tables.write import write_typed

Observer = Callable[[Source, Prediction], None]


@dataclass(slots=True)
class Job:
    """A run of the command.

    Parameters
    ----------
    classifier : GalaxyClassifier
        Says what the images show.
    output_format : OutputFormat
        How the result looks.
    layout : RowLayout
        Its columns.
    threshold : float
        Confidence below which a row is called uncertain.
    batch_size : int
        Images that a worker classifies together.
    observers : sequence of callable
        Called with each input and what is said of it, in order; on a resumed run, with the rows that were kept first.
    shard : str, optional
        Which part of the inputs these are, as in ``3/100``.
    image_column : str, optional
        Column of Parquet files in which the images were looked for.
    tally : Tally
        Counts of the rows so far.
    kept : int
        Rows of an interrupted run that were kept.
    changed : bool
        Whether the inputs have changed since that run, so that not all of its rows could be kept.
    """

    classifier: GalaxyClassifier
    output_format: OutputFormat
    layout: RowLayout
    threshold: float
    batch_size: int
    observers: Sequence[Observer] = ()
    shard: str | None = None
    image_column: str | None = None
    tally: Tally = field(default_factory=Tally)
    kept: int = 0
    changed: bool = False

    @property
    def provenance(self) -> dict[str, Any]:
        """What the rows are made with."""
        return provenance(
            self.classifier,
            self.layout,
            threshold=self.threshold,
            shard=self.shard,
            image_column=self.image_column,
        )

    def to_standard_output(self, sources: Iterator[Source]) -> None:
        """Classify the inputs and write the rows to standard output."""
        with standard_output() as stream:
            self._write_all(sources, stream)

    def to_file(
        self,
        sources: Iterator[Source],
        output: OutputFile,
        *,
        resume: bool,
        evaluate: Callable[[], dict[str, Any] | None] = lambda: None,
    ) -> None:
        """Classify the inputs and write the rows to a file.

        Parameters
        ----------
        sources : iterator of Source
            The inputs, in order.
        output : OutputFile
            Where the rows go.
        resume : bool
            Whether to go on where an interrupted run with the same model and options stopped. Its rows are kept,
            but errors are tried again. The result is that of a run that was not interrupted, byte for byte.
        evaluate : callable, optional
            Asked at the end how well the rows agree with labels, for the sidecar.

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
                    self._write_all(sources, stream)
                return
            with only_writer(output.path):
                self._write_or_continue(sources, output, resume=resume)
                if self.output_format.is_typed:
                    rows = (self.layout.row(row.prediction, row.carried) for row in self.done(output.partial))
                    write_typed(rows, output.converted, self.output_format, self.layout.columns, self.provenance)
                output.add_evaluation(evaluate())
                output.complete(converted=self.output_format.is_typed)

    def _write_or_continue(self, sources: Iterator[Source], output: OutputFile, *, resume: bool) -> None:
        existing = output.find_rows(self.provenance) if resume else None
        if existing is not None:
            self._continue(sources, output, existing)
        else:
            output.begin(self.provenance)
            with RecordFile(output.partial) as stream:
                self._write_all(sources, stream)

    def _continue(self, sources: Iterator[Source], output: OutputFile, existing: str) -> None:
        size = 0
        failed: list[Source] = []

        def keep(row: DoneRow, source: Source) -> None:
            nonlocal size
            self.kept += 1
            size += len(row.text.encode("utf-8", "surrogateescape"))
            if row.prediction.status == "error":
                failed.append(source)
            else:
                self.count(source, row.prediction)

        if self.output_format.is_typed and existing == output.path:
            self._restore_rows(output)
            existing = output.partial
        rest, matched = keep_matching(self.done(existing), sources, keep)
        self.changed = not matched
        if self.changed and not self.kept:
            raise UsageError(
                f"{existing}: none of its rows would be kept, its first input is not the first of these; "
                "choose another --output, or replace it with --force"
            )
        output.adopt(existing, self.provenance)
        if self.kept:
            header = io.StringIO()
            self.writer(header).start()
            os.truncate(output.partial, len(header.getvalue().encode()) + size)
        with RecordFile(output.partial, append=self.kept > 0) as stream:
            if self.kept:
                self._write_rows(rest, self.writer(stream))
            else:
                self._write_all(rest, stream)
        if failed:
            self._retry_errors(output, failed)

    def _restore_rows(self, output: OutputFile) -> None:
        """Turn a complete file of typed columns into rows again, so that it can be continued."""
        with table_errors(output.path), RecordFile(output.partial) as stream:
            table = open_table(output.path, typed=True, suffix=f".{self.output_format}")
            writer = self.writer(stream)
            names = [column.name for column in table.columns]
            for values in table.rows():
                writer.write(*self.layout.parse(dict(zip(names, values, strict=True))))

    def _retry_errors(self, output: OutputFile, failed: Sequence[Source]) -> None:
        """Try the errors among the kept rows again, each in its place."""
        retried = self.predictions(failed)
        with RecordFile(output.retried) as stream:
            writer = self.writer(stream)
            writer.start()
            rows = self.done(output.partial)
            for row in islice(rows, self.kept):
                if row.prediction.status == "error":
                    source, prediction = next(retried)
                    writer.write(prediction, source.carried)
                    self.count(source, prediction)
                else:
                    stream.write(row.text)
            for row in rows:
                stream.write(row.text)
        os.replace(output.retried, output.partial)

    def _write_all(self, sources: Iterator[Source], stream: RecordStream) -> None:
        writer = self.writer(stream)
        writer.start()
        self._write_rows(sources, writer)
        writer.finish()

    def _write_rows(self, sources: Iterator[Source], writer: Writer) -> None:
        for source, prediction in self.predictions(sources):
            writer.write(prediction, source.carried)
            self.count(source, prediction)

    def predictions(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Prediction]]:
        """Classify inputs lazily and in order, and yield each with its prediction."""
        return self.classifier.classify_sources(sources, threshold=self.threshold, batch_size=self.batch_size)

    def count(self, source: Source, prediction: Prediction) -> None:
        """Count a row, and show it to the observers."""
        self.tally.add(prediction)
        for observe in self.observers:
            observe(source, prediction)

    def done(self, path: str) -> Iterator[DoneRow]:
        """Read the rows of an unfinished result."""
        return done_rows(path, self.output_format.rows, self.layout)

    def writer(self, stream: RecordStream) -> Writer:
        """Return what writes rows to a stream, in the format of the result as long as it is unfinished."""
        if self.output_format is OutputFormat.CSV:
            return CsvWriter(stream, self.layout)
        if self.output_format is OutputFormat.TABLE:
            from galaxy_classify.results.terminal_table import TableWriter  # brings rich along

            return TableWriter(stream, self.layout, self.classifier.model.identity)
        return JsonlWriter(stream, self.layout, None if self.output_format.is_typed else self.provenance)
