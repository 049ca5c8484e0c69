"""The command ``galaxy-classify``."""

from __future__ import annotations

import gc
import os
import sys
from typing import Final

from galaxy_classify.cli.about.show import (
    check_alone,
    show_card,
    show_models,
    show_self_test,
    show_shards,
    show_version,
    write_and_show_standalone,
)
from galaxy_classify.cli.about.words import without_words
from galaxy_classify.cli.declare import read_plain
from galaxy_classify.cli.options import COMPLETION, Options
from galaxy_classify.cli.runner import run
from galaxy_classify.errors import UsageError
from galaxy_classify.process import interrupts_deferred, use_one_blas_thread

#: The word that asks for cutouts. A file or folder of this name is an input: it is not taken for the word.
FETCH: Final = "fetch"


def main() -> None:
    """Run ``galaxy-classify``."""
    run(classify)


def classify() -> object:
    """Read the command line and do what it asks for; return the exit code."""
    if sys.argv[1:2] == [FETCH]:
        return fetch()
    # Typer reads the line from here, too.
    sys.argv[1:] = without_words(sys.argv[1:])
    asked: object = None if COMPLETION in os.environ else read_plain(Options, sys.argv[1:])
    if asked is None:
        from galaxy_classify.cli.with_typer.app import read_any

        asked = read_any()
    return perform(asked) if isinstance(asked, Options) else asked


def fetch() -> object:
    """Fetch cutouts, or classify the file or folder that is called as the word."""
    from galaxy_classify.cli.with_typer.app import read_any

    if not os.path.lexists(FETCH):
        from galaxy_classify.cli.fetch.app import run_fetch

        return run_fetch(sys.argv[2:])
    try:
        asked = read_any()
    except UsageError as error:
        raise UsageError(f"{error}; {FETCH!r} is a file or folder here, and taken for an input") from None
    return perform(asked) if isinstance(asked, Options) else asked


def perform(options: Options) -> int:
    """Do what the options ask for, and return the exit code."""
    check_alone(options)
    use_one_blas_thread()
    if options.version:
        show_version(options.model)
    elif options.list_models:
        show_models()
    elif options.model_card:
        show_card(options.model)
    elif options.self_test:
        return show_self_test(options.model)
    elif options.write_standalone is not None:
        write_and_show_standalone(options.write_standalone, options.model, force=options.force)
    elif options.check_shards is not None:
        return show_shards(options.check_shards)
    else:
        # This imports NumPy, which --help and --version do without, and which makes other errors of a Ctrl-C meanwhile.
        with interrupts_deferred():
            from galaxy_classify.cli.command import Command

        gc.enable()
        if options.like is not None:
            from galaxy_classify.cli.run_options.like import like_earlier

            options = like_earlier(options, options.like)
        return Command(options).run()
    return 0
