"""Files that hold many images: tar and zip archives, and Parquet files with a column of images.

An image in such a container goes by the path ``CONTAINER::NAME``. Nothing is ever unpacked to disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from galaxy_classify.errors import ImageError
from galaxy_classify.inputs.containers.member import UNSAFE
from galaxy_classify.inputs.containers.parquet import ParquetImages
from galaxy_classify.inputs.containers.tar import tar_members
from galaxy_classify.inputs.containers.zip import zip_members
from galaxy_classify.inputs.names import is_archive_name, is_image_name, is_parquet_name, leads_out, place_in_container
from galaxy_classify.inputs.source import MEMBER, Content, Source, Unreadable


def container_sources(
    path: str, *, place: str = "", image_column: str | None = None, skip: Callable[[], None] = lambda: None
) -> Iterator[Source]:
    """Yield the images in a container.

    Parameters
    ----------
    path : str
        Tar or zip archive, or Parquet file, told apart by the suffix.
    place : str, optional
        Where a sorted copy of the container itself would belong; copies of its images lie in a folder of that name.
    image_column : str, optional
        Column of images of a Parquet file.
    skip : callable, optional
        Called for each file in an archive that has no image suffix.

    Yields
    ------
    Source
        In the order of the archive, of the zip's directory, or of the rows. If the container is damaged, the last one
        is the container itself, with the reason in place of content.

    Raises
    ------
    UsageError
        If a Parquet file has no such column.
    MissingExtraError
        If it is a Parquet file and PyArrow is not installed.
    """
    try:
        if is_parquet_name(path):
            yield from ParquetImages(path, image_column).sources(place)
            return
        for member in zip_members(path) if path.lower().endswith(".zip") else tar_members(path):
            if is_image_name(member.name):
                content = UNSAFE if leads_out(member.name) else member.content
                name = f"{path}{MEMBER}{member.name}"
                yield Source(name, place_in_container(place, member.name), content=content)
            else:
                skip()
    except ImageError as error:
        yield Source(path, place, content=Unreadable(str(error)))


def read_container(path: str | os.PathLike[str], *, image_column: str | None = None) -> Iterator[tuple[str, Content]]:
    """Yield the images in a container, for `GalaxyClassifier.classify`.

    Parameters
    ----------
    path : str or path-like
        Tar or zip archive, or Parquet file, told apart by the suffix.
    image_column : str, optional
        Column of images of a Parquet file; by default the first of ``image``, ``jpg``, ``jpeg``, ``png``, ``bytes``
        and ``content`` that holds bytes.

    Yields
    ------
    name : str
        The path of the image: that of the container, ``::``, and what the image is called there.
    content : callable
        Returns the encoded image as bytes, or raises `ImageError`. Images of compressed tars and Parquet files should
        be read in order, each before the next one is asked for, as `classify` does.

    Raises
    ------
    UsageError
        If a Parquet file has no such column.
    MissingExtraError
        If it is a Parquet file and PyArrow is not installed.

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
    """Return an image in a container, which is searched from its beginning.

    Parameters
    ----------
    path : str
        The image's path, such as ``cutouts.tar::m51.jpg``. Of several images of that name it is the first.
    image_column : str, optional
        Column of images of a Parquet file.

    Raises
    ------
    ImageError
        If there is no such image, or it cannot be read.
    UsageError
        If a Parquet file has no such column.
    MissingExtraError
        If it is a Parquet file and PyArrow is not installed.
    """
    for start in (start for start in range(len(path)) if path.startswith(MEMBER, start)):
        container = path[:start]
        if (is_archive_name(container) or is_parquet_name(container)) and os.path.isfile(container):
            for source in container_sources(container, image_column=image_column):
                if source.path == path and source.content is not None:
                    return source.content()
    raise ImageError("no such file")
