"""Collect a run's rows, and write the HTML report with counts, histograms and a gallery."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.defaults import NO_CLASS
from galaxy_classify.prediction import Prediction
from galaxy_classify.probabilities.thresholds import thresholds_of
from galaxy_classify.report.map import map_of
from galaxy_classify.report.page import json_in_page, page_around_data
from galaxy_classify.report.sample import CAP, EvenSample
from galaxy_classify.report.sky import Position
from galaxy_classify.report.thumbnails import Thumbnail, edge_for, make_thumbnails
from galaxy_classify.results.counts import RunCounts
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.safe_writing import RecordFile, only_writer, write_errors, written_aside
from galaxy_classify.results.terminal_table import CLASS_COLOURS
from galaxy_classify.text import printable

#: Most failed inputs that are listed.
LISTED_FAILURES: Final = 1_000
#: Bins of the histograms of confidence, between 0 and 1.
BINS: Final = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the run, the label that the user has for its image, and its position on the sky, None if unknown."""

    prediction: Prediction
    label: str | None = None
    position: Position | None = None


class Report:
    """Counts, histograms and a sample of a run's rows, and the HTML page that shows them.

    Memory is bounded however many rows come: of more than `CAP` images a sample is shown, and of more than
    `LISTED_FAILURES` failures a uniform sample is listed. Counts and histograms always cover all rows. The sample of
    images is uniform, except that those whose label is another class than the predicted one are preferred: a person
    wants to look at them.

    ``classes`` are the class names in the model's order; rows with a confidence below ``threshold``, or below that of
    their class, are uncertain.
    Those with a familiarity below ``min_familiarity``, None if the model gives none, are unfamiliar: a group of their
    own, beside those of the classes.
    """

    def __init__(
        self,
        classes: Sequence[str],
        threshold: float | Mapping[str, float],
        min_familiarity: float | None = None,
    ) -> None:
        self._classes = tuple(classes)
        self._thresholds = thresholds_of(threshold, self._classes)
        self._min_familiarity = min_familiarity
        self._tally = RunCounts(familiarity=min_familiarity is not None)
        self._uncertain: Counter[str] = Counter()
        self._histograms = {name: [0] * BINS for name in self._classes}
        self._unfamiliar_histogram = [0] * BINS
        self._shown = EvenSample[Row](CAP)
        self._failures = EvenSample[Prediction](LISTED_FAILURES)
        self._reasons: Counter[str] = Counter()
        self._paths = blake2b(digest_size=12)

    def add(self, prediction: Prediction, label: str | None = None, position: Position | None = None) -> bool:
        """Add the next row, in input order, failures included; return whether the label is another class."""
        self._tally.add(prediction)
        self._paths.update(prediction.path.encode("utf-8", "surrogatepass") + b"\0")
        if prediction.label is None or prediction.confidence is None:
            self._reasons[kind_of_failure(prediction.message)] += 1
            self._failures.add(prediction.path, prediction)
            return False
        if prediction.status == "uncertain":
            self._uncertain[prediction.label] += 1
        unfamiliar = prediction.status == "unfamiliar"
        histogram = self._unfamiliar_histogram if unfamiliar else self._histograms[prediction.label]
        histogram[min(int(prediction.confidence * BINS), BINS - 1)] += 1  # a confidence of 1 belongs to the last bin
        wrong = label in self._classes and label != prediction.label
        self._shown.add(prediction.path, Row(prediction, label, position), preferred=wrong)
        return wrong

    def write(
        self,
        path: str,
        *,
        provenance: dict[str, Any],
        picture: Callable[[str], Image.Image],
        threads: int,
        seen: Callable[[Image.Image], Image.Image] | None = None,
        embed: Callable[[Image.Image], NDArray[np.float32]] | None = None,
        evaluation: dict[str, Any] | None = None,
        mix: dict[str, Any] | None = None,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """Write the page to a temporary name and rename it when complete, so that ``path`` never holds half a page.

        Parameters
        ----------
        path : str
            The HTML file; it is replaced if it exists.
        provenance : dict
            Model, settings and versions, from `galaxy_classify.results.provenance.provenance`.
        picture : callable
            Reads a path as an RGB image of any size, cropped to what the model saw, or raises `ImageError`. Called in
            several threads.
        threads : int
            Number of these threads.
        seen : callable, optional
            Makes of such a picture what the model saw, in its input size.
        embed : callable, optional
            Returns the embedding of what the model saw, or raises `ImageError`; the page then has a map.
        evaluation : dict, optional
            Metrics against known labels: ``labels_file``, ``images``, ``accuracy``, ``macro_recall``, ``recall`` (class
            to number), ``classes``, ``confusion_matrix`` (rows are labels, columns predicted classes), ``failed``,
            ``unknown_labels`` (label to number of images) and ``notes``.
        mix : dict, optional
            Fractions of the classes, from `ClassMix.to_dict`.
        advance : callable, optional
            Called after each thumbnail, for a progress bar.

        Raises
        ------
        UsageError
            If the file cannot be created.
        GalaxyClassifyError
            If writing fails later, for example on a full disk.
        """
        before, after = page_around_data(self._texts(provenance))
        facts = json_in_page(
            self._facts(provenance) | {"provenance": provenance, "evaluation": evaluation, "class_mix": mix}
        )
        shown = self._shown.items()
        paths = (row.prediction.path for row in shown)
        thumbnails = make_thumbnails(paths, picture, edge_for(len(shown)), threads, seen, embed)
        embeddings: list[NDArray[np.float32] | None] = []
        with _whole_file(path) as file:
            # The thumbnails of all images would not fit in memory: leave the JSON object open, and append row by row.
            file.write(f'{before}{facts.removesuffix("}")},"rows":[')
            for number, (row, thumbnail) in enumerate(zip(shown, thumbnails, strict=True)):
                file.write(("," if number else "") + "\n" + json_in_page(self._card(row, thumbnail)))
                embeddings.append(thumbnail.embedding)
                advance()
            file.write(f'],"map":{json_in_page(map_of(embeddings))}}}{after}')

    def _texts(self, provenance: dict[str, Any]) -> dict[str, str]:
        """Return the texts of the page that are shown without JavaScript too."""
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

    def _facts(self, provenance: dict[str, Any]) -> dict[str, Any]:
        """Return the counts, histograms and failures for the page's script.

        ``run`` names the run, so that the page finds the user's verdicts again: the same model on the same inputs.
        """
        return {
            "run": f"{provenance['model']['sha256'][:24]}-{self._paths.hexdigest()}",
            "no_class": NO_CLASS,
            "classes": self._classes,
            "colours": [CLASS_COLOURS[index % len(CLASS_COLOURS)] for index in range(len(self._classes))],
            "thresholds": self._thresholds,
            "min_familiarity": self._min_familiarity,
            "classified": self._tally.classified,
            "unfamiliar": self._tally.statuses["unfamiliar"],
            "failed": self._tally.failed,
            "labels": [self._tally.labels[name] for name in self._classes],
            "uncertain": [self._uncertain[name] for name in self._classes],
            "histograms": [self._histograms[name] for name in self._classes],
            "unfamiliar_histogram": self._unfamiliar_histogram,
            "reasons": [(printable(reason), count) for reason, count in self._reasons.most_common()],
            "failures": [(printable(row.path), printable(row.message)) for row in self._failures.items()],
        }

    def _card(self, shown: Row, thumbnail: Thumbnail) -> dict[str, Any]:
        """Return the data of an image's card for the page's script, with numbers rounded as in the CSV file.

        ``file`` is the path as it is on disk, for the list of verdicts, where ``path`` spells out what is invisible.
        """
        row = shown.prediction
        path = printable(row.path)
        return {
            "path": path,
            "file": None if path == row.path else row.path,
            "truth": None if shown.label is None else printable(shown.label),
            "sky": shown.position,
            "label": self._classes.index(str(row.label)),
            "uncertain": row.status == "uncertain",
            "unfamiliar": row.status == "unfamiliar",
            "familiarity": None if row.familiarity is None else round(row.familiarity, 6),
            "coarse": None if row.coarse_label is None else [row.coarse_label, round(row.coarse_confidence or 0.0, 6)],
            "set": row.prediction_set,
            "probabilities": [round(row.probabilities[name], 6) for name in self._classes],
            "message": printable(row.message),
            "webp": thumbnail.webp,
            "missing": printable(thumbnail.missing),
            "seen": thumbnail.seen,
        }


def kind_of_failure(message: str) -> str:
    """Return the constant beginning of a failure's message, to count failures by kind.

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
    """Open a file for writing under a temporary name; rename it at the end, or delete it after an error."""
    with write_errors(path, remedy=""):
        # A pipe or device such as /dev/stdout cannot be replaced by renaming: write to it directly.
        if OutputFile(path).is_special:
            with RecordFile(path) as stream:
                yield stream
        else:
            with only_writer(path), written_aside(path) as aside, RecordFile(aside) as stream:
                yield stream
