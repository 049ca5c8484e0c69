"""Make a table of predictions: of Astropy, or a data frame of pandas."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from galaxy_classify.errors import MissingExtraError
from galaxy_classify.extras import require_extra
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.layout import RowLayout


def to_table(predictions: Iterable[Prediction]) -> Any:
    """Return predictions as an Astropy table, with descriptions and UCDs.

    Parameters
    ----------
    predictions : iterable of Prediction
        Of `GalaxyClassifier.classify`; all of them are held in memory.

    Returns
    -------
    astropy.table.Table
        A row for each prediction, in order, with the columns of a result file. Text that is missing is masked, numbers
        that are missing are NaN.

    Raises
    ------
    MissingExtraError
        If Astropy is not installed.

    Examples
    --------
    >>> from galaxy_classify import Prediction, to_table
    >>> table = to_table([Prediction("m51.jpg", "ok", "tiny@0", "spiral", 0.8, {"round": 0.2, "spiral": 0.8})])
    >>> table["prob_round"].tolist()
    [0.2]
    """
    require_extra("fits", ("astropy",))
    from galaxy_classify.tables.write_astropy import astropy_table

    rows = list(predictions)
    layout = _layout(rows)
    return astropy_table(map(layout.row, rows), layout.columns)


def to_pandas(predictions: Iterable[Prediction]) -> Any:
    """Return predictions as a data frame of pandas.

    Parameters
    ----------
    predictions : iterable of Prediction
        Of `GalaxyClassifier.classify`; all of them are held in memory.

    Returns
    -------
    pandas.DataFrame
        A row for each prediction, in order, with the columns of a result file.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.

    Examples
    --------
    >>> from galaxy_classify import Prediction, to_pandas
    >>> frame = to_pandas([Prediction("m51.jpg", "error", "tiny@0", message="no such file")])
    >>> frame[["path", "status", "message"]].values.tolist()
    [['m51.jpg', 'error', 'no such file']]
    """
    if find_spec("pandas") is None:
        raise MissingExtraError("pandas is not installed: run  pip install pandas")
    import pandas as pd

    rows = list(predictions)
    layout = _layout(rows)
    frame = pd.DataFrame(list(map(layout.values, rows)), columns=layout.names)
    # A column without a value would be one of objects.
    return frame.astype({column.name: float for column in layout.columns if column.kind == "float"})


def _layout(rows: Iterable[Prediction]) -> RowLayout:
    """Return the columns that predictions need: those of their classes, and familiarity and such if any has it."""
    classes = dict.fromkeys(name for row in rows for name in row.probabilities)
    return RowLayout(
        tuple(classes),
        familiarity=any(row.familiarity is not None for row in rows),
        coarse=any(row.coarse_label is not None for row in rows),
        sets=any(row.prediction_set is not None for row in rows),
    )
