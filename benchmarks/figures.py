"""Measure the embedded models on the SDSS test set, and write docs/figures.json, which documents quote.

Run ``python benchmarks/figures.py --data DIR``, where ``DIR/images`` holds ``test/*.jpg`` with a ``labels.csv``, and
``out_of_class/KIND/`` with images. All is classified as ``galaxy-classify`` does by default.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from galaxy_classify import GalaxyClassifier
from galaxy_classify.inference.embedded import embedded_models
from galaxy_train.evaluation.metrics import classification_metrics

FIGURES = Path(__file__).parents[1] / "docs" / "figures.json"


def measure(model: str, images: Path) -> dict[str, Any]:
    """Return what one embedded model achieves on labelled cutouts, and what it says of images of no class."""
    classifier = GalaxyClassifier(model)
    classes = classifier.model.description.classes
    with (images / "test" / "labels.csv").open(newline="") as file:
        labels = {row["file"]: classes.index(row["label"]) for row in csv.DictReader(file)}
    rows = list(classifier.classify([images / "test" / name for name in labels]))
    probabilities = np.array([[row.probabilities[name] for name in classes] for row in rows])
    found = classification_metrics(np.array(list(labels.values())), probabilities, classes)
    kinds = {}
    for folder in sorted(path for path in (images / "out_of_class").iterdir() if path.is_dir()):
        status = [row.status for row in classifier.classify(sorted(folder.glob("*.jp*g")))]
        kinds[folder.name] = {"images": len(status), "ok": status.count("ok") / len(status)}
    return {
        "model": classifier.model.identity,
        "images": found.images,
        "accuracy": found.accuracy,
        "macro_recall": found.macro_recall,
        "calibration_error": found.calibration_error,
        "uncertain": sum(row.status == "uncertain" for row in rows),
        "out_of_class": kinds,
    }


def main() -> None:
    """Measure all embedded models, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=FIGURES)
    arguments = parser.parse_args()
    figures = {
        "command": "python benchmarks/figures.py --data DIR",
        "data": "SDSS test set: real survey cutouts with Galaxy Zoo labels",
        "models": {name: measure(name, arguments.data / "images") for name in embedded_models()},
    }
    arguments.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
