"""What the three commands share: errors become one line on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

from galaxy_classify.errors import GalaxyClassifyError
from galaxy_classify.extras import require_extra

EXIT_INTERRUPTED = 130


def run(app: Callable[[], object], extra: str | None = None, modules: tuple[str, ...] = ()) -> None:
    """Run a command to its end and leave the process with its exit code.

    Parameters
    ----------
    app : callable
        The command.
    extra : str, optional
        Extra that the command needs.
    modules : tuple of str, optional
        Top-level modules of that extra.
    """
    try:
        if extra is not None:
            require_extra(extra, modules)
        app()
    except GalaxyClassifyError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_INTERRUPTED)
