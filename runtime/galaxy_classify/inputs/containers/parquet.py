"""Images in a column of a Parquet file, read a few rows at a time."""

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
from galaxy_classify.inputs.containers.member import errors_of, too_large
from galaxy_classify.inputs.names import place_in_container
from galaxy_classify.inputs.source import LARGEST, MEMBER, InOrder, Source
from galaxy_classify.tables.parquet_table import CHUNK_ROWS, is_binary
from galaxy_classify.text import did_you_mean

#: Columns that are taken for images and for their names, the first one that is there.
IMAGE_COLUMNS: Final = ("image", "jpg", "jpeg", "png", "bytes", "content")


NAME_COLUMNS: Final = ("path", "file", "id_str", "id", "objid")


#: Fields of the struct that Hugging Face's data sets keep an image in.
BYTES_FIELD: Final = "bytes"


PATH_FIELD: Final = "path"


#: Images that are unpacked together.
BATCH_ROWS: Final = 16


#: Bytes of a column that are read together; without a number, PyArrow would read a whole row group of images.
BUFFER_BYTES: Final = 1 << 20


class ParquetImages:
    """A Parquet file with a column of encoded images.

    Parameters
    ----------
    path : str
        The file.
    image_column : str, optional
        Binary column, or struct with a binary field ``bytes``; by default the first of `IMAGE_COLUMNS` that is one.
    name_column : str, optional
        Column of text or integers that tells the images' names; by default the first of `NAME_COLUMNS` that is one,
        else the struct's field ``path``. Where there is none, or no value, it is the number of the row, from 0.

    Raises
    ------
    ImageError
        If the file cannot be read.
    UsageError
        If it has no such column; the message does not repeat the path.
    MissingExtraError
        If PyArrow is not installed.
    """

    def __init__(self, path: str, image_column: str | None = None, name_column: str | None = None) -> None:
        require_extra("parquet", ("pyarrow",))
        self._path = path
        open_regular_file(path).close()
        with errors_of("Parquet file"), _open(path) as file:
            self._groups = [file.metadata.row_group(index).num_rows for index in range(file.metadata.num_row_groups)]
            fields = {field.name: field.type for field in file.schema_arrow}
        image = _choose_image(fields, image_column)
        self._name = name_column or _choose_name(fields, image)
        leaf = image if is_binary(fields[image]) else f"{image}.{BYTES_FIELD}"
        # What is asked for once more, after it was passed, must not turn the first reader back.
        self._first = _ImageReader(path, leaf, self._groups)
        self._second = _ImageReader(path, leaf, self._groups)

    def __len__(self) -> int:
        return sum(self._groups)

    def sources(self, place: str = "") -> Iterator[Source]:
        """Yield an input for each row.

        Parameters
        ----------
        place : str, optional
            Folder for sorted copies.

        Yields
        ------
        Source
            Its path is ``FILE::NAME``. The image is read when it is asked for, in order (`InOrder`).

        Raises
        ------
        ImageError
            If the names cannot be read any further.
        """
        for row, value in enumerate(self._names()):
            name = str(row) if value is None or value == "" else str(value)
            content = InOrder(partial(self._read, row))
            yield Source(f"{self._path}{MEMBER}{name}", place_in_container(place, name), content=content)

    def _names(self) -> Iterator[Any]:
        if self._name is None:
            yield from (None for _ in range(len(self)))
            return
        with errors_of("Parquet file"), _open(self._path) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=[self._name], use_threads=False):
                yield from _leaf(batch).to_pylist()

    def _read(self, row: int) -> bytes:
        return (self._first if row >= self._first.start else self._second).read(row)


