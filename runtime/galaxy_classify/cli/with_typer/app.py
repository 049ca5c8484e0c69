"""``galaxy-classify`` as a command of typer, which only reads the command line.

What the options ask for is done outside of typer: Ctrl-C, a broken pipe and errors are the same for a line that is read
without it.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import typer

from galaxy_classify.cli.options import ABOUT, CLUSTER, COMPLETION, FITS, PROBABILITIES, Options
from galaxy_classify.cli.with_typer.command import FLAG, HELP, PlainCommand, with_options
from galaxy_classify.cli.with_typer.errors import parsed

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")

#: The options of these groups, and these options, are shown by --help and not by -h: the others fill a screen already.
SELDOM_GROUPS: Final = (FITS, PROBABILITIES, CLUSTER)
FULL_HELP: Final = frozenset(("--help", "--help-all"))
SELDOM: Final = (
    "like",
    "image_column",
    "embeddings",
    "save_seen",
    "fail_if_empty",
    "json",
    "no_progress",
    "provenance",
    "link",
    "max_pixels",
    "batch_size",
    "provider",
    "exact",
    "decoder",
    "show_completion",
)


class MainCommand(PlainCommand):
    """``galaxy-classify``, whose help comes in two lengths."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return ``--help`` with a text that says which of its names shows what."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = "-h: this screen, of the most used options. --help: all."
        return option


@app.command(
    cls=MainCommand,
    context_settings=HELP,
    epilog="Exit codes: 0 all classified, 1 some failed, 2 wrong usage, 3 model unusable, 4 stopped, 130 interrupted.",
)
@with_options(Options)
def classify(options: Options) -> Options:
    """Classify galaxy images: one row for each input, in order, failures included.

    INPUT: images, archives, folders, quoted patterns, or - for paths on stdin.

    Or a word: models, card, self-test, standalone FILE.onnx, check-shards DIR,
    fetch CATALOG. To classify a folder of such a name, write ./models.
    """
    return options


def read_any() -> object:
    """Read the command line: return its options, or the exit code if typer has done what it asks for, as `--help`."""
    return parsed(prepared_command(everything=COMPLETION in os.environ or not FULL_HELP.isdisjoint(sys.argv)))()


def prepared_command(*, everything: bool) -> Any:
    """Return the command, whose help shows all options or only those that fit one screen."""
    command: Any = typer.main.get_command(app)
    for option in command.params:
        # Typer declares these two itself.
        if option.name == "install_completion":
            option.help, option.metavar, option.rich_help_panel = "Install completion for this shell.", FLAG, ABOUT
        elif option.name == "show_completion":
            option.help, option.metavar, option.rich_help_panel = "Show the completion script.", FLAG, ABOUT
        seldom = option.name in SELDOM or option.rich_help_panel in SELDOM_GROUPS
        option.hidden = option.hidden or (seldom and not everything)
    return command
