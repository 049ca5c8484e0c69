"""What a result was made with, so that it can be made again and never be mixed with another."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from galaxy_classify import __version__
from galaxy_classify.contract import CONTRACT_VERSION
from galaxy_classify.layout import RowLayout

if TYPE_CHECKING:
    from galaxy_classify.classifier import GalaxyClassifier


def provenance(
    classifier: GalaxyClassifier,
    layout: RowLayout,
    *,
    threshold: float,
    shard: str | None = None,
    image_column: str | None = None,
) -> dict[str, Any]:
    """Describe everything that the rows of a result depend on besides their inputs.

    Parameters
    ----------
    classifier : GalaxyClassifier
        With its model and options.
    layout : RowLayout
        The columns of the result.
    threshold : float
        Confidence below which a row is called uncertain.
    shard : str, optional
        Which part of the inputs the rows are of, as in ``3/100``.
    image_column : str, optional
        Column of Parquet files in which the images were looked for.

    Returns
    -------
    dict
        Package and its version, the exact model, preprocessing and options, ready for JSON.
    """
    model, fits = classifier.model, classifier.fits
    description = model.description
    return {
        "package": "galaxy-classify",
        "package_version": __version__,
        "model": {
            "name": description.name,
            "version": description.version,
            "sha256": model.sha256,
            "contract": CONTRACT_VERSION,
        },
        "preprocessing": asdict(classifier.preprocessing) | {"size": list(model.input_size)},
        "options": {
            "threshold": threshold,
            "top_k": layout.top,
            "shard": shard,
            "catalog_columns": [column.name for column in layout.carried],
            "image_column": image_column,
            "max_pixels": classifier.max_pixels,
            "exact": classifier.exact,
            "provider": model.provider,
            "fits": asdict(fits) | {"bands": None if fits.bands is None else list(fits.bands)},
        },
    }
