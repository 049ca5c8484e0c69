"""Write the rows of a run to one file: begin it, or continue it where an earlier run stopped."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from galaxy_classify.errors import GalaxyClassifyError
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import DoneRow
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import (
    Existing,
    KeptRows,
    done_rows,
    find_rows,
    is_row_of,
    is_stored_row_of,
    is_tried_again,
    keep_matching,
    other_inputs,
)
from galaxy_classify.results.safe_writing import RecordFile, only_writer, remove, replace_whole, write_errors
from galaxy_classify.runs.destination import RunInputs, row_writer, write_result
from galaxy_classify.runs.job import Job
from galaxy_classify.tables.read import open_table, table_errors
from galaxy_classify.tables.write import check_columns, stored_text, write_typed
from galaxy_classify.text import one_line


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A result in one file. A resumed run gives the bytes of one that was not interrupted."""

    output: OutputFile
    output_format: OutputFormat
    existing: Existing

    def check_existing(self) -> None:
        """Refuse to overwrite an earlier result, unless the run was told to continue or to replace it."""
        if self.existing is Existing.REFUSE:
            if os.path.isfile(self.output.partial):
                with write_errors(self.output.path), only_writer(self.output.path):
                    pass  # an unfinished file that another run is writing is not to be continued or replaced
            self.output.refuse_to_overwrite()

    def classify(self, job: Job, inputs: RunInputs) -> None:
        """Classify the inputs and write the rows."""
        self.write(job, inputs.sources())

    def write(self, job: Job, sources: Iterator[Source]) -> None:
        """Classify inputs, given in order, and write the rows; see `Destination.classify`."""
        output = self.output
        check_columns(job.layout.columns, self.output_format)
        with write_errors(output.path):
            if output.is_special:
                with RecordFile(output.path) as stream:
                    write_result(job, sources, self.output_format, stream)
                return
            with only_writer(output.path):
                if self.existing is Existing.REFUSE:  # once more: another run may have ended since the start
                    output.refuse_to_overwrite()
                existing = find_rows(output, job.provenance) if self.existing is Existing.RESUME else None
                before = dict(job.counts.statuses)  # the shards of a folder count together
                if existing is None:
                    self._begin(job, sources)
                else:
                    self._continue(job, sources, existing)
                if self.output_format.is_typed:
                    self._convert(job)
                output.add_outcome(job.outcome(before))
                output.complete(converted=self.output_format.is_typed)

    def kept_rows(self) -> str:
        """Return where the rows of an interrupted run are, and how to continue it."""
        if self.output.is_special:
            return ""
        how = "" if self.output_format is OutputFormat.TABLE else ", --resume continues it"
        return f"{self.output.partial} keeps them{how}"

    def _begin(self, job: Job, sources: Iterator[Source]) -> None:
        """Write all rows anew; a run that is refused before its first row leaves nothing behind."""
        output, before = self.output, job.counts.total
        output.begin(job.provenance)
        try:
            with RecordFile(output.partial) as stream:
                write_result(job, sources, self.output_format, stream)
        except GalaxyClassifyError:
            if job.counts.total == before:
                output.discard()
            raise

    def _continue(self, job: Job, sources: Iterator[Source], existing: str) -> None:
        """Keep the rows that match the inputs, append the others, and try kept errors again."""
        output = self.output
        if self.output_format.is_typed and existing == output.path:
            kept, rest = self._restore_rows(job, sources)
            existing = output.retried
        else:
            text = self.output_format is OutputFormat.CSV
            kept, rest = keep_matching(
                self._rows(job, existing),
                sources,
                lambda row, source: is_row_of(row, source, text=text),
                lambda row, source: count_kept(job, row, source),
            )
            self._refuse_other_inputs(kept, existing)
        job.counts.kept += kept.count
        job.counts.changed |= kept.changed
        output.adopt(existing, job.provenance)
        if not kept.count:
            with RecordFile(output.partial) as stream:
                write_result(job, rest, self.output_format, stream)
            return
        if existing != output.retried:
            cut_behind(output.partial, kept, job, self.output_format)
        with RecordFile(output.partial, append=True) as stream:
            job.write_rows(rest, row_writer(job, self.output_format, stream))
        if kept.errors:
            self._retry_errors(job, kept)

    def _refuse_other_inputs(self, kept: KeptRows, existing: str) -> None:
        if kept.changed and not kept.count:
            raise other_inputs(
                existing,
                "none of its rows would be kept, its first input is not the first of these, or has other values in the "
                "catalogue",
            )

    def _restore_rows(self, job: Job, sources: Iterator[Source]) -> tuple[KeptRows, Iterator[Source]]:
        """Turn a complete file of typed columns into rows again, so that it can be continued.

        Paths and catalogue values are those of this run: a format may hold them as other text.
        """
        output = self.output

        def rows() -> Iterator[DoneRow]:
            with table_errors(output.path):
                table = open_table(output.path, typed=True, suffix=f".{self.output_format}")
                names = [column.name for column in table.columns]
                for values in table.rows():
                    yield DoneRow(*job.layout.parse(dict(zip(names, values, strict=True))), "")

        def keep(row: DoneRow, source: Source) -> None:
            row = replace(row, prediction=replace(row.prediction, path=source.path))
            writer.write(row.prediction, source.carried)
            count_kept(job, row, source)

        try:
            with RecordFile(output.retried) as stream:
                writer = row_writer(job, self.output_format, stream)
                stored = stored_text(self.output_format)
                kept, rest = keep_matching(
                    rows(), sources, lambda row, source: is_stored_row_of(row, source, stored), keep
                )
            self._refuse_other_inputs(kept, output.path)
        except GalaxyClassifyError:
            remove(output.retried)
            raise
        return kept, rest

    def _retry_errors(self, job: Job, kept: KeptRows) -> None:
        """Try the errors among the kept rows again, each in its place."""
        output = self.output
        retried = job.predictions(kept.errors)
        with RecordFile(output.retried) as stream:
            writer = row_writer(job, self.output_format, stream)
            writer.start()
            rows = self._rows(job, output.partial)
            for row in islice(rows, kept.count):
                if is_tried_again(row.prediction):
                    pair = next(retried, None)
                    if pair is None:
                        raise GalaxyClassifyError(f"{output.path}: an input that was tried again got no row")
                    source, prediction = pair
                    writer.write(prediction, source.carried)
                    job.count(source, prediction)
                else:
                    stream.write(row.text)
            for row in rows:
                stream.write(row.text)
        replace_whole(output.retried, output.partial)

    def _convert(self, job: Job) -> None:
        """Make the file of typed columns; if a library fails, the rows are kept, and nothing else."""
        output = self.output
        rows = (job.layout.row(row.prediction, row.carried) for row in self._rows(job, output.partial))
        try:
            write_typed(rows, output.converted, self.output_format, job.layout.columns, job.provenance)
        except BaseException as error:
            remove(output.converted)
            if not isinstance(error, Exception) or isinstance(error, (GalaxyClassifyError, OSError)):
                raise
            raise GalaxyClassifyError(
                f"{output.path}: cannot be written as {self.output_format}: {one_line(error)}; {output.partial} keeps "
                "the rows, as JSON Lines"
            ) from error

    def _rows(self, job: Job, path: str) -> Iterator[DoneRow]:
        return done_rows(path, self.output_format.rows, job.layout)


def count_kept(job: Job, row: DoneRow, source: Source) -> None:
    """Count a kept row, unless its input is tried again and counted then."""
    if not is_tried_again(row.prediction):
        job.count(source, row.prediction)


def cut_behind(path: str, kept: KeptRows, job: Job, output_format: OutputFormat) -> None:
    """Cut off what a file holds behind its header and the kept rows, such as a row that a killed process left torn."""
    header = io.StringIO()
    row_writer(job, output_format, header).start()
    os.truncate(path, len(header.getvalue().encode()) + kept.size)
