"""Classify images in Ray Data, with a callable class for ``Dataset.map_batches``.

::

    images = ray.data.read_binary_files("images", include_paths=True).rename_columns({"path": "id", "bytes": "image"})
    actors = ray.data.ActorPoolStrategy(size=4)
    rows = images.map_batches(Classify, batch_format="numpy", batch_size=256, num_cpus=1, compute=actors)
    rows.write_parquet("results")

Each of the four actors loads the model once. galaxy-classify must be installed on the workers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_classify import GalaxyClassifier


class Classify:
    """Classify the encoded images in the column ``image``; the column ``id`` names the rows."""

    def __init__(self, model: str | None = None) -> None:
        self.classifier = GalaxyClassifier(model, threads=1)

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Classify a batch, and return the result's columns."""
        rows = list(self.classifier.classify(zip(map(str, batch["id"]), batch["image"], strict=True)))
        result = {"id": batch["id"]}
        for name in ("confidence", "familiarity"):
            result[name] = np.array([getattr(row, name) for row in rows], np.float64)
        for name in self.classifier.classes_:
            result[f"prob_{name}"] = np.array([row.probabilities.get(name, np.nan) for row in rows])
        for name in ("status", "label", "message", "model"):
            result[name] = np.array([getattr(row, name) for row in rows], object)
        return result
