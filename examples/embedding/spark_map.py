"""Classify images within Spark: a function for ``DataFrame.mapInPandas``.

::

    spark.sparkContext.addPyFile("spark_map.py")  # or spark-submit --py-files spark_map.py
    from spark_map import SCHEMA, classify

    images = spark.read.format("binaryFile").load("images/*.jpg").selectExpr("path AS id", "content AS image")
    images.mapInPandas(classify, SCHEMA).write.parquet("results")

The workers need galaxy-classify, pandas and pyarrow. Import the function, do not paste it into a notebook: the pickler
cannot send a cached function that belongs to no module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from functools import cache
from typing import Final

import pandas as pd

from galaxy_classify import GalaxyClassifier, Prediction

#: Columns of the result, in Spark's words.
SCHEMA: Final = (
    "id string, status string, model string, label string, confidence double, "
    "probabilities map<string, double>, message string"
)


@cache
def classifier() -> GalaxyClassifier:
    """Return the classifier of this Python worker; Spark runs a worker on each core."""
    return GalaxyClassifier(threads=1)


def classify(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Classify the column ``image`` (encoded images), and name the rows by the column ``id``."""
    columns = [field.name for field in fields(Prediction)]
    for frame in frames:
        images = zip(map(str, frame["id"]), frame["image"], strict=True)
        rows = pd.DataFrame(map(asdict, classifier().classify(images)), columns=columns)
        yield rows.rename(columns={"path": "id"})
