"""Turn what typer raises into the errors of the commands."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final

import typer

from galaxy_classify.errors import UsageError

#: What typer raises for a wrong command line: a class of click's up to typer 0.25, of typer's own after that. The one
#: child of it that every version exports is BadParameter.
WrongCommandLine: type[Exception] = typer.BadParameter.__bases__[0]

#: Options of other commands, and what they are here.
ELSEWHERE: Final = {
    "--device": "--provider",
    "--cpu": "--provider cpu",
    "--gpu": "--provider cuda",
    "--cuda": "--provider cuda",
    "--jobs": "--threads",
    "--workers": "--threads",
    "--overwrite": "--force",
    "--output-format": "--format",
    "--min-confidence": "--threshold",
}


def parsed(command: Callable[..., object]) -> Callable[[], object]:
    """Return a function that lets typer read the command line and run a command, without typer's exceptions.

    Parameters
    ----------
    command : callable
        A typer app, or the command made of one.
    """

    def run() -> object:
        try:
            return command(standalone_mode=False)
        except WrongCommandLine as error:
            raise UsageError(describe(error)) from None
        except typer.Abort as error:
            raise KeyboardInterrupt from error
        except SystemExit as ended:
            # Typer ends the process itself, with 1, when the reader of standard output has gone.
            if isinstance(ended.__context__, BrokenPipeError):
                raise ended.__context__ from None
            raise

    return run


def describe(error: Any) -> str:
    """Say on one line what is wrong with a command line, and where to look; typer's versions differ in their words."""
    if type(error) is typer.BadParameter and error.param is not None:
        text = f"{error.param.opts[0]}: {error.message}"
    elif hasattr(error, "possibilities") and hasattr(error, "option_name"):
        text = f"no such option: {error.option_name}"
        if meant := _meant(error):
            text += f"; did you mean {meant}?"
    else:
        text = error.format_message().rstrip(".").replace("argument(s)", "argument")
        text = f"{text[:1].lower()}{text[1:]}"
    if error.ctx is not None:
        text += f" (see {error.ctx.command_path} --help)"
    return text


def _meant(error: Any) -> str:
    """Return the option that was probably meant by one that does not exist; empty if none is like it."""
    meant = ELSEWHERE.get(error.option_name, "")
    parameters = [] if error.ctx is None else error.ctx.command.params
    if any(meant.split(" ")[0] in parameter.opts for parameter in parameters):
        return meant
    return next(iter(get_close_matches(error.option_name, error.possibilities or [], n=1)), "")
