"""Run one of the three commands: errors become one line on stderr and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final

import typer

from galaxy_classify.errors import (
    EXIT_BROKEN_PIPE,
    EXIT_INTERRUPTED,
    EXIT_STOPPED,
    EXIT_USAGE,
    GalaxyClassifyError,
)
from galaxy_classify.process import interrupts_once, was_interrupted
from galaxy_classify.text import printable

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


def run(command: Callable[..., object]) -> None:
    """Run a command to its end and leave the process with its exit code.

    Parameters
    ----------
    command : callable
        A typer app, or the command made of one.
    """
    secure_standard_streams()
    with interrupts_once() as interrupts:
        code = _flush(_exit_code(command))
        interrupts.ending = code == EXIT_INTERRUPTED
    sys.exit(code)


def _exit_code(command: Callable[..., object]) -> int:
    try:
        code: object = command(standalone_mode=False)
    except WrongCommandLine as error:
        return _stop(describe(error), EXIT_USAGE)
    except SystemExit as ended:
        # Typer ends the process itself, with 1, when the reader of standard output has gone.
        code = EXIT_BROKEN_PIPE if isinstance(ended.__context__, BrokenPipeError) else ended.code
    except (Exception, KeyboardInterrupt) as error:
        return _failure(error)
    return code if isinstance(code, int) else 0


def _failure(error: BaseException) -> int:
    """Print what ended a command, and return the exit code."""
    if isinstance(error, typer.Abort) or was_interrupted(error):
        print("interrupted", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    if isinstance(error, GalaxyClassifyError):
        return _stop(str(error), error.exit_code)
    if isinstance(error, OSError):
        return _stop(f"{error.filename or 'reading or writing failed'}: {error.strerror or error}", EXIT_STOPPED)
    if isinstance(error, MemoryError):
        return _stop("out of memory; fewer --threads or a smaller --batch-size need less", EXIT_STOPPED)
    traceback.print_exception(error)
    return _stop("this is a fault of the command itself; please report the lines above", EXIT_STOPPED)


def secure_standard_streams() -> None:
    """Keep closed or failing standard streams from harming a run.

    A file that is opened while standard output or error is closed gets its number, and then whatever a library prints.
    So the null device takes the numbers that are free; what the command writes to a closed standard output is an error.
    A message that cannot be written, as on a full disk, must not end the run that it tells of.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # gets the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8")  # every write fails
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Messages(2, "wb", closefd=False)),
            encoding=getattr(sys.stderr, "encoding", "utf-8"),
            errors="backslashreplace",
            line_buffering=True,
        )


class _Messages(io.FileIO):
    """Standard error, where what cannot be written is dropped."""

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError:
            return len(content)


def _stop(message: str, code: int) -> int:
    """Print why the command ends, on one line, and return the exit code."""
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201
    return code


def _flush(code: int) -> int:
    """Write what standard output still holds, and return the exit code: another one if that fails."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would try again on its way out, and complain.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return code or EXIT_BROKEN_PIPE
        return code or _stop(f"standard output: writing failed: {error.strerror}", EXIT_STOPPED)
    return code


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
