"""What the command does: check what it was asked for, put the parts together, run, and say what was done."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer

from galaxy_classify.allocator import keep_freed_memory
from galaxy_classify.band_files import BROAD_BANDS, BandPattern, existing_files, is_joined
from galaxy_classify.catalog import Catalog, open_catalog
from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.commandline import EXIT_INTERRUPTED, did_you_mean, require_extra
from galaxy_classify.defaults import MAX_PIXELS
from galaxy_classify.discovery import Discovery
from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.evaluation import Evaluation
from galaxy_classify.filenames import is_parquet_name
from galaxy_classify.fits_options import FitsOptions, parse_bands, parse_hdu
from galaxy_classify.job import Job, Observer
from galaxy_classify.layout import RowLayout
from galaxy_classify.options import Options
from galaxy_classify.output import OutputFile
from galaxy_classify.parquet_images import ParquetImages
from galaxy_classify.printable import printable
from galaxy_classify.progress import progress
from galaxy_classify.remote import is_remote, require_remote
from galaxy_classify.sampling import CAP
from galaxy_classify.shards import parse_shard
from galaxy_classify.shown_content import ShownContent
from galaxy_classify.sorting import Sorter
from galaxy_classify.source import Source
from galaxy_classify.typed_output import require_format
from galaxy_classify.watch import Watch
from galaxy_classify.writers import OutputFormat, choose_format

if TYPE_CHECKING:
    from PIL import Image

    from galaxy_classify.report import Report


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
        _check(options)
        self.options = options
        self.shard = None if options.shard is None else parse_shard(options.shard)
        self.output_path = self._output_path()
        self.format = choose_format(options.output_format, self.output_path, terminal=sys.stdout.isatty())
        require_format(self.format)
        if options.watch:
            require_extra("watch", ("watchfiles",))
        for url in filter(is_remote, options.inputs):
            require_remote(url)
        self.output = self._output()
        self._check_report()
        self.fits = FitsOptions(
            None if options.bands is None else parse_bands(options.bands),
            options.recipe,
            None if options.hdu is None else parse_hdu(options.hdu),
            options.fits_pattern,
        )
        self.discovery = self._discovery()
        self._check_parquet_inputs()

    def run(self) -> int:
        """Classify all inputs, and return the exit code."""
        options = self.options
        classifier = self._classifier()
        classes = classifier.model.description.classes
        if options.top_k > len(classes):
            raise UsageError(f"--top-k {options.top_k}: the model has {len(classes)} classes")
        self.catalog = self._catalog(RowLayout(classes, options.top_k))
        layout = RowLayout(
            classes, options.top_k, *((self.catalog.columns, self.catalog.first) if self.catalog else ())
        )
        self.evaluation = Evaluation(options.labels, classes) if options.labels else None
        self.sorter = Sorter(options.sort_into, link=options.link, files=self._files) if options.sort_into else None
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
            shard=None if self.shard is None else str(self.shard),
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
            self._say_what_was_done(seconds)
        if options.watch:
            return 0
        return 1 if self.job.tally.failed or (self.sorter is not None and self.sorter.failed) else 0

    def _discovery(self, *, counting: bool = False) -> Discovery:
        options = self.options
        return Discovery(
            options.recursive,
            None if options.fits_pattern is None else BandPattern(options.fits_pattern),
            containers=True,
            image_column=options.image_column,
            counting=counting,
        )

    def _check_parquet_inputs(self) -> None:
        """Check that they hold images; one that is damaged gets a row that says so."""
        for name in filter(is_parquet_name, self.options.inputs):
            try:
                ParquetImages(name, self.options.image_column)
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from None
            except ImageError:
                continue

    def _files(self, path: str) -> list[str]:
        """Return the files of an input: one, or one for each band."""
        if self.options.fits_pattern is None or not is_joined(path):
            return [path]
        return existing_files(path, self.fits.bands or BROAD_BANDS)

    def _output_path(self) -> str | None:
        """Return where the rows go: in a folder that the shards of a run share, each has a file of its own."""
        path = self.options.output
        if path is None or self.shard is None or not (path.endswith(os.sep) or os.path.isdir(path)):
            return path
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path}: cannot be made: {error.strerror}") from None
        return os.path.join(path, self.shard.file_name)

    def _output(self) -> OutputFile | None:
        if self.output_path is None:
            return None
        output = OutputFile(self.output_path, in_dataset=self.output_path != self.options.output)
        if output.is_special and (self.format.is_typed or self.options.watch):
            raise UsageError(f"{output.path}: is no regular file, which --watch and --format {self.format} need")
        if not (self.options.resume or self.options.force or output.is_special):
            output.refuse_to_overwrite()
        return output

    def _report(self, classes: Sequence[str]) -> Report | None:
        if self.options.report is None:
            return None
        from galaxy_classify.report import Report  # brings rich along

        return Report(classes, self.options.threshold)

    def _check_report(self) -> None:
        """Check that the page can be written, before hours go by."""
        page = self.options.report
        if page is None:
            return
        if not os.path.isdir(os.path.dirname(page) or os.curdir):
            raise UsageError(f"{page}: cannot be written: its folder is not there")
        if os.path.isfile(page) and not (self.options.resume or self.options.force):
            raise UsageError(f"{page}: exists already; --force replaces it, or choose another --report")

    def _classifier(self) -> GalaxyClassifier:
        """Load the model, in a process that belongs to the command and may be set up for it."""
        from PIL import Image

        options = self.options
        keep_freed_memory()
        # What Pillow and Astropy warn of, a row says; and Pillow's own limit must not undercut the one asked for.
        warnings.filterwarnings("ignore", module=r"(PIL|astropy)\.")
        Image.MAX_IMAGE_PIXELS = max(options.max_pixels, MAX_PIXELS)
        return GalaxyClassifier(
            options.model,
            options.threads,
            options.max_pixels,
            exact=options.exact,
            provider=options.provider,
            crop=options.crop,
            fits=self.fits,
        )

    def _catalog(self, layout: RowLayout) -> Catalog | None:
        options = self.options
        if options.catalog is None:
            return None
        return open_catalog(
            options.catalog,
            path_column=options.path_column,
            id_column=options.id_column,
            root=options.inputs[0] if options.inputs else None,
            reserved=layout.names,
            # CSV carries the text of a CSV file as it is; all other formats tell numbers from text.
            typed=self.format not in (OutputFormat.CSV, OutputFormat.TABLE),
            image_column=options.image_column,
        )

    def _sources(self, discovery: Discovery) -> Iterator[Source]:
        """Yield the inputs, or those of them that belong to the shard."""
        return (source for source in self._all_sources(discovery) if self.shard is None or self.shard.holds(source))

    def _all_sources(self, discovery: Discovery) -> Iterator[Source]:
        options = self.options
        if self.catalog is not None:
            yield from self.catalog.sources()
            return
        if options.from_file is not None:
            with open(options.from_file, "rb") as lines:
                yield from discovery.listed(lines)
        yield from discovery.sources(options.inputs, stdin_lines())

    def _classify_all(self) -> None:
        options = self.options
        rows_on_terminal = self.output is None and sys.stdout.isatty()
        counted: Iterable[object] | None = None
        if self.catalog is not None and self.shard is None:
            counted = range(len(self.catalog))
        elif "-" not in options.inputs:  # standard input cannot be read twice
            counted = self._sources(self._discovery(counting=True))
        with progress(enabled=not options.quiet and not rows_on_terminal, inputs=counted) as advance:
            self.job.observers = [*self.job.observers, lambda source, prediction: advance()]
            sources = self._sources(self.discovery)
            if self.output is None:
                self.job.to_standard_output(sources)
            else:
                self.job.to_file(sources, self.output, resume=options.resume, evaluate=self._figures)

    def _watch(self) -> None:
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
        if self.output is None or self.output.is_special:
            return ""
        how = "" if self.format is OutputFormat.TABLE else ", --resume continues it"
        return f"; {self.output.partial} keeps them{how}"

    def _say_what_was_done(self, seconds: float) -> None:
        """Say on stderr what was done and what was passed over; a table has said the first itself."""
        job = self.job
        if self.format is not OutputFormat.TABLE:
            rate = (job.tally.total - job.kept) / seconds
            speed = "" if self.options.watch else f" ({seconds:.1f} s, {rate:,.0f} images/s)"
            typer.echo(job.tally.sentence() + speed, err=True)
        if job.kept:
            tried = "" if self.options.watch else ", its errors tried again"
            typer.echo(f"kept: {job.kept:,} rows of the interrupted run{tried}", err=True)
        if job.changed:
            typer.echo(
                "the inputs have changed since: of its rows, those from the first difference on were not kept", err=True
            )
        if skipped := self.discovery.skipped:
            files = "file" if skipped == 1 else "files"
            typer.echo(f"skipped: {skipped:,} {files} in folders or archives without an image suffix", err=True)
        if empty := self.discovery.empty:
            typer.echo(f"without an image: {empty:,} archive{'' if empty == 1 else 's'}", err=True)
        if not job.tally.total:
            typer.echo("no images found", err=True)
        for name in self.options.inputs:
            if name != "-" and not os.path.lexists(name) and (hint := _meant(name)):
                typer.echo(f"{printable(name)}: no such file or folder, {hint}", err=True)
        if self.sorter is not None:
            typer.echo(self.sorter.sentence(), err=True)
        if self.evaluation is not None:
            for line in (self.evaluation.sentence(), *self.evaluation.table(), *self.evaluation.notes()):
                typer.echo(line, err=True)


def _check(options: Options) -> None:
    """Check that the options go together, before anything is loaded or overwritten."""
    for name in ("top_k", "threads", "batch_size", "max_pixels"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} is {value}, it must be at least 1")
    if not 0.0 <= options.threshold <= 1.0:
        raise UsageError(f"--threshold is {options.threshold}, it must be between 0 and 1")
    if not options.inputs and options.from_file is None and options.catalog is None:
        raise UsageError("nothing to classify: name image files or folders, or - to read paths from standard input")
    if options.catalog is not None and (
        options.from_file is not None
        or len(options.inputs) > 1
        or not all(os.path.isdir(name) or is_remote(name) for name in options.inputs)
    ):
        raise UsageError("--catalog lists the inputs: beside it, at most a folder that its paths start from is named")
    if options.catalog is None and options.id_column is not None:
        raise UsageError("--id-column names a column of a --catalog")
    if options.image_column is not None:
        _check_image_column(options)
    if options.from_file is not None and not os.path.isfile(options.from_file):
        raise UsageError(f"{options.from_file}: no such file; --from-file names a list of paths, one a line")
    table = options.output_format is OutputFormat.TABLE
    if options.resume and (options.force or options.output is None or table):
        raise UsageError("--resume continues a result file, but no table: it needs --output, and goes without --force")
    if options.link and options.sort_into is None:
        raise UsageError("--link says how --sort-into sorts: name a folder with that")
    if options.sort_into is not None:
        for folder in filter(os.path.isdir, options.inputs):
            if _is_below(options.sort_into, folder):
                raise UsageError(f"{options.sort_into}: lies in {folder}, whose images it is to sort; choose another")
    if options.watch:
        _check_watch(options)


def _check_image_column(options: Options) -> None:
    if options.catalog is not None and options.inputs:
        raise UsageError("--image-column says that the images are in the --catalog: no folder is named beside it")
    listed = options.from_file is not None or "-" in options.inputs
    if options.catalog is None and not listed and not any(map(is_parquet_name, options.inputs)):
        raise UsageError("--image-column names a column of a Parquet file: name one as INPUT or --catalog")


def _check_watch(options: Options) -> None:
    if options.catalog is not None or options.from_file is not None or not all(map(os.path.isdir, options.inputs)):
        raise UsageError("--watch watches local folders: name nothing else")
    if options.shard is not None:
        raise UsageError("--watch sees files as they come: it cannot share them among shards")
    if options.fits_pattern is not None:
        raise UsageError("--watch looks at each file alone: it cannot wait for those of all bands (--fits-pattern)")
    if options.output is not None and choose_format(options.output_format, options.output, terminal=False) not in (
        OutputFormat.CSV,
        OutputFormat.JSONL,
    ):
        raise UsageError("--watch adds rows to a file as they come: that must be CSV or JSON Lines")


def _meant(name: str) -> str:
    """Return a question about a file or folder that is spelled much like one that is not there, or nothing."""
    folder, wanted = os.path.split(name)
    with suppress(OSError):
        return did_you_mean(wanted, os.listdir(folder or os.curdir)).strip()
    return ""


def _is_below(path: str, folder: str) -> bool:
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([path, folder]) == folder


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and SIGINT set, so that what is being done can be finished."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stdin_lines() -> Iterator[bytes]:
    """Yield the lines of standard input as they come; nothing is touched before the first one is asked for."""
    if sys.stdin is None:
        raise UsageError("- reads paths from standard input, but that is closed")
    yield from sys.stdin.buffer
