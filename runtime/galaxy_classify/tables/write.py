"""Result files that are made from whole columns: Parquet, and the tables that astronomers' tools read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from galaxy_classify.tables.astropy_table import astropy_table, write_fits, write_votable
from galaxy_classify.tables.columns import PROVENANCE, Column, Row
from galaxy_classify.tables.parquet_table import write_parquet


def write_typed(
    rows: Iterable[Row],
    path: str,
    output_format: str,
    columns: Sequence[Column],
    provenance: dict[str, Any],
) -> None:
    """Write rows into a file of typed columns.

    Parquet is written as the rows come; of the other formats all rows are in memory at once.

    Parameters
    ----------
    rows : iterable of dict
        Column name to value, None for nothing.
    path : str
        The file.
    output_format : {"parquet", "fits", "ecsv", "vot"}
        The file's.
    columns : sequence of Column
        The columns, in order.
    provenance : dict
        What the rows were made with.
    """
    if output_format == "parquet":
        write_parquet(rows, path, columns, provenance)
        return
    table = astropy_table(rows, columns)
    if output_format == "fits":
        write_fits(table, path, columns, provenance)
    elif output_format == "vot":
        write_votable(table, path, provenance)
    else:
        table.meta[PROVENANCE] = provenance
        table.write(path, format="ascii.ecsv", overwrite=True)
