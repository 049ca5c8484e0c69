"""Run one of the three commands: errors become one line on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import typer

from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.text import printable

EXIT_INTERRUPTED: Final = 130

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
    try:
        code = command(standalone_mode=False)
    except GalaxyClassifyError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        code = error.exit_code
    except WrongCommandLine as error:
        print(f"error: {describe(error)}", file=sys.stderr)  # noqa: T201
        code = UsageError.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)  # noqa: T201
        code = EXIT_INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


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
