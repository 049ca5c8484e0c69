"""Tell the format of a table by the suffix of its file."""

from __future__ import annotations

import os
from typing import Final

#: Suffixes of the tables that can be read, and which format each is.
READABLE: Final = {
    ".csv": ".csv",
    ".csv.gz": ".csv",
    ".parquet": ".parquet",
    ".fits": ".fits",
    ".fit": ".fits",
    ".fits.gz": ".fits",
    ".ecsv": ".ecsv",
    ".vot": ".vot",
    ".vot.gz": ".vot",
    ".xml": ".vot",
}
GZIP: Final = ".gz"


def table_suffix(path: str) -> str:
    """Return the suffix that tells a table's format, in lower case.

    Examples
    --------
    >>> table_suffix("gz2.v1.CSV.gz"), table_suffix("result.vot")
    ('.csv.gz', '.vot')
    """
    stem, suffix = os.path.splitext(path.lower())
    return os.path.splitext(stem)[1] + suffix if suffix == GZIP else suffix
