"""What a result was made with, so that it can be made again and never be mixed with another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from galaxy_classify import __version__
from galaxy_classify.contract import CONTRACT_VERSION
from galaxy_classify.layout import RowLayout
from galaxy_classify.model import OnnxModel


def provenance(
    model: OnnxModel, layout: RowLayout, *, threshold: float, max_pixels: int, exact: bool
) -> dict[str, Any]:
    """Describe everything that the rows of a result depend on besides their inputs.

    Parameters
    ----------
    model : OnnxModel
        The model in use.
    layout : RowLayout
        The columns of the result.
    threshold : float
        Confidence below which a row is called uncertain.
    max_pixels : int
        Images with more pixels are refused.
    exact : bool
        Whether JPEGs, too, are resized by Pillow.

    Returns
    -------
    dict
        Package and its version, the exact model, preprocessing and options, ready for JSON.
    """
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
        "preprocessing": asdict(description.preprocessing) | {"size": list(model.input_size)},
        "options": {
            "threshold": threshold,
            "top_k": layout.top,
            "catalog_columns": [column.name for column in layout.carried],
            "max_pixels": max_pixels,
            "exact": exact,
            "provider": model.provider,
        },
    }
