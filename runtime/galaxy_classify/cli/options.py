"""What the command was asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from galaxy_classify.images.fits.names import parse_bands
from galaxy_classify.images.fits.options import FitsOptions, parse_hdu
from galaxy_classify.results.formats import OutputFormat


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options, by the names that they have on the command line.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders, patterns, and ``-`` for standard input.
    from_file : str or None
        List of paths.
    recursive : bool
        Whether folders within folders are searched.
    catalog, path_column, id_column : str or None
        Table that lists the inputs, and two of its columns.
    image_column : str or None
        Column of a Parquet file that holds images.
    output, output_format : str, OutputFormat or None
        Where the rows go, and how they look.
    threshold : float
        Confidence below which a row is called uncertain.
    top_k : int
        How many of the most probable classes are named.
    resume, force : bool
        Whether an existing result is continued, or replaced.
    report, labels, sort_into : str or None
        HTML page, CSV file of labels, folder of class folders.
    link : bool
        Whether sorting makes links instead of copies.
    watch : bool
        Whether to go on with files that come later.
    shard : str or None
        Which part of the inputs is to be classified, or which parts.
    quiet : bool
        Whether to be silent on stderr.
    model, provider : str or None
        Which model, and where it runs.
    bands, recipe, hdu, fits_pattern : str or None
        What is to be known about FITS files.
    crop : float or None
        Part of the shorter edge that the model sees.
    exact : bool
        Whether JPEGs, too, are resized by Pillow.
    threads, batch_size, max_pixels : int or None
        How much at once, and how large an image may be.
    dask : str or None
        Address of a Dask scheduler, or ``local``.
    partition_size : int
        Inputs that a Dask worker gets at once.
    """

    inputs: tuple[str, ...]
    from_file: str | None
    recursive: bool
    catalog: str | None
    path_column: str
    id_column: str | None
    image_column: str | None
    output: str | None
    output_format: OutputFormat | None
    threshold: float
    top_k: int
    resume: bool
    force: bool
    report: str | None
    labels: str | None
    sort_into: str | None
    link: bool
    watch: bool
    shard: str | None
    quiet: bool
    model: str | None
    provider: str
    bands: str | None
    recipe: str | None
    hdu: str | None
    fits_pattern: str | None
    crop: float | None
    exact: bool
    threads: int | None
    batch_size: int
    max_pixels: int
    dask: str | None
    partition_size: int

    @property
    def fits(self) -> FitsOptions:
        """What is to be known about FITS files.

        Raises
        ------
        UsageError
            If it makes no sense.
        """
        return FitsOptions(
            None if self.bands is None else parse_bands(self.bands),
            self.recipe,
            None if self.hdu is None else parse_hdu(self.hdu),
            self.fits_pattern,
        )
