"""Run one of the three commands in the tests' own process, which spares its start-up."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from unittest import mock

from PIL import Image

from galaxy_classify.cli.main import main as galaxy_classify


def run_in_process(
    main: Callable[[], None],
    *arguments: object,
    stdin: bytes = b"",
    cwd: Path | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command's ``main`` with these arguments, and return what a process of its own would have left.

    Standard input, output and error are no terminals, ``sys.argv`` and the environment are put back, and so are the
    settings of the whole process that the command makes. File names that are not UTF-8 are surrogate escapes in the
    output, as in the arguments.
    """
    argv = [main.__module__.split(".")[0].replace("_", "-"), *map(str, arguments)]
    streams = {"stdin": io.BytesIO(stdin), "stdout": io.BytesIO(), "stderr": io.BytesIO()}
    texts = {
        name: io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", write_through=True)
        for name, stream in streams.items()
    }
    code = 0
    surroundings = {"COLUMNS": "200", "NO_COLOR": "1"} | environment
    with (
        mock.patch.object(sys, "argv", argv),
        mock.patch.object(sys, "stdin", texts["stdin"]),
        mock.patch.object(sys, "stdout", texts["stdout"]),
        mock.patch.object(sys, "stderr", texts["stderr"]),
        mock.patch.dict(os.environ, surroundings),
        mock.patch.object(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS),
        warnings.catch_warnings(),
        chdir(cwd or os.curdir),
    ):
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            if signal.getsignal(signal.SIGINT) is not on_interrupt:  # an interrupted command ends with its own
                signal.signal(signal.SIGINT, on_interrupt)
    for text in texts.values():
        if not text.closed:
            text.flush()
    output, errors = (streams[name].getvalue().decode("utf-8", "surrogateescape") for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(argv, code, output, errors)


def run_classify(
    *arguments: object, stdin: bytes = b"", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``galaxy-classify`` in this process."""
    return run_in_process(galaxy_classify, *arguments, stdin=stdin, cwd=cwd, **environment)
