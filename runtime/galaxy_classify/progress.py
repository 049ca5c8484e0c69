"""A progress bar on stderr, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(*, enabled: bool) -> Iterator[Callable[[], None]]:
    """Show how many images are done and how fast.

    The total is not known: the inputs are found while the first ones are classified.

    Parameters
    ----------
    enabled : bool
        Whether to show anything; nothing is shown either if stderr is no terminal.

    Yields
    ------
    callable
        To be called once for each image done.
    """
    if not enabled or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:,.0f} images/s")

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,} images"),
        Rate(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)
        yield lambda: bar.advance(task)
