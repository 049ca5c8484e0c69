"""Provenance: the model and settings a result was made with, and the JSON sidecar that records them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.safe_writing import RecordFile
from galaxy_classify.version import __version__

if TYPE_CHECKING:
    from galaxy_classify.classifier import GalaxyClassifier


#: Entries of a sidecar beside the provenance: what decoded the JPEGs, which may be another one when a run is continued,
#: as the pixels are the same; and, known at the end, numbers of rows by status, for models that give familiarity, and
#: the agreement with labels, and the corrected fractions of the classes.
DECODER: Final = "decoder"
COUNTS: Final = "counts"
EVALUATION: Final = "evaluation"


def write_sidecar(path: str, content: dict[str, Any]) -> None:
    """Write a sidecar: a JSON file with the model and settings a result was made with."""
    with RecordFile(path) as file:
        file.write(json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_sidecar(path: str) -> dict[str, Any] | None:
    """Return the content of a sidecar, or None if it is missing or damaged."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the differences between two nested dictionaries, in words.

    Examples
    --------
    >>> list(differences({"options": {"threshold": 0.6}}, {"options": {"threshold": 0.7}}))
    ['options threshold was 0.6, now it is 0.7']
    """
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{prefix}{key} ")
        elif old != new:
            yield f"{prefix}{key} was {old}, now it is {new}"


def provenance(
    classifier: GalaxyClassifier,
    layout: RowLayout,
    *,
    threshold: float | Mapping[str, float],
    shard: str | None = None,
    image_column: str | None = None,
) -> dict[str, Any]:
    """Describe everything that the rows of a result depend on besides their inputs.

    Package and its version, the exact model, preprocessing and options, ready for JSON: the content of the sidecar,
    whose keys must stay as they are for results of earlier versions to be continued.
    """
    model, options = classifier.model, classifier.options
    description = model.description
    return {
        "package": "galaxy-classify",
        "package_version": __version__,
        "model": {
            "name": description.name,
            "version": description.version,
            "sha256": model.sha256,
            "contract": description.contract,
        },
        "preprocessing": asdict(classifier.preprocessing) | {"size": list(model.input_size)},
        "options": {
            "threshold": threshold,
            "top_k": layout.top,
            "shard": shard,
            "catalog_columns": [column.name for column in layout.carried],
            "image_column": image_column,
            "max_pixels": options.max_pixels,
            "exact": options.exact,
            "provider": options.provider,
            "fits": asdict(options.fits) | {"bands": None if options.fits.bands is None else list(options.fits.bands)},
            # Models without familiarity have no such key, as there was none in earlier versions.
            **({} if options.min_familiarity is None else {"min_familiarity": options.min_familiarity}),
            # Nor were there these.
            **({} if options.prior is None else {"prior": dict(options.prior)}),
            **({} if options.sets is None else {"sets": options.sets}),
            **({"coarse": True} if options.coarse else {}),
        },
    }
