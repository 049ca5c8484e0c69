"""Write a table for people: a line for each image, and a summary at the end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TextIO, cast

from rich.console import Console
from rich.text import Text

from galaxy_classify.prediction import Prediction, Status
from galaxy_classify.results.counts import RunCounts
from galaxy_classify.results.formats import RecordStream
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.text import printable

#: Okabe and Ito's palette, which colour-blind people can tell apart (Okabe & Ito 2008, "Color Universal Design").
CLASS_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00")


#: Styles of the statuses of rows that have a class.
STATUS_STYLES: Final[dict[Status, str]] = {"uncertain": "yellow", "unfamiliar": "magenta"}


PATH_WIDTH = 44


BAR_WIDTH = 30


class TableWriter:
    """Write a readable table with a summary, in colour on a terminal; a catalogue's columns are left out."""

    def __init__(self, stream: RecordStream, layout: RowLayout, model: str) -> None:
        classes = layout.classes
        self._runners_up = layout.top - 1
        self._familiarity = layout.familiarity
        self._console = Console(file=cast("TextIO", stream), highlight=False, soft_wrap=True)
        self._colours = {name: CLASS_COLOURS[index % len(CLASS_COLOURS)] for index, name in enumerate(classes)}
        self._label_width = max(len("class"), *map(len, classes))
        self._path_width = self._fit_path_width()
        self._model = model
        self._counts = RunCounts(familiarity=layout.familiarity)

    def start(self) -> None:
        """Write the header."""
        familiarity = "  familiarity" if self._familiarity else ""
        head = f"{'image':<{self._path_width}}  {'class':<{self._label_width}}  confidence{familiarity}"
        self._line(Text(head, style="bold"))

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one line, without the catalogue's values."""
        self._counts.add(prediction)
        path = printable(prediction.path)
        if self._console.is_terminal:
            path = fit(path, self._path_width)
        line = Text(path.ljust(self._path_width) + "  ")
        if prediction.label is None or prediction.confidence is None:
            line.append(f"error: {printable(prediction.message)}", style="bold red")
        else:
            line.append(prediction.label.ljust(self._label_width), style=self._colours[prediction.label])
            line.append(f"  {prediction.confidence:10.3f}")
            if prediction.familiarity is not None:
                line.append(f"  {prediction.familiarity:11.3f}")
            for name, probability in prediction.ranked()[1 : 1 + self._runners_up]:
                line.append("  " + name.ljust(self._label_width), style=self._colours[name])
                line.append(f"  {probability:.3f}")
            if prediction.status != "ok":
                line.append(f"  {prediction.status}", style=STATUS_STYLES[prediction.status])
            if prediction.message:
                line.append(f"  {printable(prediction.message)}", style="dim")
        self._line(line)

    def finish(self) -> None:
        """Write the summary: how many images of each class, and how many unfamiliar ones."""
        counts = self._counts
        self._line(Text())
        self._line(Text(counts.summary(), style="bold"))
        rows = [(name, counts.labels[name], colour) for name, colour in self._colours.items()]
        if self._familiarity:
            rows.append(("unfamiliar", counts.statuses["unfamiliar"], STATUS_STYLES["unfamiliar"]))
        width = max(len(name) for name, _, _ in rows)
        most = max(count for _, count, _ in rows)
        for name, count, colour in rows:
            line = Text(f"  {name:<{max(width, self._label_width)}}  {count:>8,}  ")
            line.append("█" * (-(-count * BAR_WIDTH // most) if most else 0), style=colour)
            self._line(line)
        self._line(Text(f"model {self._model}", style="dim"))

    def _fit_path_width(self) -> int:
        """Return the width that the classes, the numbers and the longest status leave for the path."""
        if not self._console.is_terminal:
            return PATH_WIDTH
        status = "  familiarity  unfamiliar" if self._familiarity else "  uncertain"
        taken = self._label_width + len("  " * 2 + "confidence" + status)
        taken += self._runners_up * (self._label_width + len("  " * 2 + "0.000"))
        return max(16, min(PATH_WIDTH, self._console.width - taken))

    def _line(self, text: Text) -> None:
        text.rstrip()
        self._console.print(text, no_wrap=True, overflow="ignore", crop=False)


def fit(path: str, width: int) -> str:
    """Shorten a path from the left, to keep the file's name.

    Examples
    --------
    >>> fit("survey/field_0815/m51.jpg", 16)
    '…d_0815/m51.jpg'
    """
    name = os.path.basename(path)
    if len(path) <= width:
        return path
    return "…" + (path if len(name) < width else name)[-(width - 2) :]
