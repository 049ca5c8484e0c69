"""Read images from a column of a Parquet file, a few rows at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, chain
from threading import Lock
from typing import Any, Final

from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.extras import require_extra
from galaxy_classify.images.open_file import open_regular_file
from galaxy_classify.inputs.containers.member import damage_errors, too_large
from galaxy_classify.inputs.names import place_in_container
from galaxy_classify.inputs.source import LARGEST, MEMBER, InOrder, Source
from galaxy_classify.tables.parquet_table import CHUNK_ROWS, is_binary, parquet_source
from galaxy_classify.text import did_you_mean

#: Default columns of images and of their names: the first one that exists.
IMAGE_COLUMNS: Final = ("image", "jpg", "jpeg", "png", "bytes", "content")
NAME_COLUMNS: Final = ("path", "file", "id_str", "id", "objid")
#: Fields of the struct in which Hugging Face data sets store an image.
BYTES_FIELD: Final = "bytes"
PATH_FIELD: Final = "path"
#: Images decoded from the Parquet file at a time.
BATCH_ROWS: Final = 16
#: Bytes of a column read at a time. Without this, PyArrow reads a whole row group of images into memory.
BUFFER_BYTES: Final = 1 << 20


class ParquetImages:
    """Parquet file with a column of encoded images.

    Parameters
    ----------
    path : str
        The file.
    image_column : str, optional
        Binary column, or struct with a binary field ``bytes``; by default the first of `IMAGE_COLUMNS` that is one.
    name_column : str, optional
        Column of text or integers with the images' names; by default the first of `NAME_COLUMNS` that is one, else the
        struct's field ``path``. Without a name, an image is named by the number of its row, from 0.

    Raises
    ------
    ImageError
        If the file cannot be read.
    UsageError
        If it has no such column. The message leaves out the path, which the caller adds.
    MissingExtraError
        If PyArrow is not installed.
    """

    def __init__(self, path: str, image_column: str | None = None, name_column: str | None = None) -> None:
        require_extra("parquet", ("pyarrow",))
        self._path = path
        open_regular_file(path).close()
        with damage_errors("Parquet file"), _open(path) as file:
            self._groups = [file.metadata.row_group(index).num_rows for index in range(file.metadata.num_row_groups)]
            fields = {field.name: field.type for field in file.schema_arrow}
        image = _choose_image(fields, image_column)
        self._name = name_column or _choose_name(fields, image)
        leaf = image if is_binary(fields[image]) else f"{image}.{BYTES_FIELD}"
        # Reading an earlier row restarts its row group from the beginning. A second reader does that, so that the first
        # one, which the classifier reads forwards, keeps its position.
        self._forward_reader = _ImageReader(path, leaf, self._groups)
        self._backward_reader = _ImageReader(path, leaf, self._groups)

    def __len__(self) -> int:
        return sum(self._groups)

    def sources(self, place: str = "") -> Iterator[Source]:
        """Yield an input ``FILE::NAME`` for each row; its image is read when its content is called.

        ``place`` is the folder for sorted copies. Raise `ImageError` when the names cannot be read any further.
        """
        for row, value in enumerate(self._names()):
            name = str(row) if value is None or value == "" else str(value)
            content = InOrder(partial(self._read, row))
            yield Source(f"{self._path}{MEMBER}{name}", place_in_container(place, name), content=content)

    def _names(self) -> Iterator[Any]:
        if self._name is None:
            yield from (None for _ in range(len(self)))
            return
        with damage_errors("Parquet file"), _open(self._path) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=[self._name], use_threads=False):
                yield from _leaf(batch).to_pylist()

    def _read(self, row: int) -> bytes:
        reader = self._forward_reader if row >= self._forward_reader.start else self._backward_reader
        return reader.read(row)


class _ImageReader:
    """Read images by row number, with one batch of rows in memory; forward reading decodes each row once.

    ``leaf`` is the column of bytes, or the field of a struct; ``groups`` are the sizes of the row groups; ``start`` is
    the first row of the batch in memory.
    """

    def __init__(self, path: str, leaf: str, groups: Sequence[int]) -> None:
        self._path = path
        self._leaf = leaf
        self._bounds = list(accumulate(groups, initial=0))
        self._lock = Lock()
        self._damaged: dict[int, str] = {}
        self._group = -1  # index of the row group that is being read
        self._batches: Iterator[Any] = iter(())
        self._values: Any = ()
        self.start = 0

    def read(self, row: int) -> bytes:
        """Return the image in a row; raise `ImageError` if it is missing or too large, or its row group is damaged."""
        with self._lock:
            if not self.start <= row < self.start + len(self._values):
                self._seek(row)
            buffer = self._values[row - self.start].as_buffer()
        if buffer is None:
            raise ImageError("no image in this row")
        if buffer.size > LARGEST:
            raise ImageError(too_large(buffer.size).reason)
        content: bytes = buffer.to_pybytes()
        return content

    def _seek(self, row: int) -> None:
        """Read on until the batch in memory contains the row."""
        group = bisect_right(self._bounds, row) - 1
        if group in self._damaged:
            raise ImageError(self._damaged[group])
        try:
            with damage_errors("Parquet file"):
                if row < self.start or group != self._group:
                    self._group, self.start, self._values = group, self._bounds[group], ()
                    self._batches = self._read_group(group)
                while row >= self.start + len(self._values):
                    values = next(self._batches, None)
                    if values is None:
                        raise ImageError("the Parquet file has fewer rows than its footer says")
                    self.start += len(self._values)
                    self._values = values
        except ImageError as error:
            # Remember the damage. Otherwise each further row of the group would start reading it again.
            self._damaged[group] = str(error)
            self._group, self._values = -1, ()
            raise

    def _read_group(self, group: int) -> Iterator[Any]:
        with _open(self._path) as file:
            batches = file.iter_batches(BATCH_ROWS, row_groups=[group], columns=[self._leaf], use_threads=False)
            yield from map(_leaf, batches)


def _open(path: str) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(parquet_source(path), buffer_size=BUFFER_BYTES, pre_buffer=False)


def _leaf(batch: Any) -> Any:
    """Return the values of a batch's only column, or of that struct's only field."""
    import pyarrow.types as types

    column = batch.column(0)
    return column.flatten()[0] if types.is_struct(column.type) else column


def _choose_image(fields: dict[str, Any], wanted: str | None) -> str:
    """Return the name of the column of images; ``fields`` maps each column to its Arrow type."""
    binary = [name for name in fields if _holds_images(fields[name])]
    if wanted is None:
        found = next((name for name in IMAGE_COLUMNS if name in binary), None)
        if found is None:
            has = f"columns of bytes: {', '.join(binary)}; --image-column chooses one" if binary else _columns(fields)
            has += "" if binary else "; --catalog reads the images that a table lists"
            raise UsageError(f"has no column of images called {', '.join(IMAGE_COLUMNS)}; it has {has}")
        return found
    if wanted not in fields:
        raise UsageError(f"has no column {wanted!r}; {did_you_mean(wanted, fields)}it has {_columns(fields)}")
    if wanted not in binary:
        kind, others = fields[wanted], _columns(binary)
        raise UsageError(f"column {wanted!r} holds {kind}, not bytes; columns of bytes: {others}")
    return wanted


def _columns(names: Any) -> str:
    return ", ".join(names) or "none"


def _holds_images(arrow_type: Any) -> bool:
    return is_binary(arrow_type) or BYTES_FIELD in _fields(arrow_type, is_binary)


def _fields(arrow_type: Any, test: Any) -> list[str]:
    """Return the names of a struct's fields whose types pass a test; of any other type none."""
    import pyarrow.types as types

    return [field.name for field in arrow_type if test(field.type)] if types.is_struct(arrow_type) else []


def _choose_name(fields: dict[str, Any], image: str) -> str | None:
    """Return the column, or field of the image's struct, with the images' names; None if there is none."""
    columns = (name for name in NAME_COLUMNS if name in fields and _holds_names(fields[name]))
    struct_fields = (f"{image}.{name}" for name in _fields(fields[image], _holds_names) if name == PATH_FIELD)
    return next(chain(columns, struct_fields), None)


def _holds_names(arrow_type: Any) -> bool:
    import pyarrow.types as types

    return any(test(arrow_type) for test in (types.is_string, types.is_large_string, types.is_integer))
