"""``galaxy-classify fetch`` as a command of typer, which reads its command line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import typer

from galaxy_classify.cli.fetch.options import FetchOptions
from galaxy_classify.cli.with_typer.command import HELP, PlainCommand, with_options
from galaxy_classify.cli.with_typer.errors import parsed

NAME: Final = "galaxy-classify fetch"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.command(
    cls=PlainCommand,
    context_settings=HELP,
    epilog="Exit codes: 0 all there, 1 all done but some objects have no cutout, 2 wrong usage, 4 stopped before the "
    "end, 130 interrupted.",
)
@with_options(FetchOptions)
def fetch(options: FetchOptions) -> FetchOptions:
    """Download cutouts of a catalogue's sky positions, framed as the models want them.

    CATALOG: a CSV, Parquet, FITS, ECSV or VOTable file. Run again to go on.
    """
    return options


def run_fetch(words: Sequence[str]) -> object:
    """Read the words behind ``fetch`` and do what they ask for; return the exit code."""
    options = parsed(partial(typer.main.get_command(app), args=list(words), prog_name=NAME))()
    if not isinstance(options, FetchOptions):
        return options
    from galaxy_classify.cli.fetch.command import FetchCommand  # imports NumPy, which --help does without

    return FetchCommand(options).run()
