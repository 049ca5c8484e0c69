"""Read inputs from a catalogue: a table with a column of image paths, whose other columns are copied to the result."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from galaxy_classify.defaults import PATH_COLUMN
from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.inputs.containers.parquet import ParquetImages
from galaxy_classify.inputs.names import is_parquet_name, place_below, place_in_container
from galaxy_classify.inputs.path_template import PathTemplate, is_there
from galaxy_classify.inputs.remote import is_remote, remote_source
from galaxy_classify.inputs.source import Source, Unreadable
from galaxy_classify.tables.columns import Column
from galaxy_classify.tables.read import Table, open_table, table_errors
from galaxy_classify.text import did_you_mean, utf8

#: Prefix for a column of the catalogue whose name is already taken by a column of the result.
PREFIX: Final = "catalog_"
#: Characters of a path or value that a message shows.
MOST_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Catalog:
    """Inputs that a table lists, with the columns to copy to the result.

    Parameters
    ----------
    table : Table
        The table.
    path_index : int or None
        Index of the column of paths; None if there is none.
    kept : sequence of int
        Indices of the columns that are copied to the result.
    columns : sequence of Column
        These columns, with their names in the result.
    first : str or None
        Name of the one that becomes the result's first column.
    root : str
        Folder, or URL of a prefix, that relative paths start from.
    path : str
        The table's file, for messages.
    images : ParquetImages, optional
        The images, if they are in the table itself.
    template : PathTemplate, optional
        How paths are made of the columns, if they are.
    """

    table: Table
    path_index: int | None
    kept: Sequence[int]
    columns: Sequence[Column]
    first: str | None
    root: str
    path: str
    images: ParquetImages | None = None
    template: PathTemplate | None = None

    def __len__(self) -> int:
        return len(self.table)

    def sources(self) -> Iterator[Source]:
        """Yield an input for each row of the table, in order; raise `UsageError` where it cannot be read further."""
        try:
            with table_errors(self.path):
                for row, source in self._rows():
                    yield Source(source.path, source.place, tuple(row[index] for index in self.kept), source.content)
        except ImageError as error:
            raise UsageError(f"{self.path}: {error}") from None

    def _rows(self) -> Iterator[tuple[Sequence[Any], Source]]:
        if self.images is not None:
            yield from zip(self.table.rows(), self.images.sources(), strict=True)
        elif self.template is not None:
            for row in self.table.rows():
                yield row, self._made(self.template.fill(row))
        elif self.path_index is not None:
            for row in self.table.rows():
                yield row, self._named(str(row[self.path_index] or ""))

    def check_template(self, template: PathTemplate) -> None:
        """Check before a long run that no row leads out of the template's folder, and that any of the files is there.

        Raises
        ------
        UsageError
            If not; the message names the row, or the first file that is missing.
        """
        first = ""
        found = False
        for number, row in enumerate(self.table.rows(), start=1):
            try:
                source = self._made(template.fill(row))
            except UsageError as error:
                raise UsageError(f"{self.path}: row {number}: {error}") from None
            reason = source.content.reason if isinstance(source.content, Unreadable) else ""
            first = first or reason or f"the first is {source.path}"
            found = found or (not reason and is_there(source.path))
        if first and not found:
            raise UsageError(
                f"{self.path}: not one of the files of its {len(self):,} row{'s' * (len(self) != 1)} is there with "
                f"--path-template {template.text!r}: {first if len(first) <= MOST_SHOWN else first[:MOST_SHOWN] + '…'}"
            )

    def _made(self, name: str | Unreadable) -> Source:
        return Source("", content=name) if isinstance(name, Unreadable) else self._named(name)

    def _named(self, name: str) -> Source:
        """Return the input for a path in the table; an empty cell becomes an empty path, which gets an error row."""
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
    path_template: str | None = None,
) -> Catalog:
    """Open a catalogue and choose its columns, without reading its rows yet.

    Parameters
    ----------
    path : str
        Table in a format that `open_table` reads, recognised by its suffix.
    path_column : str
        Column of image paths.
    id_column : str or None
        Column that becomes the first of the result.
    root : str or None
        Folder, or URL of a prefix, that relative paths start from; by default the catalogue's own folder.
    reserved : sequence of str
        Names of the result's own columns.
    typed : bool
        Whether columns of a CSV file that hold only numbers become numbers; otherwise their text is copied unchanged.
    image_column : str, optional
        Column of a Parquet file that holds the images themselves. The column of paths is then optional, and holds the
        names of the images.
    path_template : str, optional
        Path with names of columns in braces, instead of a column of paths.

    Raises
    ------
    UsageError
        If the file is not on this machine or cannot be read, a column is missing, or not one of the files that a
        template names is there.
    MissingExtraError
        If an optional dependency is not installed.
    """
    if is_remote(path):
        raise UsageError(f"{path}: --catalog takes a local file: download the table first")
    with table_errors(path):
        table = open_table(path, typed=typed)
        names = [column.name for column in table.columns]
        images = None
        path_index = None
        template = None if path_template is None else PathTemplate.parse(path_template, names)
        # With images in the table, the default column of paths may be missing, but not one that the user names.
        is_named = path_column != PATH_COLUMN and path_column not in names
        if template is None and (image_column is None or is_named):
            path_index = find_column(path, names, path_column)
        if image_column is not None:
            images = _open_images(path, image_column, path_column if path_column in names else None)
        kept = [index for index in range(len(names)) if index != path_index]
        carried = [table.columns[index] for index in kept]
        # Only CSV could write a name that is not UTF-8 as it is.
        free = free_names([utf8(column.name) for column in carried], reserved)
        columns = [replace(column, name=name) for column, name in zip(carried, free, strict=True)]
        first = None
        if id_column is not None:
            id_index = find_column(path, names, id_column)
            if id_index == path_index:
                raise UsageError(f"--id-column and --path-column are both {id_column!r}")
            first = columns[kept.index(id_index)].name
    root = os.path.dirname(path) if root is None else root
    catalog = Catalog(table, path_index, kept, columns, first, root, path, images, template)
    if template is not None:
        catalog.check_template(template)
    return catalog


def _open_images(path: str, image_column: str, name_column: str | None) -> ParquetImages:
    if not is_parquet_name(path):
        raise UsageError(f"{path}: --image-column needs a Parquet file")
    try:
        return ParquetImages(path, image_column, name_column)
    except (ImageError, UsageError) as error:
        raise UsageError(f"{path}: {error}") from None


def free_names(names: Sequence[str], reserved: Sequence[str]) -> list[str]:
    """Rename columns that collide with one of the result's own (``reserved``), or with each other, by a prefix.

    Examples
    --------
    >>> free_names(["ra", "Label"], ["path", "label"])
    ['ra', 'catalog_Label']
    """
    taken = {name.lower() for name in reserved}  # column names in FITS ignore case
    free = []
    for name in names:
        while name.lower() in taken:
            name = PREFIX + name
        taken.add(name.lower())
        free.append(name)
    return free


def find_column(path: str, names: Sequence[str], wanted: str) -> int:
    """Return the index of a column, or raise `UsageError` that names those there are."""
    if wanted in names:
        return names.index(wanted)
    same = [name for name in names if name.lower() == wanted.lower()]
    hint = f"did you mean {same[0]!r}? " if same else did_you_mean(wanted, names)
    raise UsageError(f"{path}: has no column {wanted!r}; {hint}it has {', '.join(names) or 'none'}")
