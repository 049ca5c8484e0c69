"""One run of the command: check the options, build the parts, classify, summarise.

Rarely used features are imported where they are used, to keep start-up fast.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.cli.checks import check_options
from galaxy_classify.cli.destination import choose_destination, existing
from galaxy_classify.cli.inputs import Inputs
from galaxy_classify.cli.options import ESTIMATE, Options
from galaxy_classify.cli.progress import progress
from galaxy_classify.cli.summary import run_summary, skipped_inputs
from galaxy_classify.errors import EXIT_FAILURES, EXIT_INTERRUPTED, UsageError
from galaxy_classify.probabilities.run_mix import FEW_IN_RUN
from galaxy_classify.probabilities.thresholds import thresholds_of
from galaxy_classify.process import prepare_process
from galaxy_classify.report.pictures import SampledImages
from galaxy_classify.report.sample import CAP
from galaxy_classify.results.formats import OutputFormat, ProvenanceIn, require_format
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.runs.job import Job, Observer
from galaxy_classify.text import printable

if TYPE_CHECKING:
    from PIL import Image

    from galaxy_classify.report.feed import ReportFeed
    from galaxy_classify.report.report import Report
    from galaxy_classify.runs.embeddings.recorder import EmbeddingRecorder
    from galaxy_classify.runs.labels import Evaluation
    from galaxy_classify.runs.seen import SeenPictures
    from galaxy_classify.runs.sorting import Sorter


class Command:
    """One run of ``galaxy-classify``.

    Raises
    ------
    UsageError
        If the options make no sense.
    """

    def __init__(self, options: Options) -> None:
        check_options(options)
        self.options = options
        self.inputs = Inputs(options)
        self.destination = choose_destination(options, self.inputs.shards)
        self.destination.check_existing()  # before the model is loaded; once more when the destination is locked
        require_format(self.destination.output_format)

    def run(self) -> int:
        """Classify all inputs, and return the exit code."""
        self._build()
        started = time.monotonic()
        try:
            self._classify()
            seconds = time.monotonic() - started
            self.mix = self.job.class_mix()
            if self.report is not None:
                self._write_report(self.report)
        except KeyboardInterrupt:
            where = self.destination.kept_rows()
            print(f"interrupted after {self.job.counts.total:,} rows{where and f'; {where}'}", file=sys.stderr)
            return EXIT_INTERRUPTED
        if not self.options.quiet:
            self._print_summary(None if self.options.watch else seconds)
        if self.options.watch:
            return 0
        if self.options.fail_if_empty and not self.job.counts.total:
            raise UsageError("no images found, which --fail-if-empty takes for a mistake")
        failed = self.job.counts.failed or any(
            part.failed for part in (self.sorter, self.seen, self.embeddings) if part
        )
        return EXIT_FAILURES if failed else 0

    def _build(self) -> None:
        """Load the model and put the parts of the run together."""
        options = self.options
        classifier = self._classifier(self._named_prior())
        classes = classifier.model.description.classes
        if options.top_k > len(classes):
            raise UsageError(f"--top-k {options.top_k}: the model has {len(classes)} classes")
        thresholds_of(options.threshold, classes)  # before --force removes an earlier result
        text = self.destination.output_format in (OutputFormat.CSV, OutputFormat.TABLE)
        layout = RowLayout.of(classifier, options.top_k)
        layout = self.inputs.open_catalog(layout, typed=not text)
        if options.prior == ESTIMATE:
            classifier = self._classifier(self._estimated_prior(classifier))
        self.evaluation = self._evaluation(classes)
        self.sorter = self._sorter(classifier)
        self.seen = self._seen(classifier)
        self.embeddings = self._embeddings(classifier)
        self.report = report = self._report(classifier)
        self.shown = SampledImages(CAP)
        parts = (self.evaluation, self.sorter, self.seen, self.embeddings)
        observers: list[Observer] = [part.see for part in parts if part is not None]
        if report is not None:
            observers.append(self._report_feed(report, layout).see)
        self.job = Job(
            classifier,
            layout,
            options.threshold,
            options.batch_size,
            observers,
            shard=None if self.inputs.shards is None else str(self.inputs.shards),
            image_column=options.image_column,
            provenance_in_rows=self._provenance_in_rows(),
            evaluate=lambda: None if self.evaluation is None else self.evaluation.metrics(),
            mix=classifier.mix_collector() if classifier.has_held_out else None,
            seen=None if self.seen is None else self.seen.save,
            embedded=None if self.embeddings is None else self.embeddings.take,
        )

    def _classifier(self, prior: str | Mapping[str, float] | None) -> GalaxyClassifier:
        """Load the model, in a process that belongs to the command and may be set up for it."""
        options = self.options
        prepare_process(options.max_pixels)
        return GalaxyClassifier(
            options.model,
            options.threads,
            options.max_pixels,
            exact=options.exact,
            decoder=options.decoder,
            provider=options.provider,
            crop=options.crop,
            fits=options.fits,
            min_familiarity=options.min_familiarity,
            prior=prior,
            sets=options.sets,
            coarse=options.coarse,
        )

    def _named_prior(self) -> str | Mapping[str, float] | None:
        if self.options.prior is None:
            return None
        from galaxy_classify.cli.run_options.prior import named_prior

        return named_prior(self.options.prior)

    def _estimated_prior(self, classifier: GalaxyClassifier) -> str | Mapping[str, float]:
        from galaxy_classify.cli.run_options.prior import (
            continued_prior,
            estimated_prior,
            tell_continued,
            tell_estimate,
        )

        if (continued := continued_prior(self.options)) is not None:
            if not self.options.quiet:
                tell_continued(continued)
            return continued
        with progress(enabled=self._shows_progress) as advance:
            mix, prior = estimated_prior(classifier, self.inputs.all_shards, advance)
        if not self.options.quiet:
            tell_estimate(mix)
        return prior

    def _provenance_in_rows(self) -> bool:
        asked, output = self.options.provenance, self.options.output
        if asked is None:
            return output is None or OutputFile(output).is_special  # these have no sidecar
        if self.destination.output_format is not OutputFormat.JSONL:
            raise UsageError("--provenance is about the rows of JSON Lines: it goes with --format jsonl")
        return asked is ProvenanceIn.ROW

    def _evaluation(self, classes: Sequence[str]) -> Evaluation | None:
        if not self.options.labels:
            return None
        from galaxy_classify.runs.labels import Evaluation

        return Evaluation(self.options.labels, classes)

    def _sorter(self, classifier: GalaxyClassifier) -> Sorter | None:
        if not self.options.sort_into:
            return None
        from galaxy_classify.runs.sorting import Sorter, check_unfamiliar_folder

        if classifier.min_familiarity:
            check_unfamiliar_folder(classifier.model.description.classes)
        return Sorter(self.options.sort_into, link=self.options.link, files=self.inputs.files)

    def _seen(self, classifier: GalaxyClassifier) -> SeenPictures | None:
        if not self.options.save_seen:
            return None
        from galaxy_classify.runs.seen import SeenPictures

        return SeenPictures(self.options.save_seen, classifier.seen)

    def _embeddings(self, classifier: GalaxyClassifier) -> EmbeddingRecorder | None:
        path, output = self.options.embeddings, self.options.output
        if path is None:
            return None
        from galaxy_classify.runs.embeddings.recorder import EmbeddingRecorder

        resumable = output is not None and not OutputFile(output).is_special
        return EmbeddingRecorder(path, existing(self.options), classifier, resumable=resumable)

    def _report(self, classifier: GalaxyClassifier) -> Report | None:
        if self.options.report is None:
            return None
        from galaxy_classify.report.report import Report

        return Report(classifier.model.description.classes, self.options.threshold, classifier.min_familiarity)

    def _report_feed(self, report: Report, layout: RowLayout) -> ReportFeed:
        from galaxy_classify.report.feed import ReportFeed

        label_of = (lambda source: None) if self.evaluation is None else self.evaluation.label_of
        return ReportFeed(report, self.shown, label_of, layout.carried)

    def _classify(self) -> None:
        options = self.options
        rows_on_terminal = options.output is None and sys.stdout.isatty()
        enabled = self._shows_progress and not (options.watch or rows_on_terminal)
        with progress(enabled=enabled, total=self.inputs.total) as advance:
            self.job.observers = [*self.job.observers, lambda source, prediction: advance()]
            if self.embeddings is None:
                self.destination.classify(self.job, self.inputs)
                return
            with self.embeddings.recording(self.job.provenance):
                self.destination.classify(self.job, self.embeddings.numbered(self.inputs))

    @property
    def _shows_progress(self) -> bool:
        return not (self.options.quiet or self.options.no_progress)

    def _write_report(self, report: Report) -> None:
        classifier = self.job.classifier
        has_map = classifier.model.embedding_size is not None
        with progress(enabled=self._shows_progress) as advance:
            report.write(
                str(self.options.report),
                provenance=self.job.provenance,
                picture=self._picture,
                seen=classifier.resized,
                embed=(lambda seen: classifier.embed(seen)[0]) if has_map else None,
                threads=classifier.threads,
                evaluation=self.job.evaluate(),
                mix=None if self.mix is None else self.mix.to_dict(),
                advance=advance,
            )

    def _picture(self, path: str) -> Image.Image:
        content = self.shown.read(path)
        return self.job.classifier.picture(path if content is None else (path, content))

    def _print_summary(self, seconds: float | None) -> None:
        in_table = self.destination.output_format is OutputFormat.TABLE
        lines = [*run_summary(self.job.counts, seconds, in_table=in_table)]
        lines += skipped_inputs(self.inputs.discovery, self.options.inputs)
        if not self.job.counts.total:
            lines.append("no images found")
        if self.sorter is not None:
            lines.append(self.sorter.summary())
        if self.seen is not None:
            lines.append(self.seen.summary())
        if self.embeddings is not None:
            lines.append(self.embeddings.summary())
        if self.mix is not None and self.mix.galaxies >= FEW_IN_RUN:
            lines += [self.mix.summary(), *self.mix.notes]
        if self.evaluation is not None:
            lines += [self.evaluation.summary(), *self.evaluation.table(), *self.evaluation.notes()]
        for line in lines:
            print(printable(line), file=sys.stderr)
