"""What the command does: check what it was asked for, put the parts together, run, and say what was done.

What few runs need is imported where it is needed: every start would pay for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.cli.checks import check_options
from galaxy_classify.cli.inputs import Inputs
from galaxy_classify.cli.options import Options
from galaxy_classify.cli.progress import progress
from galaxy_classify.cli.runner import EXIT_INTERRUPTED
from galaxy_classify.cli.summary import what_was_done, what_was_passed_over
from galaxy_classify.errors import UsageError
from galaxy_classify.extras import require_extra
from galaxy_classify.process import prepare_process
from galaxy_classify.report.pictures import ShownContent
from galaxy_classify.report.sample import CAP
from galaxy_classify.results.formats import OutputFormat, choose_format, require_format
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.runs.job import Job, Observer
from galaxy_classify.runs.shard_folder import ShardFolder
from galaxy_classify.runs.shards import is_shard_folder

if TYPE_CHECKING:
    from PIL import Image

    from galaxy_classify.dask.part_folder import PartFolder
    from galaxy_classify.report.report import Report
    from galaxy_classify.runs.labels import Evaluation
    from galaxy_classify.runs.sorting import Sorter


class Command:
    """One run of ``galaxy-classify``.

    Parameters
    ----------
    options : Options
        What it was asked to do.

    Raises
    ------
    UsageError
        If that makes no sense.
    """

    def __init__(self, options: Options) -> None:
        check_options(options)
        self.options = options
        self.inputs = Inputs(options)
        if options.dask is not None:
            require_extra("dask", ("dask", "distributed", "pyarrow"))
        if options.watch:
            require_extra("watch", ("watchfiles",))
        self.parts = self._parts() if options.dask is not None else None
        self.shards = self._shards()
        self.output = None
        if self.parts is not None or self.shards is not None:
            self.format = OutputFormat.PARQUET
        else:
            self.format = choose_format(options.output_format, options.output, terminal=sys.stdout.isatty())
            self.output = self._output()
        destination = self.parts or self.shards or self.output
        if destination is not None and not (options.resume or options.force):
            destination.refuse_to_overwrite()
        require_format(self.format)

    def run(self) -> int:
        """Classify all inputs, and return the exit code."""
        options = self.options
        classifier = self._classifier()
        classes = classifier.model.description.classes
        if options.top_k > len(classes):
            raise UsageError(f"--top-k {options.top_k}: the model has {len(classes)} classes")
        text = self.format in (OutputFormat.CSV, OutputFormat.TABLE)
        layout = self.inputs.open_catalog(RowLayout(classes, options.top_k), typed=not text)
        self.evaluation = self._evaluation(classes)
        self.sorter = self._sorter()
        report = self._report(classes)
        self.shown = ShownContent(CAP)
        observers: list[Observer] = [part.see for part in (self.evaluation, self.sorter) if part is not None]
        if report is not None:
            observers += [lambda source, prediction: report.add(prediction), self.shown.see]
        self.job = Job(
            classifier,
            self.format,
            layout,
            options.threshold,
            options.batch_size,
            observers,
            shard=None if self.inputs.shards is None else str(self.inputs.shards),
            image_column=options.image_column,
        )
        started = time.monotonic()
        try:
            if options.watch:
                self._watch()
            else:
                self._classify_all()
            seconds = time.monotonic() - started
            if report is not None:
                self._write_report(report)
        except KeyboardInterrupt:
            typer.echo(f"interrupted after {self.job.tally.total:,} rows{self._what_is_kept()}", err=True)
            return EXIT_INTERRUPTED
        if not options.quiet:
            self._say_what_was_done(None if options.watch else seconds)
        if options.watch:
            return 0
        return 1 if self.job.tally.failed or (self.sorter is not None and self.sorter.failed) else 0

    def _evaluation(self, classes: Sequence[str]) -> Evaluation | None:
        if not self.options.labels:
            return None
        from galaxy_classify.runs.labels import Evaluation

        return Evaluation(self.options.labels, classes)

    def _sorter(self) -> Sorter | None:
        if not self.options.sort_into:
            return None
        from galaxy_classify.runs.sorting import Sorter

        return Sorter(self.options.sort_into, link=self.options.link, files=self.inputs.files)

    def _parts(self) -> PartFolder:
        from galaxy_classify.dask.part_folder import PartFolder

        return PartFolder(str(self.options.output))

    def _shards(self) -> ShardFolder | None:
        path, wanted = self.options.output, self.inputs.shards
        if path is None or wanted is None or not is_shard_folder(path, wanted):
            return None
        return ShardFolder(path, wanted)

    def _output(self) -> OutputFile | None:
        if self.options.output is None:
            return None
        output = OutputFile(self.options.output)
        if output.is_special and (self.format.is_typed or self.options.watch):
            raise UsageError(f"{output.path}: is no regular file, which --watch and --format {self.format} need")
        return output

    def _report(self, classes: Sequence[str]) -> Report | None:
        if self.options.report is None:
            return None
        from galaxy_classify.report.report import Report

        return Report(classes, self.options.threshold)

    def _classifier(self) -> GalaxyClassifier:
        """Load the model, in a process that belongs to the command and may be set up for it."""
        options = self.options
        prepare_process(options.max_pixels)
        return GalaxyClassifier(
            options.model,
            options.threads,
            options.max_pixels,
            exact=options.exact,
            provider=options.provider,
            crop=options.crop,
            fits=options.fits,
        )

    def _classify_all(self) -> None:
        options = self.options
        rows_on_terminal = options.output is None and sys.stdout.isatty()
        enabled = not options.quiet and not rows_on_terminal
        with progress(enabled=enabled, inputs=self.inputs.to_count() if enabled else None) as advance:
            self.job.observers = [*self.job.observers, lambda source, prediction: advance()]
            if self.parts is not None:
                from galaxy_classify.dask.run import DaskRun

                run = DaskRun(self.job, self.parts, str(options.dask), options.threads, options.partition_size)
                run.classify(self.inputs.sources(), resume=options.resume, evaluate=self._figures)
            elif self.shards is not None:
                by_shard = self.inputs.by_shard(self.shards.shards)
                self.shards.classify(self.job, by_shard, resume=options.resume, evaluate=self._figures)
            elif self.output is None:
                self.job.to_standard_output(self.inputs.sources())
            else:
                self.job.to_file(self.inputs.sources(), self.output, resume=options.resume, evaluate=self._figures)

    def _watch(self) -> None:
        from galaxy_classify.runs.watch import Watch, stopped_by_signals

        options = self.options
        with stopped_by_signals() as stop:
            watch = Watch(self.job, options.inputs, options.recursive, stop)
            if not options.quiet:
                typer.echo(f"watching {', '.join(options.inputs)}; Ctrl-C or SIGTERM stops", err=True)
            if self.output is None:
                watch.to_standard_output()
            else:
                watch.to_file(self.output, resume=options.resume, evaluate=self._figures)

    def _write_report(self, report: Report) -> None:
        with progress(enabled=not self.options.quiet) as advance:
            report.write(
                str(self.options.report),
                provenance=self.job.provenance,
                picture=self._picture,
                threads=self.job.classifier.threads,
                evaluation=self._figures(),
                advance=advance,
            )

    def _picture(self, path: str) -> Image.Image:
        content = self.shown.read(path)
        return self.job.classifier.picture(path if content is None else (path, content))

    def _figures(self) -> dict[str, Any] | None:
        return None if self.evaluation is None else self.evaluation.figures()

    def _what_is_kept(self) -> str:
        """Say where the rows of an interrupted run are, and how to go on."""
        folder = self.parts or self.shards
        if folder is not None:
            return f"; {folder.path} keeps them, --resume continues it"
        if self.output is None or self.output.is_special:
            return ""
        how = "" if self.format is OutputFormat.TABLE else ", --resume continues it"
        return f"; {self.output.partial} keeps them{how}"

    def _say_what_was_done(self, seconds: float | None) -> None:
        lines = [*what_was_done(self.job, seconds)]
        lines += what_was_passed_over(self.inputs.discovery, self.options.inputs)
        if not self.job.tally.total:
            lines.append("no images found")
        if self.sorter is not None:
            lines.append(self.sorter.sentence())
        if self.evaluation is not None:
            lines += [self.evaluation.sentence(), *self.evaluation.table(), *self.evaluation.notes()]
        for line in lines:
            typer.echo(line, err=True)
