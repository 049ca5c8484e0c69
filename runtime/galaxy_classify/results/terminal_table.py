"""Write a table for people: a line for each image, and a summary at the end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TextIO, cast

from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style

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
        self._stream = stream
        self._console = Console(file=cast("TextIO", stream))
        self._colours = {name: CLASS_COLOURS[index % len(CLASS_COLOURS)] for index, name in enumerate(classes)}
        self._label_width = max(len("class"), *map(len, classes))
        self._path_width = self._fit_path_width()
        self._model = model
        self._counts = RunCounts(familiarity=layout.familiarity)

    def start(self) -> None:
        """Write the header."""
        familiarity = "  familiarity" if self._familiarity else ""
        head = f"{'image':<{self._path_width}}  {'class':<{self._label_width}}  confidence{familiarity}"
        self._line((head, "bold"))

    def write(self, prediction: Prediction, carried: Sequence[object] = ()) -> None:
        """Write one line, without the catalogue's values."""
        self._counts.add(prediction)
        path = printable(prediction.path)
        if self._console.is_terminal:
            path = fit(path, self._path_width)
        parts = [(path.ljust(self._path_width) + "  ", "")]
        if prediction.label is None or prediction.confidence is None:
            parts.append((f"error: {printable(prediction.message)}", "bold red"))
        else:
            parts.append((prediction.label.ljust(self._label_width), self._colours[prediction.label]))
            parts.append((f"  {prediction.confidence:10.3f}", ""))
            if prediction.familiarity is not None:
                parts.append((f"  {prediction.familiarity:11.3f}", ""))
            if prediction.coarse_label is not None and prediction.coarse_confidence is not None:
                parts.append((f"  {prediction.coarse_label:<6}  {prediction.coarse_confidence:.3f}", ""))
            for name, probability in prediction.ranked()[1 : 1 + self._runners_up]:
                parts.append(("  " + name.ljust(self._label_width), self._colours[name]))
                parts.append((f"  {probability:.3f}", ""))
            if prediction.prediction_set is not None:
                parts.append((f"  {{{', '.join(prediction.prediction_set)}}}", ""))
            if prediction.status != "ok":
                parts.append((f"  {prediction.status}", STATUS_STYLES[prediction.status]))
            if prediction.message:
                parts.append((f"  {printable(prediction.message)}", "dim"))
        self._line(*parts)

    def finish(self) -> None:
        """Write the summary: how many images of each class, and how many unfamiliar ones."""
        counts = self._counts
        self._line()
        self._line((counts.summary(), "bold"))
        rows = [(name, counts.labels[name], colour) for name, colour in self._colours.items()]
        if self._familiarity:
            rows.append(("unfamiliar", counts.statuses["unfamiliar"], STATUS_STYLES["unfamiliar"]))
        width = max(len(name) for name, _, _ in rows)
        most = max(count for _, count, _ in rows)
        for name, count, colour in rows:
            bar = "█" * (-(-count * BAR_WIDTH // most) if most else 0)
            self._line((f"  {name:<{max(width, self._label_width)}}  {count:>8,}  ", ""), (bar, colour))
        self._line((f"model {self._model}", "dim"))

    def _fit_path_width(self) -> int:
        """Return the width that the classes, the numbers and the longest status leave for the path."""
        if not self._console.is_terminal:
            return PATH_WIDTH
        status = "  familiarity  unfamiliar" if self._familiarity else "  uncertain"
        taken = self._label_width + len("  " * 2 + "confidence" + status)
        taken += self._runners_up * (self._label_width + len("  " * 2 + "0.000"))
        return max(16, min(PATH_WIDTH, self._console.width - taken))

    def _line(self, *parts: tuple[str, str]) -> None:
        """Write texts, each with its style or an empty one, as a line without spaces at its end."""
        # Rich's own printing lays a line out, as if it had to be wrapped, and takes as long as a galaxy.
        line = ""
        for text, style in reversed(parts):
            shown = text if line else text.rstrip()
            line = (self._styled(shown, style) if shown else "") + line
        self._stream.write(line + "\n")

    def _styled(self, text: str, style: str) -> str:
        console = self._console
        if not style or console.color_system is None or console.legacy_windows:
            return text
        parsed = Style.parse(style)
        shown = parsed.without_color if console.no_color else parsed
        return shown.render(text, color_system=COLOR_SYSTEMS[console.color_system])


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
