"""Read and write Parquet tables."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from galaxy_classify.tables.columns import PROVENANCE, Column, Kind, Row, plain_value
from galaxy_classify.text import utf8

#: Rows that are read at a time.
CHUNK_ROWS: Final = 4096


class ParquetTable:
    """Parquet file as a table; columns of bytes are left out, and nested columns become JSON text."""

    def __init__(self, path: str) -> None:
        import pyarrow.parquet

        self._path = path
        with pyarrow.parquet.ParquetFile(parquet_source(path)) as file:
            self._length = int(file.metadata.num_rows)
            fields = [field for field in file.schema_arrow if not _holds_bytes(field.type)]
            names = file.schema_arrow.names
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"has two columns {min(twice)!r}")
        self.columns = [_arrow_column(field) for field in fields]

    def __len__(self) -> int:
        return self._length

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the values of each row."""
        import pyarrow.parquet

        names = [column.name for column in self.columns]
        with pyarrow.parquet.ParquetFile(parquet_source(self._path)) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=names):
                values = [
                    [plain_value(value, column.kind) for value in batch.column(column.name).to_pylist()]
                    for column in self.columns
                ]
                yield from zip(*values, strict=True) if values else [()] * batch.num_rows


def parquet_source(path: str) -> Any:
    """Return what PyArrow can open a file by: of paths as text it takes those in UTF-8 only."""
    import pyarrow

    return path if path == utf8(path) else pyarrow.OSFile(os.fsencode(path))


def is_binary(arrow_type: Any) -> bool:
    """Return whether a column of this PyArrow type holds bytes."""
    import pyarrow.types as types

    tests = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(test(arrow_type) for test in tests)


def _holds_bytes(arrow_type: Any) -> bool:
    """Return whether values are bytes, or structs with a field of bytes, as images in Hugging Face data sets are."""
    import pyarrow.types as types

    if types.is_dictionary(arrow_type):
        return _holds_bytes(arrow_type.value_type)
    inside = arrow_type if types.is_struct(arrow_type) else ()
    return is_binary(arrow_type) or any(is_binary(field.type) for field in inside)


def _arrow_column(field: Any) -> Column:
    about = {key.decode(): value.decode("utf-8", "replace") for key, value in (field.metadata or {}).items()}
    known = {key: about[key] for key in ("unit", "ucd", "description") if key in about}
    return Column(field.name, _arrow_kind(field.type), **known)


def _arrow_kind(arrow_type: Any) -> Kind:
    import pyarrow.types as types

    if types.is_dictionary(arrow_type):
        return _arrow_kind(arrow_type.value_type)
    if types.is_boolean(arrow_type):
        return "bool"
    # uint64 does not fit the signed 64-bit columns of a result: carry it as text, with all its digits.
    if types.is_integer(arrow_type) and not types.is_uint64(arrow_type):
        return "int"
    if types.is_float32(arrow_type):
        return "float32"
    return "float" if types.is_floating(arrow_type) else "text"


#: Rows in each row group that is written: the unit that is held in memory.
ROW_GROUP: Final = 16_384


#: Key of the file's metadata for the checksum of its rows.
ROWS_SHA256: Final = "galaxy_classify_rows_sha256"


def write_parquet(rows: Iterable[Row], path: str, columns: Sequence[Column], provenance: dict[str, Any]) -> None:
    """Write rows as Parquet, one row group at a time, with the provenance and a checksum of all in the metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "float32": pa.float32(), "text": pa.string()}
    fields = [pa.field(column.name, types[column.kind], metadata=_field_metadata(column)) for column in columns]
    schema = pa.schema(fields, metadata={PROVENANCE: json.dumps(provenance)})
    stream = iter(rows)
    checksum = _Checksum(schema)
    with pa.OSFile(os.fsencode(path), "wb") as file, pq.ParquetWriter(file, schema) as writer:
        while group := list(islice(stream, ROW_GROUP)):
            values = [[_parquet_value(row[column.name], column.kind) for row in group] for column in columns]
            arrays = [pa.array(value, field.type) for value, field in zip(values, schema, strict=True)]
            table = pa.Table.from_arrays(arrays, schema=schema)
            checksum.add(table)
            writer.write_table(table)
        writer.add_key_value_metadata({ROWS_SHA256: checksum.hexdigest()})


class _Checksum:
    """SHA-256 of a file's columns, provenance and rows, whatever their encoding."""

    def __init__(self, schema: Any) -> None:
        about = [[field.name, str(field.type)] for field in schema]
        self._digest = hashlib.sha256(json.dumps(about).encode() + schema.metadata[PROVENANCE.encode()])

    def add(self, group: Any) -> None:
        """Add the rows of one row group."""
        for column in group.columns:
            self._digest.update(json.dumps(column.to_pylist()).encode() + b"\n")

    def hexdigest(self) -> str:
        """Return the checksum."""
        return self._digest.hexdigest()


def verify_rows(file: Any) -> bool:
    """Read all rows of an opened Parquet result, and tell whether it has a checksum.

    Raises
    ------
    ValueError
        If the rows are not those that were written.
    Exception
        If they cannot be read; PyArrow raises many.
    """
    checksum = _Checksum(file.schema_arrow)
    for group in range(file.num_row_groups):
        checksum.add(file.read_row_group(group))
    written = (file.metadata.metadata or {}).get(ROWS_SHA256.encode())
    if written is not None and written.decode("ascii", "replace") != checksum.hexdigest():
        raise ValueError("its rows are not those that were written: the file has been damaged")
    return written is not None


def _parquet_value(value: Any, kind: Kind) -> Any:
    """Return a value as Parquet holds it; infinity comes as text, as in JSON."""
    return float(value) if kind in ("float", "float32") and isinstance(value, str) else utf8(value)


def _field_metadata(column: Column) -> dict[str, str]:
    known = {"unit": column.unit, "ucd": column.ucd, "description": column.description}
    return {key: value for key, value in known.items() if value}
