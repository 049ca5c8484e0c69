"""Science module for the Fink broker: the morphology of the galaxy in the stamps of alerts, as a pandas UDF of Spark.

::

    from fink_processor import galaxy_morphology

    alerts = alerts.withColumn("morphology", galaxy_morphology(alerts["cutoutTemplate.stampData"]))
    alerts.select("objectId", "morphology.status", "morphology.label", "morphology.model")

That is for ZTF's alerts; in Rubin's the stamp is the column ``cutoutTemplate`` itself. The template shows the galaxy
without the transient, the science image with it, and the difference shows no galaxy.

As a program this file classifies Avro files of ZTF's alerts::

    pip install 'galaxy-classify[fits]' pyspark pandas pyarrow fastavro
    spark-submit --py-files fink_stamps.py,ztf_alerts.py fink_processor.py ALERTS/*.avro RESULTS

All of these but pyspark must be installed on the workers, too.
"""

from __future__ import annotations

import argparse
from typing import Any

from fink_stamps import COLUMNS, classify_stamps
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import DataType, DoubleType, MapType, StringType, StructField, StructType

#: Types of the columns that are not text. The whole is not spelled as text: Spark could parse that only in a session.
TYPES: dict[str, DataType] = {
    "confidence": DoubleType(),
    "familiarity": DoubleType(),
    "probabilities": MapType(StringType(), DoubleType()),
}

#: Column of stamps -> column of structs with the fields `COLUMNS`. The function is in another module, so that Spark's
#: workers import it, with the classifier that it caches, instead of unpickling a copy.
galaxy_morphology: Any = pandas_udf(
    classify_stamps, StructType([StructField(name, TYPES.get(name, StringType())) for name in COLUMNS])
)


def main() -> None:
    """Classify Avro files of alerts, and write Parquet with a row for each alert."""
    from ztf_alerts import SCHEMA, read_alerts  # needs fastavro, which the UDF does not

    parser = argparse.ArgumentParser(description="Classify the galaxies in the stamps of ZTF's alerts.")
    parser.add_argument("alerts", nargs="+", help="Avro files, or folders of them")
    parser.add_argument("results", help="folder for the Parquet files; must not exist")
    parser.add_argument("--stamp", choices=("cutoutTemplate", "cutoutScience"), default="cutoutTemplate")
    options = parser.parse_args()
    # Alerts are large, and a batch is in memory as a whole: by default it has 10,000 rows.
    batch = ("spark.sql.execution.arrow.maxRecordsPerBatch", "256")
    spark = SparkSession.builder.appName("galaxy morphology").config(*batch).getOrCreate()
    files = spark.read.format("binaryFile").load(options.alerts).select("path", "content")
    alerts = files.mapInPandas(read_alerts, SCHEMA)
    morphology = galaxy_morphology(alerts[options.stamp]).alias("morphology")
    alerts.select("file", "objectId", "candid", "ra", "dec", morphology).write.parquet(options.results)


if __name__ == "__main__":
    main()