class _ImageReader:
    """Reads the images of some rows; in order, each is unpacked once.

    Parameters
    ----------
    path : str
        The file.
    leaf : str
        Column of bytes, or field of a struct.
    groups : sequence of int
        Rows of each row group.

    Attributes
    ----------
    start : int
        The first row of those that are in memory.
    """

    def __init__(self, path: str, leaf: str, groups: Sequence[int]) -> None:
        self._path = path
        self._leaf = leaf
        self._bounds = list(accumulate(groups, initial=0))
        self._lock = Lock()
        self._damaged: dict[int, str] = {}
        self._group = -1  # the one that is being read
        self._batches: Iterator[Any] = iter(())
        self._values: Any = ()
        self.start = 0

    def read(self, row: int) -> bytes:
        """Return the image in a row.

        Raises
        ------
        ImageError
            If there is none, it is too large, or its row group is damaged.
        """
        with self._lock:
            if not self.start <= row < self.start + len(self._values):
                self._move(row)
            buffer = self._values[row - self.start].as_buffer()
        if buffer is None:
            raise ImageError("no image in this row")
        if buffer.size > LARGEST:
            raise ImageError(too_large(buffer.size).reason)
        content: bytes = buffer.to_pybytes()
        return content

    def _move(self, row: int) -> None:
        group = bisect_right(self._bounds, row) - 1
        if group in self._damaged:
            raise ImageError(self._damaged[group])
        try:
            with errors_of("Parquet file"):
                if row < self.start or group != self._group:
                    self._group, self.start, self._values = group, self._bounds[group], ()
                    self._batches = self._read_group(group)
                while row >= self.start + len(self._values):
                    values = next(self._batches)
                    self.start += len(self._values)
                    self._values = values
        except ImageError as error:
            # To find what else could be read of the group, it would be read once more for each of its rows.
            self._damaged[group] = str(error)
            self._group, self._values = -1, ()
            raise

    def _read_group(self, group: int) -> Iterator[Any]:
        with _open(self._path) as file:
            batches = file.iter_batches(BATCH_ROWS, row_groups=[group], columns=[self._leaf], use_threads=False)
            yield from map(_leaf, batches)


def _open(path: str) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False)


def _leaf(batch: Any) -> Any:
    """Return the values of a batch's one column, or of its one field if it is a struct."""
    import pyarrow.types as types

    column = batch.column(0)
    return column.flatten()[0] if types.is_struct(column.type) else column


def _choose_image(fields: dict[str, Any], wanted: str | None) -> str:
    there = [name for name in fields if _holds_images(fields[name])]
    if wanted is None:
        found = next((name for name in IMAGE_COLUMNS if name in there), None)
        if found is None:
            has = f"columns of bytes: {', '.join(there)}; --image-column chooses one" if there else _columns(fields)
            raise UsageError(f"has no column of images called {', '.join(IMAGE_COLUMNS)}; it has {has}")
        return found
    if wanted not in fields:
        raise UsageError(f"has no column {wanted!r}; {did_you_mean(wanted, fields)}it has {_columns(fields)}")
    if wanted not in there:
        raise UsageError(f"column {wanted!r} holds no bytes, but {fields[wanted]}; columns of bytes: {_columns(there)}")
    return wanted


def _columns(names: Any) -> str:
    return ", ".join(names) or "none"


def _holds_images(arrow_type: Any) -> bool:
    return is_binary(arrow_type) or BYTES_FIELD in _fields(arrow_type, is_binary)


def _fields(arrow_type: Any, test: Any) -> list[str]:
    """Return the fields of a struct whose types pass a test; none if it is no struct."""
    import pyarrow.types as types

    return [field.name for field in arrow_type if test(field.type)] if types.is_struct(arrow_type) else []


def _choose_name(fields: dict[str, Any], image: str) -> str | None:
    there = (name for name in NAME_COLUMNS if name in fields and _holds_names(fields[name]))
    inside = (f"{image}.{name}" for name in _fields(fields[image], _holds_names) if name == PATH_FIELD)
    return next(chain(there, inside), None)


def _holds_names(arrow_type: Any) -> bool:
    import pyarrow.types as types

    return any(test(arrow_type) for test in (types.is_string, types.is_large_string, types.is_integer))
