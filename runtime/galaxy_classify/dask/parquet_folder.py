"""Read a folder of Parquet files, such as a HATS catalogue, as a Dask data frame with one partition per file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.folders import walk
from galaxy_classify.tables.read import table_errors

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd


def read_parquet(
    folder: str | os.PathLike[str], *, columns: Sequence[str] | None = None, index: str | None = None
) -> dd.DataFrame:
    """Read a folder of Parquet files, such as the ``dataset`` of a HATS catalogue.

    Unlike ``dask.dataframe.read_parquet``, this names a file that cannot be read, and does not turn names of folders
    (``Norder=1``) into columns.

    Parameters
    ----------
    folder : str or path-like
        Folder that is searched recursively; names that begin with ``_`` or ``.`` are skipped.
    columns : sequence of str, optional
        Columns to read; by default all.
    index : str, optional
        Column that becomes the index (``_healpix_29`` for HATS); by default the one in the files' pandas metadata.

    Returns
    -------
    dask.dataframe.DataFrame
        Data frame with one partition per file, in the order of their paths, and unknown divisions.

    Raises
    ------
    UsageError
        If there is no Parquet file, or the first cannot be read; on computing, if another one cannot be read.
    """
    import dask.dataframe as dd

    root = os.path.abspath(os.fspath(folder))
    files = sorted(_parquet_files(root))
    if not files:
        raise UsageError(f"{root}: no Parquet files found")
    meta = read_file(files[0], columns, index, empty=True)
    return dd.from_map(read_file, files, wanted=columns, index=index, meta=meta)


def read_file(path: str, wanted: Sequence[str] | None, index: str | None, *, empty: bool = False) -> pd.DataFrame:
    """Read one file's wanted columns (None for all), or with ``empty`` only their names and types, as Dask's meta.

    Raise `UsageError` that names the file if it cannot be read.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pd.StringDtype("pyarrow")  # Dask's default type for text
    types = {pa.string(): text, pa.large_string(): text}
    for binary in (pa.binary(), pa.large_binary()):
        # By default pandas stores bytes as objects, which Dask converts to text. It leaves Arrow's own type alone.
        types[binary] = pd.ArrowDtype(binary)
    with table_errors(path), pq.ParquetFile(path) as file:
        groups = range(0 if empty else file.num_row_groups)
        names = None if wanted is None else list(dict.fromkeys([*wanted, *([index] if index else [])]))
        table = file.read_row_groups(list(groups), columns=names, use_pandas_metadata=True)
        frame = table.to_pandas(types_mapper=types.get)
        return frame if index is None or frame.index.name == index else frame.set_index(index)


def _parquet_files(root: str) -> Iterator[str]:
    for folder, folders, names in walk(root, prune=True):
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
        for name in names:
            if name.endswith(".parquet") and not name.startswith(("_", ".")):
                yield os.path.join(folder, name)
