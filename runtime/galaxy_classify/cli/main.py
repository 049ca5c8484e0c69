"""The command ``galaxy-classify``."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import typer

from galaxy_classify.cli.about import check_alone, show_card, show_models, show_self_test, show_shards, show_version
from galaxy_classify.cli.declare import FLAG, HELP, PlainCommand, with_options
from galaxy_classify.cli.options import ABOUT, CLUSTER, FITS, Options
from galaxy_classify.cli.runner import run
from galaxy_classify.process import interrupts_deferred

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")

#: Only --help-all shows the options of these groups, and these options: the others fill a screen already.
SELDOM_GROUPS: Final = (FITS, CLUSTER)
SELDOM: Final = (
    "image_column",
    "min_familiarity",
    "embeddings",
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


@app.command(
    cls=PlainCommand,
    context_settings=HELP,
    epilog="Exit codes: 0 all classified, 1 all done but some inputs failed, 2 wrong usage, 3 model unusable, "
    "4 stopped before the end, 130 interrupted.",
)
@with_options(Options)
def classify(options: Options) -> None:
    """Classify galaxy images: one row for each input, in order, failures included.

    INPUT: images, archives, folders, quoted patterns, or - for paths on stdin.
    """
    check_alone(options)
    if options.version:
        show_version(options.model)
    elif options.list_models:
        show_models()
    elif options.model_card:
        show_card(options.model)
    elif options.self_test:
        raise typer.Exit(show_self_test(options.model))
    elif options.check_shards is not None:
        raise typer.Exit(show_shards(options.check_shards))
    else:
        # This imports NumPy, which --help and --version do without, and which makes other errors of a Ctrl-C meanwhile.
        with interrupts_deferred():
            from galaxy_classify.cli.command import Command

        raise typer.Exit(Command(options).run())


def main() -> None:
    """Run ``galaxy-classify``."""
    completing = "_GALAXY_CLASSIFY_COMPLETE" in os.environ
    run(prepared_command(everything=completing or "--help-all" in sys.argv))


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
