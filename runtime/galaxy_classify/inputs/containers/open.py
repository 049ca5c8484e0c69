"""Open containers: tar and zip archives, and Parquet files with a column of images.

The path of an image in a container is ``CONTAINER::NAME``. Images are read in memory, never unpacked to disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from galaxy_classify.errors import ImageError
from galaxy_classify.inputs.containers.member import UNSAFE
from galaxy_classify.inputs.containers.parquet import ParquetImages
from galaxy_classify.inputs.containers.tar import tar_members
from galaxy_classify.inputs.containers.zip import zip_members
from galaxy_classify.inputs.names import (
    is_archive_name,
    is_image_name,
    is_parquet_name,
    is_unsafe_name,
    place_in_container,
)
from galaxy_classify.inputs.source import MEMBER, Content, Source, Unreadable


def container_sources(
    path: str, *, place: str = "", image_column: str | None = None, skip: Callable[[], None] = lambda: None
) -> Iterator[Source]:
    """Yield the images in a container, in the order of the archive, of the zip's directory, or of the rows.

    If the container is damaged, the last input is the container itself, unreadable, with the reason.

    Parameters
    ----------
    path : str
        Tar or zip archive, or Parquet file, recognised by its suffix.
    place : str, optional
        Folder for sorted copies of the images.
    image_column : str, optional
        Column of images of a Parquet file.
    skip : callable, optional
        Called for each file in an archive without an image suffix.

    Raises
    ------
    UsageError
        If a Parquet file has no such column.
    MissingExtraError
        If the container is a Parquet file and PyArrow is not installed.
    """
    try:
        if is_parquet_name(path):
            yield from ParquetImages(path, image_column).sources(place)
            return
        for member in zip_members(path) if path.lower().endswith(".zip") else tar_members(path):
            if is_image_name(member.name):
                content = UNSAFE if is_unsafe_name(member.name) else member.content
                name = f"{path}{MEMBER}{member.name}"
                yield Source(name, place_in_container(place, member.name), content=content)
            else:
                skip()
    except ImageError as error:
        yield Source(path, place, content=Unreadable(str(error)))


def read_container(path: str | os.PathLike[str], *, image_column: str | None = None) -> Iterator[tuple[str, Content]]:
    """Yield the images in an archive or Parquet file, as pairs for `GalaxyClassifier.classify`.

    Parameters
    ----------
    path : str or path-like
        Tar or zip archive, or Parquet file, recognised by its suffix.
    image_column : str, optional
        Column of images of a Parquet file; by default the first of ``image``, ``jpg``, ``jpeg``, ``png``, ``bytes``
        and ``content`` that holds bytes.

    Yields
    ------
    name : str
        Path of the image: path of the container, ``::``, and name of the image in it.
    content : callable
        Returns the encoded image as bytes, or raises `ImageError`. Call it before taking the next pair, as `classify`
        does: compressed tars and Parquet files are read forwards, and going back means reading them again.

    Raises
    ------
    UsageError
        If a Parquet file has no such column.
    MissingExtraError
        If the container is a Parquet file and PyArrow is not installed.

    Examples
    --------
    >>> from galaxy_classify import GalaxyClassifier
    >>> [row.message for row in GalaxyClassifier().classify(read_container("no_such_archive.tar"))]
    ['no such file']
    """
    for source in container_sources(os.fsdecode(path), image_column=image_column):
        if source.content is not None:
            yield source.path, source.content


def read_member(path: str, *, image_column: str | None = None) -> bytes:
    """Read one image from an archive or Parquet file, searching it from the beginning.

    Parameters
    ----------
    path : str
        Path of the image, such as ``cutouts.tar::m51.jpg``. If several images have that name, the first is read.
    image_column : str, optional
        Column of images of a Parquet file.

    Returns
    -------
    bytes
        The encoded image.

    Raises
    ------
    ImageError
        If there is no such image, or it cannot be read.
    UsageError
        If a Parquet file has no such column.
    MissingExtraError
        If the container is a Parquet file and PyArrow is not installed.
    """
    # Names of folders, archives and members may contain "::" too: try each place where the path can be split.
    for start in (start for start in range(len(path)) if path.startswith(MEMBER, start)):
        container = path[:start]
        if (is_archive_name(container) or is_parquet_name(container)) and os.path.isfile(container):
            for source in container_sources(container, image_column=image_column):
                if source.path == path and source.content is not None:
                    return source.content()
    raise ImageError("no such file")
