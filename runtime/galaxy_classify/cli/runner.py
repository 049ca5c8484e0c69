"""Run one of the three commands: errors become one line on stderr and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from galaxy_classify.errors import (
    EXIT_BROKEN_PIPE,
    EXIT_INTERRUPTED,
    EXIT_STOPPED,
    GalaxyClassifyError,
)
from galaxy_classify.process import interrupts_once, was_interrupted
from galaxy_classify.text import printable


def run(command: Callable[[], object]) -> None:
    """Run a command to its end and leave the process with its exit code: the number that it returns, if it does."""
    secure_standard_streams()
    with interrupts_once() as interrupts:
        code = _flush(_exit_code(command))
        interrupts.ending = code == EXIT_INTERRUPTED
    sys.exit(code)


def _exit_code(command: Callable[[], object]) -> int:
    try:
        code = command()
    except SystemExit as ended:
        code = ended.code
    except BrokenPipeError:
        return EXIT_BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        return _failure(error)
    return code if isinstance(code, int) else 0


def _failure(error: BaseException) -> int:
    """Print what ended a command, and return the exit code."""
    if was_interrupted(error):
        print("interrupted", file=sys.stderr)
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
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
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
