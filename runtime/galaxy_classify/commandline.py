"""What the three commands share: errors become one line on stderr and an exit code."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec

from galaxy_classify.errors import GalaxyClassifyError, MissingExtraError

EXIT_INTERRUPTED = 130


def require_extra(extra: str, modules: tuple[str, ...]) -> None:
    """Check that an extra's modules are installed, without importing them.

    Parameters
    ----------
    extra : str
        Name of the extra.
    modules : tuple of str
        Top-level modules that it brings.

    Raises
    ------
    MissingExtraError
        If one is missing; the message names the command that installs it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtraError(f"{', '.join(missing)} not installed: run  pip install 'galaxy-classify[{extra}]'")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that names what is spelled most like something unknown, or nothing.

    Examples
    --------
    >>> did_you_mean("galaxy-cn", ["galaxy-cnn", "seed-mlp"])
    "did you mean 'galaxy-cnn'? "
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}? " if close else ""


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
