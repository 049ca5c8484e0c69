"""Partitions of a Dask data frame: the inputs that their rows name, and the columns that are put beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from galaxy_classify.dask.worker import ClassifierSpec, errors_in_words, shared_classifier
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.tables.parquet_table import utf8

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FramePlan:
    """What is done with each partition.

    Parameters
    ----------
    path_column : str or None
        Column of paths; None if there is one of images.
    image_column : str or None
        Column of encoded images, as files hold them.
    name_column : str or None
        Column that names these images; None if the index does.
    root : str
        Folder that relative paths start from.
    threshold : float
        Confidence below which a row is called uncertain.
    layout : RowLayout
        The result's own columns.
    renamed : mapping of str to str
        Columns of the frame that are called as one of these, and how they are called in the result.
    """

    path_column: str | None
    image_column: str | None
    name_column: str | None
    root: str
    threshold: float
    layout: RowLayout
    renamed: Mapping[str, str]

    def with_predictions(self, frame: pd.DataFrame, predictions: Iterable[Prediction]) -> pd.DataFrame:
        """Return a partition with the result's columns behind its own; index, order and subclass stay.

        Parameters
        ----------
        frame : DataFrame
            The partition; without rows, what comes out is the result's ``meta``.
        predictions : iterable of Prediction
            One for each of its rows, in order.
        """
        import numpy as np
        import pandas as pd

        rows = [self.layout.row(prediction.rounded()) for prediction in predictions]
        columns: dict[str, Any] = {}
        for column in self.layout.own_columns:
            values = [utf8(row[column.name]) for row in rows]
            # Text as Dask keeps it by default; of a missing number, NaN is what Parquet readers give as well.
            columns[column.name] = (
                pd.array(values, dtype="string[pyarrow]") if column.kind == "text" else np.array(values, np.float64)
            )
        return frame.rename(columns=dict(self.renamed)).assign(**columns)


@errors_in_words
def classify_partition(
    frame: pd.DataFrame, content: bytes | None, spec: ClassifierSpec, plan: FramePlan
) -> pd.DataFrame:
    """Classify the rows of a partition.

    Parameters
    ----------
    frame : DataFrame
        The partition.
    content : bytes or None
        The model's file; None for an embedded model.
    spec : ClassifierSpec
        Which classifier to use.
    plan : FramePlan
        Which columns to read and write.

    Returns
    -------
    DataFrame
        With one row for each of its rows.
    """
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
    """Return a path that does not depend on the process's working folder; no path stays none.

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
    """Return an image as the classifier takes it; a missing one is an empty file."""
    if _is_missing(value):
        return b""
    return bytes(value) if isinstance(value, bytearray | memoryview) else value
