"""The command ``galaxy-classify``: its options."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, Final

import typer

from galaxy_classify.cli.about import show_card, show_models, show_self_test, show_shards, show_version
from galaxy_classify.cli.options import Options
from galaxy_classify.cli.runner import run
from galaxy_classify.defaults import AUTO, BATCH_SIZE, MAX_PIXELS, PARTITION_SIZE, PATH_COLUMN, THRESHOLD
from galaxy_classify.inference.embedded import embedded_models
from galaxy_classify.results.formats import OutputFormat

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")


INPUT: Final = "Input"


FITS: Final = "FITS"


OUTPUT: Final = "Output"


MODEL: Final = "Model and machine"


CLUSTER: Final = "Cluster"


ABOUT: Final = "About"


#: Options of these groups, and these options, are shown by --help-all only: the others fill a screen.
SELDOM_GROUPS: Final = (FITS, CLUSTER)


SELDOM: Final = ("max_pixels", "batch_size", "provider", "exact", "show_completion")


#: What the help shows as the value of an option that takes none.
FLAG: Final = " "


@app.command(
    epilog="Exit codes: 0 all classified, 1 some inputs failed (the others are done), 2 usage, "
    "3 model unusable, 130 interrupted.",
)
def classify(
    context: typer.Context,
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT...", hidden=True)] = None,
    from_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Paths from a list, one a line.", rich_help_panel=INPUT)
    ] = None,
    no_recursive: Annotated[
        bool,
        typer.Option("--no-recursive", metavar=FLAG, help="Leave folders within folders out.", rich_help_panel=INPUT),
    ] = False,
    catalog: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="Paths from a CSV, Parquet or FITS table.", rich_help_panel=INPUT),
    ] = None,
    path_column: Annotated[
        str, typer.Option(metavar="NAME", help="Its column of paths.", rich_help_panel=INPUT)
    ] = PATH_COLUMN,
    id_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Its column that comes first in the result.", rich_help_panel=INPUT),
    ] = None,
    image_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="A Parquet file's column of images.", rich_help_panel=INPUT)
    ] = None,
    crop: Annotated[
        float | None,
        typer.Option(metavar="FRACTION", help="Part of the shorter edge that is looked at.", rich_help_panel=INPUT),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", metavar=FLAG, help="Go on with files that come into the folders.", rich_help_panel=INPUT
        ),
    ] = False,
    max_pixels: Annotated[
        int, typer.Option(metavar="N", help="Refuse images with more pixels.", rich_help_panel=INPUT)
    ] = MAX_PIXELS,
    bands: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Planes in order, as in grz.", rich_help_panel=FITS)
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="Colours: galaxy-zoo-decals, lupton.", rich_help_panel=FITS)
    ] = None,
    hdu: Annotated[
        str | None, typer.Option(metavar="HDU", help="Number or name of the image's HDU.", rich_help_panel=FITS)
    ] = None,
    fits_pattern: Annotated[
        str | None, typer.Option(metavar="NAME", help='A file a band: "{id}-{band}.fits".', rich_help_panel=FITS)
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, not to stdout.", rich_help_panel=OUTPUT),
    ] = None,
    output_format: Annotated[
        OutputFormat | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help="Default: by suffix; on a terminal a table.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(metavar="P", help="Below this confidence: uncertain.", rich_help_panel=OUTPUT),
    ] = THRESHOLD,
    top_k: Annotated[
        int, typer.Option(metavar="K", help="Name the K most probable classes.", rich_help_panel=OUTPUT)
    ] = 1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", metavar=FLAG, help="Continue FILE where an interrupted run stopped.", rich_help_panel=OUTPUT
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", metavar=FLAG, help="Replace FILE if it exists.", rich_help_panel=OUTPUT)
    ] = False,
    report: Annotated[
        str | None,
        typer.Option(metavar="HTML", help="Write a page with pictures and a summary.", rich_help_panel=OUTPUT),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="CSV", help="Compare with labels (file,label).", rich_help_panel=OUTPUT)
    ] = None,
    sort_into: Annotated[
        str | None, typer.Option(metavar="DIR", help="Copy images into class folders.", rich_help_panel=OUTPUT)
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", metavar=FLAG, help="Link them instead.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", metavar=FLAG, help="No progress, no summary on stderr.", rich_help_panel=OUTPUT),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            envvar="GALAXY_MODEL",
            help="Embedded, or ONNX file.",
            autocompletion=lambda: list(embedded_models()),
            rich_help_panel=MODEL,
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", metavar=FLAG, help="JPEGs bit for bit as in training: slower.", rich_help_panel=MODEL),
    ] = False,
    provider: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="auto, cpu, cuda, openvino, coreml, …", show_default=False, rich_help_panel=MODEL
        ),
    ] = AUTO,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Default: what this process may use.", rich_help_panel=MODEL)
    ] = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", help="Images a worker takes at once.", rich_help_panel=MODEL)
    ] = BATCH_SIZE,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Classify the I-th of N parts of the inputs (I-J/N: several).", rich_help_panel=CLUSTER
        ),
    ] = None,
    check_shards: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Check that all parts are there: code 0 or 1.", rich_help_panel=CLUSTER),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask: local, or tcp://HOST:PORT.", rich_help_panel=CLUSTER),
    ] = None,
    partition_size: Annotated[
        int, typer.Option(metavar="N", help="Inputs that a Dask worker gets at once.", rich_help_panel=CLUSTER)
    ] = PARTITION_SIZE,
    self_test: Annotated[
        bool,
        typer.Option(
            "--self-test", metavar=FLAG, help="Check this installation: exit code 0 or 3.", rich_help_panel=ABOUT
        ),
    ] = False,
    list_models: Annotated[
        bool,
        typer.Option("--list-models", metavar=FLAG, help="Embedded models, the default first.", rich_help_panel=ABOUT),
    ] = False,
    model_card: Annotated[
        bool,
        typer.Option("--model-card", metavar=FLAG, help="The model's data, figures and limits.", rich_help_panel=ABOUT),
    ] = False,
    help_all: Annotated[
        bool,
        typer.Option(
            "--help-all", metavar=FLAG, help="All options: FITS, clusters and tuning, too.", rich_help_panel=ABOUT
        ),
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", metavar=FLAG, help="The package's and the model's version.", rich_help_panel=ABOUT),
    ] = False,
) -> None:
    """Classify galaxy images: one row for each input, in order, failures included.

    INPUT: images, archives, folders, quoted patterns, and - for paths on stdin.
    """
    if help_all:
        typer.echo(context.get_help())
        return
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
    if check_shards is not None:
        raise typer.Exit(show_shards(check_shards))

    from galaxy_classify.cli.command import Command

    options = Options(
        inputs=tuple(inputs or ()),
        from_file=from_file,
        recursive=not no_recursive,
        catalog=catalog,
        path_column=path_column,
        id_column=id_column,
        image_column=image_column,
        output=output,
        output_format=output_format,
        threshold=threshold,
        top_k=top_k,
        resume=resume,
        force=force,
        report=report,
        labels=labels,
        sort_into=sort_into,
        link=link,
        watch=watch,
        shard=shard,
        quiet=quiet,
        model=model,
        provider=provider,
        bands=bands,
        recipe=recipe,
        hdu=hdu,
        fits_pattern=fits_pattern,
        crop=crop,
        exact=exact,
        threads=threads,
        batch_size=batch_size,
        max_pixels=max_pixels,
        dask=dask,
        partition_size=partition_size,
    )
    raise typer.Exit(Command(options).run())


def main() -> None:
    """Run ``galaxy-classify``."""
    completing = "_GALAXY_CLASSIFY_COMPLETE" in os.environ
    run(prepared_command(everything=completing or "--help-all" in sys.argv))


def prepared_command(*, everything: bool) -> Any:
    """Return the command with a help text of one screen, or of everything."""
    command: Any = typer.main.get_command(app)
    for option in command.params:
        if option.name == "install_completion":
            option.help, option.metavar, option.rich_help_panel = "Completion for this shell.", FLAG, ABOUT
        seldom = option.name in SELDOM or option.rich_help_panel in SELDOM_GROUPS
        option.hidden = option.hidden or (seldom and not everything)
    return command
