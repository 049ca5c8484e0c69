"""The inputs that the command is to classify: from files, folders, lists and catalogues, or a shard of these."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from galaxy_classify.cli.options import Options
from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.images.fits.band_files import BandPattern, existing_files, is_joined
from galaxy_classify.images.fits.names import BROAD_BANDS
from galaxy_classify.inputs.catalog import Catalog, open_catalog
from galaxy_classify.inputs.containers.parquet import ParquetImages
from galaxy_classify.inputs.discovery import Discovery
from galaxy_classify.inputs.names import is_parquet_name
from galaxy_classify.inputs.remote import is_remote, require_remote
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.runs.shard_folder import HELD, inputs_by_shard
from galaxy_classify.runs.shards import Shard, Shards, parse_shards


class Inputs:
    """The inputs that the command is to classify.

    Parameters
    ----------
    options : Options
        What it was asked to do.

    Attributes
    ----------
    shards : Shards or None
        Which parts of them; None if they are not shared with other runs.
    discovery : Discovery
        Finds them, and knows what was passed over; another one each time that they are listed.
    catalog : Catalog or None
        Lists them.

    Raises
    ------
    UsageError
        If there are no such shards, FITS options make no sense, or a Parquet file that was named holds no images.
    MissingExtraError
        If an object store was named, and what reads it is not installed.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._bands = options.fits.bands or BROAD_BANDS
        for url in filter(is_remote, options.inputs):
            require_remote(url)
        self.shards = None if options.shard is None else parse_shards(options.shard)
        self.discovery = self._discovery()
        self.catalog: Catalog | None = None
        for name in filter(is_parquet_name, options.inputs):
            try:
                ParquetImages(name, options.image_column)
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from None
            except ImageError:  # one that is damaged gets a row that says so
                continue

    def open_catalog(self, layout: RowLayout, *, typed: bool) -> RowLayout:
        """Open the catalogue, if there is one, and return the layout with its columns.

        Parameters
        ----------
        layout : RowLayout
            The result's own columns.
        typed : bool
            Whether the result tells numbers from text. CSV carries the text of a CSV file as it is.
        """
        options = self._options
        if options.catalog is None:
            return layout
        self.catalog = open_catalog(
            options.catalog,
            path_column=options.path_column,
            id_column=options.id_column,
            root=options.inputs[0] if options.inputs else None,
            reserved=layout.names,
            typed=typed,
            image_column=options.image_column,
        )
        return RowLayout(layout.classes, layout.top, self.catalog.columns, self.catalog.first)

    def sources(self) -> Iterator[Source]:
        """Yield the inputs in order."""
        return self._of_these_shards(self._listing())

    def by_shard(self, shards: Shards) -> Iterator[tuple[Shard, Iterator[Source]]]:
        """Yield each shard with its inputs in order."""
        return inputs_by_shard(self._listing, shards, held=None if self._only_once else HELD)

    def to_count(self) -> Iterable[object] | None:
        """Return something that has as many items as there are inputs, or None where they cannot be found twice."""
        if self.catalog is not None and self.shards is None:
            return range(len(self.catalog))
        return None if self._only_once else self._of_these_shards(self._all_sources(self._discovery(counting=True)))

    def files(self, path: str) -> list[str]:
        """Return the files of an input: one, or one for each band."""
        if self._options.fits_pattern is None or not is_joined(path):
            return [path]
        return existing_files(path, self._bands)

    @property
    def _only_once(self) -> bool:
        """Whether the inputs can be listed once only."""
        return "-" in self._options.inputs

    def _discovery(self, *, counting: bool = False) -> Discovery:
        options = self._options
        return Discovery(
            options.recursive,
            None if options.fits_pattern is None else BandPattern(options.fits_pattern),
            containers=True,
            image_column=options.image_column,
            counting=counting,
        )

    def _listing(self) -> Iterator[Source]:
        """Yield the inputs of all shards in order, and count anew what is passed over."""
        self.discovery = self._discovery()
        return self._all_sources(self.discovery)

    def _of_these_shards(self, sources: Iterator[Source]) -> Iterator[Source]:
        return sources if self.shards is None else filter(self.shards.hold, sources)

    def _all_sources(self, discovery: Discovery) -> Iterator[Source]:
        options = self._options
        if self.catalog is not None:
            yield from self.catalog.sources()
            return
        if options.from_file is not None:
            with open(options.from_file, "rb") as lines:
                yield from discovery.listed(lines)
        yield from discovery.sources(options.inputs, stdin_lines())


def stdin_lines() -> Iterator[bytes]:
    """Yield the lines of standard input as they come; nothing is touched before the first one is asked for."""
    if sys.stdin is None:
        raise UsageError("- reads paths from standard input, but that is closed")
    yield from sys.stdin.buffer
