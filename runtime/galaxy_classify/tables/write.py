"""Write rows in a format with typed columns: Parquet, FITS, ECSV or VOTable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from galaxy_classify.tables.astropy_table import astropy_table, escaped, write_fits, write_votable
from galaxy_classify.tables.columns import PROVENANCE, Column, Row
from galaxy_classify.tables.parquet_table import utf8, write_parquet


def write_typed(
    rows: Iterable[Row],
    path: str,
    output_format: str,
    columns: Sequence[Column],
    provenance: dict[str, Any],
) -> None:
    """Write rows to a file in the format ``parquet``, ``fits``, ``ecsv`` or ``vot``.

    A row maps column names to values, None for a missing one. Parquet is written while the rows come; the other formats
    need all rows in memory. ``provenance`` (model, settings, versions) goes into the file's metadata.
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


def stored_text(output_format: str) -> Callable[[str], str]:
    """Return the function that gives what a file of this format holds for a text."""
    if output_format == "parquet":
        return utf8
    return (lambda text: escaped(text).rstrip(" ")) if output_format == "fits" else escaped
