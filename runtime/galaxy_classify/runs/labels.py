"""Compare predictions with labels that the user has: ``--labels``."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import MEMBER, Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.text import printable

#: Names that a message lists; of the others it gives the number.
NAMED: Final = 5


class Evaluation:
    """Compare predictions with the labels of a CSV file that has the columns ``file`` and ``label``.

    A label belongs to the input whose path is the label's file, or ends with it: ``m51.jpg`` fits ``images/m51.jpg``.
    The first column may be called ``path``, as in the files that the page of ``--report`` saves and in results. Their
    rows without a label are left out.

    Raises
    ------
    UsageError
        If the file cannot be read, lacks a column, or gives a file two labels.
    """

    def __init__(self, path: str, classes: Sequence[str]) -> None:
        self._path = path
        self._classes = tuple(classes)
        self._labels = _read_labels(path)
        self._matches: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._failed = 0
        self._unfamiliar = 0
        self._without_label = 0

    def see(self, source: Source, prediction: Prediction) -> None:
        """Compare one prediction with its label, if there is one."""
        file = self._file_of(source)
        if file is None:
            self._without_label += 1
            return
        self._matches[file] += 1
        label = self._labels[file]
        if label not in self._classes:
            return
        if prediction.label is None:
            self._failed += 1
        else:
            self._pairs[label, prediction.label] += 1
            self._unfamiliar += prediction.status == "unfamiliar"

    def label_of(self, source: Source) -> str | None:
        """Return an input's label, None if there is none."""
        file = self._file_of(source)
        return None if file is None else self._labels[file]

    def metrics(self) -> dict[str, Any]:
        """Return the metrics so far, ready for JSON.

        Returns
        -------
        dict
            ``labels_file``; ``images``: those with a label of one of the classes, and a prediction; ``accuracy``,
            ``macro_recall`` (mean over the classes that occur) and ``recall`` of these, None where there are none;
            ``classes`` and ``confusion_matrix`` (rows: label, columns: predicted); ``failed``: labelled images that
            could not be classified, which count in none of the metrics; ``unknown_labels``: labels that are no class
            of the model, and how many images have them; ``missing_files``: labels without an input;
            ``without_label``: inputs without a label; ``notes``: what of all this a reader must know, in words.
        """
        matrix = self._matrix()
        images = self._pairs.total()
        recall = {
            name: row[index] / sum(row) if sum(row) else None
            for index, (name, row) in enumerate(zip(self._classes, matrix, strict=True))
        }
        present = [share for share in recall.values() if share is not None]
        return {
            "labels_file": self._path,
            "images": images,
            "accuracy": sum(matrix[index][index] for index in range(len(matrix))) / images if images else None,
            "macro_recall": sum(present) / len(present) if present else None,
            "recall": recall,
            "classes": list(self._classes),
            "confusion_matrix": matrix,
            "failed": self._failed,
            "unknown_labels": dict(self._unknown_labels()),
            "missing_files": len(self._missing_files()),
            "without_label": self._without_label,
            "notes": self.notes(),
        }

    def summary(self) -> str:
        r"""Return the metrics in one line.

        Examples
        --------
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile("w", suffix=".csv") as file:
        ...     _ = file.write("file,label\nm51.jpg,spiral\n")
        ...     file.flush()
        ...     evaluation = Evaluation(file.name, ["round", "spiral"])
        >>> evaluation.see(Source("images/m51.jpg", ""), Prediction("", "ok", "", "spiral", 0.9))
        >>> evaluation.summary()
        'labels: accuracy 1.0000, macro recall 1.0000 on 1 image'
        """
        metrics = self.metrics()
        images = metrics["images"]
        if not images:
            return f"labels: none of {self._path} belongs to an image that was classified"
        of = f"on {images:,} image{'' if images == 1 else 's'}"
        return f"labels: accuracy {metrics['accuracy']:.4f}, macro recall {metrics['macro_recall']:.4f} {of}"

    def table(self) -> list[str]:
        """Return the confusion matrix as lines of text."""
        matrix = self._matrix()
        cells = [["label \\ predicted", *self._classes]]
        cells += [[name, *(f"{count:,}" for count in row)] for name, row in zip(self._classes, matrix, strict=True)]
        first, *others = (max(map(len, column)) for column in zip(*cells, strict=True))
        return [
            "  ".join([row[0].ljust(first), *(cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))])
            for row in cells
        ]

    def _matrix(self) -> list[list[int]]:
        """Return the confusion matrix so far: a row for each label, a column for each predicted class."""
        return [[self._pairs[label, predicted] for predicted in self._classes] for label in self._classes]

    def _unknown_labels(self) -> Counter[str]:
        return Counter(label for label in self._labels.values() if label not in self._classes)

    def _missing_files(self) -> list[str]:
        return [file for file in self._labels if not self._matches[file]]

    def _file_of(self, source: Source) -> str | None:
        file = self._label_file(source.path)
        if file is None and source.content is not None:
            file = self._label_file(source.path.partition(MEMBER)[2])
        return file

    def _label_file(self, path: str) -> str | None:
        """Return the longest file name among the labels that a path ends with."""
        if path in self._labels:
            return path
        parts = os.path.normpath(path).split(os.sep)
        return next((end for start in range(len(parts)) if (end := os.sep.join(parts[start:])) in self._labels), None)

    def notes(self) -> list[str]:
        """Return what a reader of the metrics must know besides them."""
        notes = []
        if self._failed:
            notes.append(f"{_count(self._failed, 'labelled image')} could not be classified and count in no figure")
        if self._unfamiliar:
            notes.append(f"{_count(self._unfamiliar, 'labelled image')} unfamiliar to the model, all counted")
        if unknown := self._unknown_labels():
            names = _names([f"{label!r} ({count:,})" for label, count in unknown.most_common()])
            notes.append(f"labels that are no class of the model: {names}; it knows {', '.join(self._classes)}")
        if missing := self._missing_files():
            notes.append(f"{_count(len(missing), 'label')} without an input: {_names(missing)}")
        if several := [file for file, count in self._matches.items() if count > 1]:
            notes.append(f"{_count(len(several), 'label')} with several inputs, all counted: {_names(several)}")
        if self._without_label:
            notes.append(f"{_count(self._without_label, 'input')} without a label")
        return notes


def _read_labels(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = csv.DictReader(stream)
            names = rows.fieldnames or ()
            column = "file" if "file" in names else "path"
            if not {column, "label"} <= set(names):
                raise UsageError(
                    f"{path}: has no columns file and label, it has {', '.join(names)}; path and label will do as well"
                )
            labels: dict[str, str] = {}
            for row in rows:
                if column == "path" and not row["label"]:  # selected on the page without a verdict, or a failure
                    continue
                if not row[column] or not row["label"]:
                    raise UsageError(f"{path}: line {rows.line_num} has no {column} or no label")
                file = os.path.normpath(row[column])
                if labels.setdefault(file, row["label"]) != row["label"]:
                    raise UsageError(f"{path}: line {rows.line_num} gives {row[column]} a second label")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except csv.Error as error:
        raise UsageError(f"{path}: cannot be read as CSV: {error}") from None
    return labels


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(printable, names[:NAMED])) + more
