"""Result files that are made from whole columns: Parquet, and the tables that astronomers' tools read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from galaxy_classify.commandline import require_extra
from galaxy_classify.layout import Column, Kind
from galaxy_classify.printable import printable
from galaxy_classify.writers import OutputFormat

#: Rows of a Parquet file that are written, and can be read, together.
ROW_GROUP: Final = 16_384
#: Under this name a file says what it was made with, as JSON.
PROVENANCE: Final = "galaxy_classify"

Row = dict[str, Any]


def require_format(output_format: OutputFormat) -> None:
    """Check that what a format needs is installed, before anything is classified.

    Raises
    ------
    MissingExtraError
        If it is not; the message names the command that installs it.
    """
    if output_format is OutputFormat.PARQUET:
        require_extra("parquet", ("pyarrow",))
    elif output_format.is_typed:
        require_extra("fits", ("astropy",))


def write_typed(
    rows: Iterable[Row],
    path: str,
    output_format: OutputFormat,
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
    output_format : OutputFormat
        A typed one.
    columns : sequence of Column
        The columns, in order.
    provenance : dict
        What the rows were made with.
    """
    if output_format is OutputFormat.PARQUET:
        _write_parquet(rows, path, columns, provenance)
        return
    table = _astropy_table(rows, columns)
    if output_format is OutputFormat.FITS:
        _write_fits(table, path, columns, provenance)
    elif output_format is OutputFormat.VOT:
        _write_votable(table, path, provenance)
    else:
        table.meta[PROVENANCE] = provenance
        table.write(path, format="ascii.ecsv", overwrite=True)


def _write_parquet(rows: Iterable[Row], path: str, columns: Sequence[Column], provenance: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "float32": pa.float32(), "text": pa.string()}
    fields = [pa.field(column.name, types[column.kind], metadata=_field_metadata(column)) for column in columns]
    schema = pa.schema(fields, metadata={PROVENANCE: json.dumps(provenance)})
    stream = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(islice(stream, ROW_GROUP)):
            values = [[utf8(row[column.name]) for row in group] for column in columns]
            arrays = [pa.array(value, field.type) for value, field in zip(values, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _field_metadata(column: Column) -> dict[str, str]:
    known = {"unit": column.unit, "ucd": column.ucd, "description": column.description}
    return {key: value for key, value in known.items() if value}


def utf8(value: Any) -> Any:
    r"""Return text without what is not UTF-8: bytes of a file name that are not are escaped; other values as they are.

    Examples
    --------
    >>> utf8("m\udcff.jpg"), utf8(1)
    ('m\\xff.jpg', 1)
    """
    return (
        value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if isinstance(value, str)
        else value
    )


def _astropy_table(rows: Iterable[Row], columns: Sequence[Column]) -> Any:
    from astropy.table import Table

    values: dict[str, list[Any]] = {column.name: [] for column in columns}
    for row in rows:
        for name, cells in values.items():
            cells.append(row[name])
    return Table([_astropy_column(column, values.pop(column.name)) for column in columns])


def _astropy_column(column: Column, cells: list[Any]) -> Any:
    import numpy as np
    from astropy.table import Column as AstropyColumn
    from astropy.table import MaskedColumn

    about = {
        "name": column.name,
        "unit": column.unit or None,
        "description": column.description or None,
        "meta": {"ucd": column.ucd} if column.ucd else {},
    }
    missing = [cell is None for cell in cells]
    kind: Kind = "text" if column.kind == "bool" and any(missing) else column.kind  # FITS has no third truth value
    if kind == "text":
        text = ["" if cell is None else printable(str(cell)) for cell in cells]
        return AstropyColumn(np.array(text, dtype=str), **about)
    if kind in ("float", "float32"):
        return AstropyColumn(np.array([np.nan if cell is None else cell for cell in cells], _DTYPES[kind]), **about)
    filled = np.array([0 if cell is None else cell for cell in cells], _DTYPES[kind])
    return MaskedColumn(filled, mask=missing, **about) if any(missing) else AstropyColumn(filled, **about)


_DTYPES: Final[dict[Kind, str]] = {"bool": "?", "int": "i8", "float": "f8", "float32": "f4"}


def _write_fits(table: Any, path: str, columns: Sequence[Column], provenance: dict[str, Any]) -> None:
    from astropy.io import fits

    for name in table.colnames:
        if table[name].dtype.kind == "U":  # in FITS text is bytes
            table[name] = [text.encode() for text in table[name].tolist()] or table[name].astype("S1")
        table[name].description = None  # in a header that Astropy writes it would be YAML
        table[name].meta.clear()
    hdu = fits.table_to_hdu(table)
    hdu.name = "GALAXIES"
    for number, column in enumerate(columns, 1):
        # TOPCAT reads both, as written by its own FITS writer.
        if column.ucd:
            hdu.header[f"TUCD{number}"] = column.ucd
        if column.description:
            hdu.header[f"TCOMM{number}"] = column.description
    hdu.header["GCMODEL"] = (provenance["model"]["name"], "model")
    hdu.header["GCSHA256"] = provenance["model"]["sha256"]
    hdu.header["GCVERS"] = (provenance["package_version"], "version of galaxy-classify")
    hdu.header["GCPROV"] = json.dumps(provenance)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)


def _write_votable(table: Any, path: str, provenance: dict[str, Any]) -> None:
    from astropy.io.votable import from_table, writeto
    from astropy.io.votable.tree import Info

    document = from_table(table)
    document.resources[0].infos.append(Info(name=PROVENANCE, value=json.dumps(provenance)))
    writeto(document, path)
