"""The command ``galaxy-classify``."""

from __future__ import annotations

import sys
import time
import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from galaxy_classify.about import show_card, show_models, show_self_test, show_version
from galaxy_classify.commandline import EXIT_INTERRUPTED, run
from galaxy_classify.defaults import AUTO, BATCH_SIZE, MAX_PIXELS, THRESHOLD
from galaxy_classify.discovery import Discovery
from galaxy_classify.errors import UsageError
from galaxy_classify.output import OutputFile
from galaxy_classify.progress import progress
from galaxy_classify.writers import OutputFormat, choose_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from galaxy_classify.classifier import GalaxyClassifier
    from galaxy_classify.job import Job

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
    ] = THRESHOLD,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Worker threads. Default: what this process may use.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Resize JPEGs with Pillow, bit for bit as in training: slower.")
    ] = False,
    provider: Annotated[
        str, typer.Option(metavar="NAME", help="Where the model runs: auto, cpu, cuda, openvino, coreml, …")
    ] = AUTO,
    batch_size: Annotated[int, typer.Option(min=1, help="Images that a worker classifies together.")] = BATCH_SIZE,
    max_pixels: Annotated[int, typer.Option(min=1, help="Refuse images with more pixels.")] = MAX_PIXELS,
    resume: Annotated[bool, typer.Option("--resume", help="Continue FILE where an interrupted run stopped.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary on stderr.")] = False,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Check decoding and inference on this machine; exit code 0 or 3.")
    ] = False,
    list_models: Annotated[
        bool, typer.Option("--list-models", help="Show the embedded models, the default first.")
    ] = False,
    model_card: Annotated[
        bool, typer.Option("--model-card", help="Show where the model comes from, how good it is, and its limits.")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the package's and the model's version.")] = False,
) -> None:
    """Classify galaxy images: one row for each input, in order, failures included."""
    if version:
        show_version(model)
        return
    if list_models:
        show_models()
        return
    if model_card:
        show_card(model)
        return
    if self_test:
        raise typer.Exit(show_self_test(model))
    if not inputs:
        raise UsageError("nothing to classify: name image files or folders, or - to read paths from standard input")
    chosen = choose_format(output_format, output, terminal=sys.stdout.isatty())
    target = prepare_output(output, chosen, resume=resume, force=force)

    from galaxy_classify.job import Job  # brings NumPy and Pillow along

    classifier = load_classifier(model, threads, max_pixels, exact=exact, provider=provider)
    discovery = Discovery()
    started = time.monotonic()
    rows_on_terminal = output is None and sys.stdout.isatty()
    # Standard input cannot be read twice.
    counted = None if "-" in inputs else Discovery().paths(inputs, ())
    with progress(enabled=not quiet and not rows_on_terminal, inputs=counted) as advance:
        job = Job(classifier, chosen, threshold, batch_size, advance)
        paths = discovery.paths(inputs, stdin_lines())
        try:
            if target is None:
                job.to_standard_output(paths)
            else:
                job.to_file(paths, target, resume=resume)
        except KeyboardInterrupt:
            typer.echo(f"interrupted after {job.tally.total:,} rows{what_is_kept(target, chosen)}", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if not quiet:
        report(job, discovery.skipped, time.monotonic() - started)
    raise typer.Exit(1 if job.tally.failed else 0)


def prepare_output(output: str | None, chosen: OutputFormat, *, resume: bool, force: bool) -> OutputFile | None:
    """Check the options that concern the result file, before anything is loaded or overwritten."""
    if resume and (force or output is None or chosen is OutputFormat.TABLE):
        raise UsageError("--resume continues a CSV or JSON Lines file: it needs --output, and goes without --force")
    if output is None:
        return None
    target = OutputFile(output)
    if not resume and not force and not target.is_special:
        target.refuse_to_overwrite()
    return target


def what_is_kept(target: OutputFile | None, chosen: OutputFormat) -> str:
    """Say where the rows of an interrupted run are, and how to go on."""
    if target is None or target.is_special:
        return ""
    return f"; {target.partial} keeps them" + ("" if chosen is OutputFormat.TABLE else ", --resume continues it")


def load_classifier(
    model: str | None, threads: int | None, max_pixels: int, *, exact: bool, provider: str
) -> GalaxyClassifier:
    """Load the model, in a process that belongs to the command and may be set up for it."""
    from PIL import Image

    from galaxy_classify.allocator import keep_freed_memory
    from galaxy_classify.classifier import GalaxyClassifier

    keep_freed_memory()
    # What Pillow warns of, a row says; and its own limit must not undercut the one that was asked for.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    Image.MAX_IMAGE_PIXELS = max(max_pixels, MAX_PIXELS)
    return GalaxyClassifier(model, threads, max_pixels, exact=exact, provider=provider)


def stdin_lines() -> Iterator[bytes]:
    """Yield the lines of standard input as they come; nothing is touched before the first one is asked for."""
    if sys.stdin is None:
        raise UsageError("- reads paths from standard input, but that is closed")
    yield from sys.stdin.buffer


def report(job: Job, skipped: int, seconds: float) -> None:
    """Say on stderr what was done and what was passed over; a table has said the first itself."""
    if job.output_format is not OutputFormat.TABLE:
        rate = (job.tally.total - job.kept) / seconds
        typer.echo(f"{job.tally.sentence()} ({seconds:.1f} s, {rate:,.0f} images/s)", err=True)
    if job.kept:
        typer.echo(f"kept: {job.kept:,} rows of the interrupted run, its errors tried again", err=True)
    if job.changed:
        typer.echo(
            "the inputs have changed since: of its rows, those from the first difference on were not kept", err=True
        )
    if skipped:
        files = "file" if skipped == 1 else "files"
        typer.echo(f"skipped: {skipped:,} {files} in folders without an image suffix", err=True)
    if not job.tally.total:
        typer.echo("no images found", err=True)


def main() -> None:
    """Run ``galaxy-classify``."""
    run(app)
