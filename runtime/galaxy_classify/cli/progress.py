"""Show a progress bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress


def terminal_bar(
    *columns: Any, stream: TextIO | None = None, kind: type[Progress] | None = None, **settings: Any
) -> Progress:
    """Return rich's progress bar for a terminal, by default standard error; it leaves standard output alone."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True) if stream is None else Console(file=stream)
    # By default rich sends what is printed to standard output to the bar's terminal instead: rows that were
    # redirected to a file or a pipe would be lost.
    return (kind or Progress)(*columns, console=console, redirect_stdout=False, **settings)


@contextmanager
def progress(*, enabled: bool, total: Callable[[], int | None] = lambda: None) -> Iterator[Callable[[], None]]:
    """Show how many images are done and how fast; once their number is known, also the time left.

    Parameters
    ----------
    enabled : bool
        Whether to show anything; nothing is shown either if stderr is no terminal.
    total : callable, optional
        Returns the number of images, or None as long as it is unknown; asked after each image.

    Yields
    ------
    callable
        To be called once for each image done.
    """
    if not enabled or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import RenderableType
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column
    from rich.text import Text

    class Images(ProgressColumn):
        def render(self, task: Task) -> Text:
            known = "" if task.total is None else f" of {task.total:,.0f}"
            return Text(f"{task.completed:,.0f}{known} images, {task.speed or 0:,.0f} images/s")

    done = 0

    class ImagesBar(Progress):
        """Ask for the number of images when it is drawn: that is cheaper than to be told of each."""

        def get_renderables(self) -> Iterable[RenderableType]:
            for task in self.tasks:
                self.update(task.id, completed=done, total=total())
            return super().get_renderables()

    def advance() -> None:
        nonlocal done
        done += 1

    bar = terminal_bar(
        SpinnerColumn(),
        BarColumn(),
        Images(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        kind=ImagesBar,
        transient=True,
        speed_estimate_period=10,
    )
    bar.add_task("", total=None)
    with bar:
        yield advance
