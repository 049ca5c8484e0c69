"""Catalogues: tables with a column of image paths, whose other columns are carried through to the result."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from galaxy_classify.defaults import PATH_COLUMN
from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.inputs.containers.parquet import ParquetImages
from galaxy_classify.inputs.names import is_parquet_name, place_below, place_in_container
from galaxy_classify.inputs.remote import is_remote, remote_source
from galaxy_classify.inputs.source import Source
from galaxy_classify.tables.columns import Column
from galaxy_classify.tables.read import Table, open_table, table_errors
from galaxy_classify.text import did_you_mean

#: A column of the result keeps its name; a column of the catalogue with the same name gets this in front of it.
PREFIX: Final = "catalog_"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The inputs that a table lists.

    Parameters
    ----------
    table : Table
        The table.
    path_index : int or None
        Place of the column of paths; None if the images are in the table itself.
    kept : sequence of int
        Places of the columns that are carried through.
    columns : sequence of Column
        These columns, as they are named in the result.
    first : str or None
        The one of these that comes first in the result.
    root : str
        Folder, or URL of a prefix, that relative paths start from.
    images : ParquetImages, optional
        The images, if they are in the table itself.
    """

    table: Table
    path_index: int | None
    kept: Sequence[int]
    columns: Sequence[Column]
    first: str | None
    root: str
    images: ParquetImages | None = None

    def __len__(self) -> int:
        return len(self.table)

    def sources(self) -> Iterator[Source]:
        """Yield an input for each row, in order."""
        for row, source in self._rows():
            yield replace(source, carried=tuple(row[index] for index in self.kept))

    def _rows(self) -> Iterator[tuple[Sequence[Any], Source]]:
        if self.images is not None:
            yield from zip(self.table.rows(), self.images.sources(), strict=True)
        elif self.path_index is not None:
            for row in self.table.rows():
                yield row, self._named(str(row[self.path_index] or ""))

    def _named(self, name: str) -> Source:
        """Return the input that a path in the table stands for."""
        if is_remote(name):
            return remote_source(name)
        if not name or os.path.isabs(name) or not is_remote(self.root):
            return Source(os.path.join(self.root, name) if name else "", place_below(name))
        return remote_source(f"{self.root.rstrip('/')}/{name}", place_in_container("", name))


def open_catalog(
    path: str,
    *,
    path_column: str,
    id_column: str | None,
    root: str | None,
    reserved: Sequence[str],
    typed: bool,
    image_column: str | None = None,
) -> Catalog:
    """Open a catalogue and choose its columns; rows are read later.

    Parameters
    ----------
    path : str
        CSV, Parquet or FITS table, told apart by the suffix.
    path_column : str
        Column of image paths.
    id_column : str or None
        Column that comes first in the result.
    root : str or None
        Folder, or URL of a prefix, that relative paths start from; by default the catalogue's own.
    reserved : sequence of str
        Names of the result's own columns.
    typed : bool
        Whether columns of a CSV file that hold nothing but numbers become numbers. Its text is carried as it is
        otherwise.
    image_column : str, optional
        Column of a Parquet file that holds the images themselves. Then there need be no column of paths; if there is,
        it tells the images' names.

    Raises
    ------
    UsageError
        If the file cannot be read or a column is not there.
    MissingExtraError
        If reading it needs an extra.
    """
    with table_errors(path):
        table = open_table(path, typed=typed)
        names = [column.name for column in table.columns]
        images = None
        path_index = None
        if image_column is None or (path_column != PATH_COLUMN and path_column not in names):
            path_index = _find_column(path, names, path_column)
        if image_column is not None:
            images = _open_images(path, image_column, path_column if path_column in names else None)
        kept = [index for index in range(len(names)) if index != path_index]
        carried = [table.columns[index] for index in kept]
        free = free_names([column.name for column in carried], reserved)
        columns = [replace(column, name=name) for column, name in zip(carried, free, strict=True)]
        first = None
        if id_column is not None:
            id_index = _find_column(path, names, id_column)
            if id_index == path_index:
                raise UsageError(f"--id-column and --path-column are both {id_column!r}")
            first = columns[kept.index(id_index)].name
    return Catalog(table, path_index, kept, columns, first, os.path.dirname(path) if root is None else root, images)


def _open_images(path: str, image_column: str, name_column: str | None) -> ParquetImages:
    if not is_parquet_name(path):
        raise UsageError(f"{path}: --image-column names a column of a Parquet file")
    try:
        return ParquetImages(path, image_column, name_column)
    except (ImageError, UsageError) as error:
        raise UsageError(f"{path}: {error}") from None


def free_names(names: Sequence[str], reserved: Sequence[str]) -> list[str]:
    """Return names for columns that stand beside those of a result, each its own.

    Parameters
    ----------
    names : sequence of str
        What the columns are called.
    reserved : sequence of str
        Names of the result's own columns.

    Examples
    --------
    >>> free_names(["ra", "Label"], ["path", "label"])
    ['ra', 'catalog_Label']
    """
    taken = {name.lower() for name in reserved}  # FITS does not tell upper case from lower
    free = []
    for name in names:
        while name.lower() in taken:
            name = PREFIX + name
        taken.add(name.lower())
        free.append(name)
    return free


def _find_column(path: str, names: Sequence[str], wanted: str) -> int:
    if wanted in names:
        return names.index(wanted)
    hint = did_you_mean(wanted, names)
    raise UsageError(f"{path}: has no column {wanted!r}; {hint}it has {', '.join(names) or 'none'}")
