"""Classify the partitions of a Dask data frame: images from their columns, predictions as new columns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from galaxy_classify.dask.worker import ClassifierSpec, picklable_errors, shared_classifier
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.text import utf8

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FramePlan:
    """What to read from each partition, and what to add to it.

    Parameters
    ----------
    path_column : str or None
        Column of paths; None if there is a column of images.
    image_column : str or None
        Column of encoded images, as files hold them.
    name_column : str or None
        Column of names for these images; None for the index.
    root : str
        Folder that relative paths start from.
    threshold : float or mapping of str to float
        Confidence below which a row's status is ``uncertain``.
    layout : RowLayout
        The columns to add.
    renamed : mapping of str to str
        New names of the frame's columns, where they would be called as those to add.
    """

    path_column: str | None
    image_column: str | None
    name_column: str | None
    root: str
    threshold: float | Mapping[str, float]
    layout: RowLayout
    renamed: Mapping[str, str]

    def with_predictions(self, frame: pd.DataFrame, predictions: Iterable[Prediction]) -> pd.DataFrame:
        """Return a partition with a prediction for each row in new last columns; index, order and subclass stay.

        Of an empty frame, this gives Dask's ``meta`` of the result.
        """
        import numpy as np
        import pandas as pd

        rows = [self.layout.row(prediction.rounded()) for prediction in predictions]
        columns: dict[str, Any] = {}
        for column in self.layout.own_columns:
            values = [utf8(row[column.name]) for row in rows]
            # Text as Dask stores it by default, and NaN for missing numbers as Parquet readers give it.
            columns[column.name] = (
                pd.array(values, dtype="string[pyarrow]") if column.kind == "text" else np.array(values, np.float64)
            )
        return frame.rename(columns=dict(self.renamed)).assign(**columns)


@picklable_errors
def classify_partition(
    frame: pd.DataFrame, content: bytes | None, spec: ClassifierSpec, plan: FramePlan
) -> pd.DataFrame:
    """Classify the rows of a partition, and return it with the columns of the predictions."""
    classifier = shared_classifier(spec, content)
    if plan.image_column is not None:
        given: Sequence[Any] = frame.index if plan.name_column is None else frame[plan.name_column]
        images = [(_text(name), _bytes(image)) for name, image in zip(given, frame[plan.image_column], strict=True)]
        return plan.with_predictions(frame, classifier.classify(images, threshold=plan.threshold))
    names = [_text(name) for name in frame[plan.path_column]]
    places = [absolute(name, plan.root) for name in names]
    found = classifier.classify(places, threshold=plan.threshold)
    spelled = (replace(prediction, path=name) for prediction, name in zip(found, names, strict=True))
    return plan.with_predictions(frame, spelled)


def absolute(path: str, root: str) -> str:
    """Return a path that does not depend on the process's working folder; an empty path stays empty.

    Examples
    --------
    >>> absolute("m51.jpg", "/survey"), absolute("/m51.jpg", "/survey"), absolute("", "/survey")
    ('/survey/m51.jpg', '/m51.jpg', '')
    """
    return os.path.join(root, path) if path else ""


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _text(value: Any) -> str:
    return "" if _is_missing(value) else str(value)


def _bytes(value: Any) -> Any:
    """Return an encoded image as bytes; a missing one becomes an empty file, which gets a row that says so."""
    if _is_missing(value):
        return b""
    return bytes(value) if isinstance(value, bytearray | memoryview) else value
