"""Write rows in a format with typed columns: Parquet, FITS, ECSV or VOTable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.tables.columns import PROVENANCE, Column, Row
from galaxy_classify.tables.parquet_table import write_parquet
from galaxy_classify.tables.write_astropy import astropy_table, escaped, write_fits, write_votable
from galaxy_classify.text import utf8

#: The FITS standard numbers columns with three digits.
MOST_FITS_COLUMNS: Final = 999


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


def check_columns(columns: Sequence[Column], output_format: str) -> None:
    """Check that a format can hold columns of these names, before anything is classified.

    Raises
    ------
    UsageError
        If it cannot; the message names the column.
    """
    for column in columns:
        name = column.name
        fault = ""
        length = len(name.replace("'", "''"))
        if output_format == "fits" and not (name.isascii() and name.isprintable() and name.strip() and length <= 68):
            fault = "a name there has 1 to 68 characters, all of them ASCII"
        elif output_format in ("ecsv", "vot") and (escaped(name) != name or not name.strip()):
            fault = "it is empty or has control characters"
        elif output_format == "parquet" and utf8(name) != name:
            fault = "it is not UTF-8"
        if fault:
            raise UsageError(
                f"--format {output_format} cannot hold a column {name!r}: {fault}; choose another format, or rename it"
            )
    if output_format == "fits" and len(columns) > MOST_FITS_COLUMNS:
        raise UsageError(f"--format fits holds {MOST_FITS_COLUMNS} columns, these are {len(columns)}")


def stored_text(output_format: str) -> Callable[[str], str]:
    """Return the function that gives what is read back from a file of this format for a text.

    In FITS spaces at the end have no meaning, and Astropy leaves out those at both ends of text in ECSV and VOTable.
    """
    if output_format == "parquet":
        return utf8
    if output_format == "fits":
        return lambda text: escaped(text).rstrip(" ")
    return lambda text: escaped(text).strip()
