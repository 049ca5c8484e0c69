"""Folders of Parquet files, such as HATS catalogues, as Dask data frames: a partition for each file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from galaxy_classify.errors import UsageError
from galaxy_classify.tables.read import table_errors

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd


def read_parquet(
    folder: str | os.PathLike[str], *, columns: Sequence[str] | None = None, index: str | None = None
) -> dd.DataFrame:
    """Read a folder of Parquet files, such as the ``dataset`` of a HATS catalogue.

    ``dask.dataframe.read_parquet`` reads them as well. What this adds: a file that cannot be read is named, and the
    folders' names (``Norder=1``) do not become columns.

    Parameters
    ----------
    folder : str or path-like
        Searched with the folders in it; names that begin with ``_`` or ``.`` are passed over.
    columns : sequence of str, optional
        Columns to read; by default all.
    index : str, optional
        Column that becomes the index, for HATS ``_healpix_29``; by default as the files say.

    Returns
    -------
    dask.dataframe.DataFrame
        A partition for each file, in the order of their paths; the divisions are not known.

    Raises
    ------
    UsageError
        If there is no Parquet file, or the first cannot be read; when the result is computed, if another cannot.
    """
    import dask.dataframe as dd

    root = os.path.abspath(os.fspath(folder))
    files = sorted(_parquet_files(root))
    if not files:
        raise UsageError(f"{root}: no Parquet files there")
    meta = read_file(files[0], columns, index, empty=True)
    return dd.from_map(read_file, files, wanted=columns, index=index, meta=meta)


def read_file(path: str, wanted: Sequence[str] | None, index: str | None, *, empty: bool = False) -> pd.DataFrame:
    """Read one file.

    Parameters
    ----------
    path : str
        The file.
    wanted : sequence of str or None
        Columns to read; None for all.
    index : str or None
        Column that becomes the index.
    empty : bool
        Whether only names and types are wanted.

    Raises
    ------
    UsageError
        If it cannot be read; the message names it.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pd.StringDtype("pyarrow")  # as Dask has it by default
    types = {pa.string(): text, pa.large_string(): text}
    for binary in (pa.binary(), pa.large_binary()):
        types[binary] = pd.ArrowDtype(binary)  # which Dask does not take for text, as it does Python's bytes
    with table_errors(path), pq.ParquetFile(path) as file:
        groups = range(0 if empty else file.num_row_groups)
        names = None if wanted is None else list(dict.fromkeys([*wanted, *([index] if index else [])]))
        table = file.read_row_groups(list(groups), columns=names, use_pandas_metadata=True)
        frame = table.to_pandas(types_mapper=types.get)
        return frame if index is None or frame.index.name == index else frame.set_index(index)


def _parquet_files(root: str) -> Iterator[str]:
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
        for name in names:
            if name.endswith(".parquet") and not name.startswith(("_", ".")):
                yield os.path.join(folder, name)
