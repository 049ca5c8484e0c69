"""Classify images in Spark, with a function for ``DataFrame.mapInPandas``.

::

    spark.sparkContext.addPyFile("spark_map.py")  # or spark-submit --py-files spark_map.py
    from spark_map import SCHEMA, classify

    images = spark.read.format("binaryFile").load("images/*.jpg").selectExpr("path AS id", "content AS image")
    images.mapInPandas(classify, SCHEMA).write.parquet("results")

galaxy-classify, pandas and pyarrow must be installed on the workers. Import the function instead of pasting it into a
notebook: Spark cannot pickle a cached function that belongs to no module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from functools import cache
from typing import Final

import pandas as pd

from galaxy_classify import GalaxyClassifier, Prediction

#: Schema of the result, in Spark's notation.
SCHEMA: Final = (
    "id string, status string, model string, label string, confidence double, "
    "probabilities map<string, double>, message string, familiarity double, "
    "coarse_label string, coarse_confidence double, prediction_set array<string>"
)


@cache
def classifier() -> GalaxyClassifier:
    """Return this Python worker's classifier, with one thread, as Spark runs a worker on each core."""
    return GalaxyClassifier(threads=1)


def classify(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Classify the encoded images in the column ``image``; the column ``id`` names the rows."""
    columns = [field.name for field in fields(Prediction)]
    for frame in frames:
        images = zip(map(str, frame["id"]), frame["image"], strict=True)
        rows = pd.DataFrame(map(asdict, classifier().classify(images)), columns=columns)
        yield rows.rename(columns={"path": "id"})
