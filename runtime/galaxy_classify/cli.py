"""The command ``galaxy-classify``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from galaxy_classify import __version__
from galaxy_classify.commandline import EXIT_INTERRUPTED, run
from galaxy_classify.discovery import Discovery
from galaxy_classify.embedded import find_model
from galaxy_classify.errors import UsageError
from galaxy_classify.progress import progress
from galaxy_classify.tally import Tally
from galaxy_classify.writers import CsvWriter, JsonlWriter, OutputFormat, Writer, choose_format, open_output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from galaxy_classify.classifier import GalaxyClassifier

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.command(
    epilog="Exit codes: 0 all classified, 1 some inputs failed (the others are done), 2 usage, "
    "3 model unusable, 130 interrupted.",
)
def classify(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT...", help="Image files, folders (searched recursively), - for paths on stdin."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to FILE instead of standard output.")
    ] = None,
    output_format: Annotated[
        OutputFormat | None,
        typer.Option("--format", "-f", help="Default: by FILE's suffix; a table on a terminal, CSV in a pipe."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME_OR_FILE", envvar="GALAXY_MODEL", help="Embedded model or ONNX file."
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Confidence below which a row is marked uncertain.")
    ] = 0.5,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Worker threads. Default: what this process may use.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images that a worker classifies together.")] = 64,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary on stderr.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the package's and the model's version.")] = False,
) -> None:
    """Classify galaxy images: one row for each input, in order, failures included."""
    if version:
        show_version(model)
        return
    if not inputs:
        raise UsageError("nothing to classify: name image files or folders, or - to read paths from standard input")
    chosen = choose_format(output_format, output, terminal=sys.stdout.isatty())

    from galaxy_classify.classifier import GalaxyClassifier  # brings NumPy and ONNX Runtime along

    classifier = GalaxyClassifier(model, threads)
    discovery = Discovery()
    tally = Tally()
    started = time.monotonic()
    rows_on_terminal = output is None and sys.stdout.isatty()
    try:
        with open_output(output) as stream, progress(enabled=not quiet and not rows_on_terminal) as advance:
            writer = make_writer(chosen, stream, classifier)
            paths = discovery.paths(inputs, stdin_lines())
            for prediction in classifier.classify(paths, threshold=threshold, batch_size=batch_size):
                writer.write(prediction)
                tally.add(prediction)
                advance()
            writer.finish()
    except KeyboardInterrupt:
        kept = f"; they are in {output}.partial" if output else ""
        typer.echo(f"interrupted after {tally.total:,} rows{kept}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if not quiet:
        report(tally, discovery, time.monotonic() - started, sentence=chosen is not OutputFormat.TABLE)
    raise typer.Exit(1 if tally.failed else 0)


def stdin_lines() -> Iterator[bytes]:
    """Yield the lines of standard input as they come; nothing is touched before the first one is asked for."""
    if sys.stdin is None:
        raise UsageError("- reads paths from standard input, but that is closed")
    yield from sys.stdin.buffer


def make_writer(chosen: OutputFormat, stream: TextIO, classifier: GalaxyClassifier) -> Writer:
    """Return the writer of a format."""
    classes = classifier.model.description.classes
    if chosen is OutputFormat.CSV:
        return CsvWriter(stream, classes)
    if chosen is OutputFormat.JSONL:
        return JsonlWriter(stream, classes)
    from galaxy_classify.table import TableWriter  # brings rich along

    return TableWriter(stream, classes, classifier.model.identity)


def report(tally: Tally, discovery: Discovery, seconds: float, *, sentence: bool) -> None:
    """Say on stderr what was done and what was passed over; a table has said the first itself."""
    if sentence:
        typer.echo(f"{tally.sentence()} ({seconds:.1f} s, {tally.total / seconds:,.0f} images/s)", err=True)
    if discovery.skipped:
        files = "file" if discovery.skipped == 1 else "files"
        typer.echo(f"skipped: {discovery.skipped:,} {files} in folders without an image suffix", err=True)
    if not tally.total:
        typer.echo("no images found", err=True)


def show_version(model: str | None) -> None:
    """Print the package's version, the model's name and the SHA-256 of its file."""
    source = find_model(model)
    name, sha256 = source.name, source.sha256
    if name is None or sha256 is None:
        from galaxy_classify.model import OnnxModel  # a file of the user's must be read to be named

        loaded = OnnxModel(source)
        name, sha256 = loaded.description.name, loaded.sha256
    typer.echo(f"galaxy-classify {__version__}")
    typer.echo(f"model {name}")
    typer.echo(f"sha256 {sha256}")


def main() -> None:
    """Run ``galaxy-classify``."""
    run(app)
