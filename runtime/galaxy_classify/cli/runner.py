"""Run one of the three commands: errors become one line on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.process import EXIT_INTERRUPTED, interrupts_once, was_interrupted
from galaxy_classify.text import printable

#: What typer raises for a wrong command line: a class of click's up to typer 0.25, of typer's own after that. The one
#: child of it that every version exports is BadParameter.
WrongCommandLine: type[Exception] = typer.BadParameter.__bases__[0]


def run(command: Callable[..., object]) -> None:
    """Run a command to its end and leave the process with its exit code.

    Parameters
    ----------
    command : callable
        A typer app, or the command made of one.
    """
    with interrupts_once() as interrupts:
        code = _exit_code(command)
        interrupts.ending = code == EXIT_INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def _exit_code(command: Callable[..., object]) -> object:
    try:
        return command(standalone_mode=False)
    except WrongCommandLine as error:
        print(f"error: {describe(error)}", file=sys.stderr)  # noqa: T201
        return UsageError.exit_code
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, typer.Abort) or was_interrupted(error):
            print("interrupted", file=sys.stderr)  # noqa: T201
            return EXIT_INTERRUPTED
        if not isinstance(error, GalaxyClassifyError):
            raise
        print(f"error: {printable(' '.join(str(error).split()))}", file=sys.stderr)  # noqa: T201
        return error.exit_code


def describe(error: Any) -> str:
    """Say on one line what is wrong with a command line, and where to look; typer's versions differ in their words."""
    if type(error) is typer.BadParameter and error.param is not None:
        text = f"{error.param.opts[0]}: {error.message}"
    elif hasattr(error, "possibilities") and hasattr(error, "option_name"):
        text = f"no such option: {error.option_name}"
        if error.possibilities:
            text += f"; did you mean {' or '.join(sorted(error.possibilities))}?"
    else:
        text = error.format_message().rstrip(".").replace("argument(s)", "argument")
        text = f"{text[:1].lower()}{text[1:]}"
    if error.ctx is not None:
        text += f" (see {error.ctx.command_path} --help)"
    return printable(" ".join(text.split()))
