"""The gallery of a run: one HTML file that opens from disk and shows what was found."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

from PIL import Image

from galaxy_classify.prediction import Prediction
from galaxy_classify.report.page import json_in_page, page_around_data
from galaxy_classify.report.sample import CAP, EvenSample
from galaxy_classify.report.thumbnails import Thumbnail, edge_for, make_thumbnails
from galaxy_classify.results.counts import RunCounts
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.safe_writing import RecordFile, write_errors
from galaxy_classify.results.terminal_table import CLASS_COLOURS
from galaxy_classify.text import printable

#: Failed inputs that are listed at most.
LISTED_FAILURES: Final = 1_000


#: Bins of the histograms of the confidence, which runs from 0 to 1.
BINS: Final = 20


class Report:
    """Counts, histograms and a sample of a run's rows, and the page that shows them.

    Memory is bounded however many rows come: of more than `CAP` images an even sample is shown, and of more than
    `LISTED_FAILURES` failures an even sample is listed. Counts and histograms are always of all.

    Parameters
    ----------
    classes : sequence of str
        Class names in the model's order.
    threshold : float
        Confidence below which a row was called uncertain.
    """

    def __init__(self, classes: Sequence[str], threshold: float) -> None:
        self._classes = tuple(classes)
        self._threshold = threshold
        self._tally = RunCounts()
        self._uncertain: Counter[str] = Counter()
        self._histograms = {name: [0] * BINS for name in self._classes}
        self._shown = EvenSample[Prediction](CAP)
        self._failures = EvenSample[Prediction](LISTED_FAILURES)
        self._reasons: Counter[str] = Counter()

    def add(self, prediction: Prediction) -> None:
        """Take the next row, in input order.

        Parameters
        ----------
        prediction : Prediction
            Any row, failures included.
        """
        self._tally.add(prediction)
        if prediction.label is None or prediction.confidence is None:
            self._reasons[kind_of_failure(prediction.message)] += 1
            self._failures.add(prediction.path, prediction)
            return
        if prediction.status == "uncertain":
            self._uncertain[prediction.label] += 1
        self._histograms[prediction.label][min(int(prediction.confidence * BINS), BINS - 1)] += 1
        self._shown.add(prediction.path, prediction)

    def write(
        self,
        path: str,
        *,
        provenance: dict[str, Any],
        picture: Callable[[str], Image.Image],
        threads: int,
        evaluation: dict[str, Any] | None = None,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """Write the page: under an unfinished name first, so that a file under the final one is always whole.

        Parameters
        ----------
        path : str
            The HTML file; it is replaced if it exists.
        provenance : dict
            What the rows were made with, as `galaxy_classify.results.provenance.provenance` describes it.
        picture : callable
            Returns the part of an image file that the model saw, in mode RGB and of any size, or raises `ImageError`;
            it is called in several threads.
        threads : int
            Number of those.
        evaluation : dict, optional
            How well the classes agree with known labels: ``labels_file``, ``images``, ``accuracy``, ``macro_recall``,
            ``recall`` (class to number), ``classes``, ``confusion_matrix`` (a row a label, a column a predicted
            class), ``failed``, ``unknown_labels`` (label to number of images) and ``notes``.
        advance : callable, optional
            Called once for each image that is shown, when its thumbnail is done.

        Raises
        ------
        UsageError
            If the file cannot be written there.
        GalaxyClassifyError
            If a write fails later, as on a full disk.
        """
        before, behind = page_around_data(self._texts(provenance))
        facts = json_in_page(self._facts() | {"provenance": provenance, "evaluation": evaluation})
        shown = self._shown.items()
        thumbnails = make_thumbnails((row.path for row in shown), picture, edge_for(len(shown)), threads)
        with _whole_file(path) as file:
            file.write(f'{before}{facts.removesuffix("}")},"rows":[')
            for number, (row, thumbnail) in enumerate(zip(shown, thumbnails, strict=True)):
                file.write(("," if number else "") + "\n" + json_in_page(self._card(row, thumbnail)))
                advance()
            file.write(f"]}}{behind}")

    def _texts(self, provenance: dict[str, Any]) -> dict[str, str]:
        """Return what the page says in plain HTML."""
        model = provenance["model"]
        total = self._tally.total
        return {
            "images": f"{total:,} image{'' if total == 1 else 's'}",
            "sentence": self._tally.summary(),
            "counts": ", ".join(f"{name} {self._tally.labels[name]:,}" for name in self._classes),
            "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "package": f"{provenance['package']} {provenance['package_version']}",
            "model": f"{model['name']}@{model['sha256'][:12]}",
        }

    def _facts(self) -> dict[str, Any]:
        return {
            "classes": self._classes,
            "colours": [CLASS_COLOURS[index % len(CLASS_COLOURS)] for index in range(len(self._classes))],
            "threshold": self._threshold,
            "classified": self._shown.seen,
            "failed": self._tally.failed,
            "labels": [self._tally.labels[name] for name in self._classes],
            "uncertain": [self._uncertain[name] for name in self._classes],
            "histograms": [self._histograms[name] for name in self._classes],
            "reasons": [(printable(reason), count) for reason, count in self._reasons.most_common()],
            "failures": [(printable(row.path), printable(row.message)) for row in self._failures.items()],
        }

    def _card(self, row: Prediction, thumbnail: Thumbnail) -> dict[str, Any]:
        """Return what the page shows of an image; numbers as in the CSV."""
        return {
            "path": printable(row.path),
            "label": self._classes.index(str(row.label)),
            "uncertain": row.status == "uncertain",
            "probabilities": [round(row.probabilities[name], 6) for name in self._classes],
            "message": printable(row.message),
            "webp": thumbnail.webp,
            "missing": printable(thumbnail.missing),
        }


def kind_of_failure(message: str) -> str:
    """Return what a failure's message has in common with others of its kind.

    Examples
    --------
    >>> kind_of_failure("image too small: 8 x 8 pixels, at least 16 are needed")
    'image too small'
    >>> kind_of_failure("not an image (supported: JPEG, PNG, TIFF, WEBP, BMP, GIF)")
    'not an image'
    """
    return re.split(r": | \(", message, maxsplit=1)[0]


@contextmanager
def _whole_file(path: str) -> Iterator[RecordFile]:
    """Yield a file that gets its name once it is complete, and leaves nothing behind if it does not."""
    file = OutputFile(path)
    unfinished = path if file.is_special else file.partial
    with write_errors(path, remedy=""):
        try:
            with RecordFile(unfinished) as stream:
                yield stream
            if unfinished != path:
                os.replace(unfinished, path)
        except BaseException:
            if unfinished != path:
                with suppress(OSError):
                    os.remove(unfinished)
            raise
