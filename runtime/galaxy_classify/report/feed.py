"""Show each row of a run to the report, with its label and its position on the sky."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.report.pictures import SampledImages
from galaxy_classify.report.report import Report
from galaxy_classify.report.sky import find_position_columns
from galaxy_classify.tables.columns import Column


class ReportFeed:
    """Pass rows on to a report, and their inputs to the sample that its pictures are made of.

    ``label_of`` returns the label that the user has for an input, None if there is none. ``columns`` are those that the
    catalogue's inputs carry.
    """

    def __init__(
        self,
        report: Report,
        pictures: SampledImages,
        label_of: Callable[[Source], str | None],
        columns: Sequence[Column],
    ) -> None:
        self._report = report
        self._pictures = pictures
        self._label_of = label_of
        self._columns = find_position_columns(columns)

    def see(self, source: Source, prediction: Prediction) -> None:
        """Take the next row."""
        position = None if self._columns is None else self._columns.position(source.carried)
        wrong = self._report.add(prediction, self._label_of(source), position)
        self._pictures.see(source, prediction, preferred=wrong)
