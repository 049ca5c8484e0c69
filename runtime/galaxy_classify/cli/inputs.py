"""List the inputs of a run: from files, folders, lists and catalogues, or the shards of these."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from galaxy_classify.cli.options import Options
from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.images.fits.band_files import BandPattern, existing_files, is_joined
from galaxy_classify.images.fits.names import BROAD_BANDS
from galaxy_classify.inputs.discovery import Discovery, real_paths
from galaxy_classify.inputs.names import is_parquet_name
from galaxy_classify.inputs.remote import is_remote, require_remote
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.runs.shards import HELD, Shard, Shards, inputs_by_shard, parse_shards

if TYPE_CHECKING:
    from galaxy_classify.inputs.catalog import Catalog


class Inputs:
    """The inputs of a run.

    Attributes
    ----------
    shards : Shards or None
        Which shards of them; None if they are not split.
    discovery : Discovery
        Finds them, and counts skipped files; a new one for each listing.
    catalog : Catalog or None
        The table of ``--catalog``.

    Raises
    ------
    UsageError
        If there are no such shards, the FITS options contradict each other, or a named Parquet file holds no images.
    MissingExtraError
        If an object store was named, and the packages that read it are not installed.
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
            self._check_images(name)

    def open_catalog(self, layout: RowLayout, *, typed: bool) -> RowLayout:
        """Open the catalogue, if there is one, and return the layout with its columns.

        Numbers are parsed only if the result is `typed`: to CSV the text of a CSV file is copied as it is.
        """
        options = self._options
        if options.catalog is None:
            return layout
        from galaxy_classify.inputs.catalog import open_catalog

        self.catalog = open_catalog(
            options.catalog,
            path_column=options.path_column,
            id_column=options.id_column,
            root=options.inputs[0] if options.inputs else None,
            reserved=layout.names,
            typed=typed,
            image_column=options.image_column,
            path_template=options.path_template,
        )
        return replace(layout, carried=self.catalog.columns, first=self.catalog.first)

    def sources(self) -> Iterator[Source]:
        """Yield the inputs in order, no more than ``--limit`` of them; with ``--fail-if-empty``, at least one."""
        sources = self._of_these_shards(self._listing())
        if not self._options.fail_if_empty:
            return sources
        first = next(sources, None)
        if first is None:
            raise UsageError("no images found, which --fail-if-empty takes for a mistake")
        return chain([first], sources)

    def all_shards(self) -> Iterator[Source]:
        """Yield the inputs of all shards in order, each time anew."""
        return self._listing()

    def by_shard(self, shards: Shards) -> Iterator[tuple[Shard, Iterator[Source]]]:
        """Yield each shard with its inputs in order."""
        return inputs_by_shard(self._listing, shards, held=None if self._only_once else HELD)

    def total(self) -> int | None:
        """Return the number of inputs if it is known already: they are never listed a second time to be counted."""
        if self.shards is not None or self._options.from_file is not None:
            return None
        known = self.discovery.total if self.catalog is None else len(self.catalog)
        return known if known is None or self._options.limit is None else min(known, self._options.limit)

    def files(self, path: str) -> list[str]:
        """Return the files of an input: one, or one for each band."""
        if self._options.fits_pattern is None or not is_joined(path):
            return [path]
        return existing_files(path, self._bands)

    @property
    def _only_once(self) -> bool:
        """Whether the inputs can be listed only once, as standard input."""
        return "-" in self._options.inputs

    def _check_images(self, path: str) -> None:
        """Check that a named Parquet file holds images; a damaged one gets its error row."""
        from galaxy_classify.inputs.containers.parquet import ParquetImages

        try:
            ParquetImages(path, self._options.image_column)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
        except ImageError:
            return

    def _discovery(self) -> Discovery:
        options = self._options
        return Discovery(
            options.recursive,
            None if options.fits_pattern is None else BandPattern(options.fits_pattern),
            containers=True,
            image_column=options.image_column,
            own=real_paths(options.output, options.report, options.embeddings),
        )

    def _listing(self) -> Iterator[Source]:
        """List the inputs of all shards in order, and count skipped files anew."""
        self.discovery = self._discovery()
        return islice(self._all_sources(self.discovery), self._options.limit)

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
    """Yield the lines of standard input as they come; it is not read before the first one is asked for."""
    yield from sys.stdin.buffer
