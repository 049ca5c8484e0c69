"""Measure how well a familiarity head recognises kinds of outliers that it was not trained on, one kind at a time.

Run ``python benchmarks/unseen_kinds.py RUN --data DIR [--weights CSV] [--outliers PATH]...``. RUN is the run folder of
a network without familiarity (``cnn`` or ``swift``), whose features have seen no outlier at all. On these, and on the
pixels and their structure, a head is trained with all kinds of outliers, and once more without each of them. Of a kind
of one's own that was left out, all images are judged, otherwise those that were held out.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from galaxy_train.data.load import load_data, read_weights
from galaxy_train.data.outliers.generate import GENERATED_KINDS
from galaxy_train.data.outliers.load import load_outliers, split_outliers
from galaxy_train.evaluation.calibration import fit_familiarity_shift
from galaxy_train.evaluation.metrics import auroc
from galaxy_train.evaluation.out_of_class import generate_kinds
from galaxy_train.evaluation.statuses import is_ok
from galaxy_train.networks.keras_model import load_model, predict
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.networks.statistics import FeatureStatistics, PixelStatistics, StructureStatistics
from galaxy_train.networks.symmetric import OrientationMean
from galaxy_train.run_folder import RunFolder
from galaxy_train.training.augment import WIDE_SHARE, Augmentation
from galaxy_train.training.outliers import LATE_BATCH, LATE_WIDE, late_examples, train_part
from galaxy_train.training.splits import VALIDATION_SEED, split_training_set
from galaxy_train.training.targets import TrainingExamples, label_targets, sample_weights

UNITS = 128
#: Passes over galaxies and outliers, each with others.
PASSES = 2
#: Images of each generated kind that are judged.
JUDGED = 100

Images = NDArray[np.uint8]


def describe(network: Any) -> Any:
    """Return a model of a network's images that gives what a familiarity head looks at."""
    (end,) = (layer for layer in network.layers if isinstance(layer, OrientationMean))
    (scaling, *_) = (layer for layer in network.layers if isinstance(layer, keras.layers.Rescaling))
    early = [layer for layer in network.layers if isinstance(layer, keras.layers.AveragePooling2D)][-1]
    statistics = [
        PixelStatistics()(scaling.output),
        StructureStatistics()(scaling.output),
        FeatureStatistics()(early.output),
        FeatureStatistics()(end.input),
    ]
    return keras.Model(network.input, keras.layers.Concatenate()(statistics))


@dataclass(frozen=True, slots=True)
class Described:
    """Statistics of images, and the network's confidence in them."""

    statistics: NDArray[np.float32]
    confidence: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judged:
    """Familiarity of one kind: AUROC against held-out galaxies, and share that is still ok."""

    auroc: float
    ok: float


class Judge:
    """A familiarity head, with its limit."""

    def __init__(self, head: Any, mean: NDArray[np.float32], deviation: NDArray[np.float32], held_out: Described):
        self._head, self._mean, self._deviation = head, mean, deviation
        self._galaxies = self._logits(held_out)
        self._shift = fit_familiarity_shift(self._galaxies)

    def judge(self, kind: Described) -> Judged:
        """Measure one kind."""
        logits = self._logits(kind)
        ok = is_ok(kind.confidence, 0.5 + 0.5 * np.tanh((logits + self._shift) / 2))
        return Judged(auroc(self._galaxies, logits), float(ok.mean()))

    def _logits(self, described: Described) -> NDArray[np.float32]:
        scaled = (described.statistics - self._mean) / self._deviation
        return np.asarray(self._head(scaled))[:, 0]


def main(arguments: argparse.Namespace) -> None:
    """Print one row for each kind."""
    run = RunFolder(arguments.run)
    metrics = run.read_metrics()
    network = load_model(run.model)
    data = load_data(arguments.data)
    if arguments.weights is not None:
        data = read_weights(arguments.weights, data)
    split = split_training_set(data.train, RECIPES[metrics.recipe], metrics.parameters.validation_split)
    train, held_out = data.train.subset(split.training), data.train.subset(split.held_out)
    given = load_outliers(arguments.outliers, train.images.shape[1]).kinds
    taught, kept = split_outliers(given, metrics.parameters.validation_split, VALIDATION_SEED) if given else ({}, {})
    statistics = describe(network)

    def described(images: Images) -> Described:
        return Described(
            statistics.predict(images, batch_size=LATE_BATCH, verbose=0), predict(network, images).max(axis=1)
        )

    labelled = TrainingExamples(
        train.images,
        label_targets(train, RECIPES[metrics.recipe]),
        sample_weights(train, metrics.parameters.balance),
    )
    seen, weights, kinds = training_statistics(statistics, labelled, taught)
    mean, deviation = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    seen = (seen - mean) / deviation
    galaxies = described(held_out.images)

    def trained_without(kind: int | None) -> Judge:
        chosen = np.flatnonzero(kinds != kind)
        keras.utils.set_random_seed(0)
        nothing = np.zeros(len(chosen), np.float32)
        head = train_part(seen[chosen], nothing, kinds[chosen] == 0, weights[chosen], UNITS)
        return Judge(head, mean, deviation, galaxies)

    of_kind = {kind: described(images) for kind, images in generate_kinds(held_out.images, JUDGED).items()}
    of_kind |= {kind: described(images) for kind, images in kept.items()}
    whole = {kind: described(images) for kind, images in given.items()}
    everything = trained_without(None)
    print("| kind | trained on: AUROC | `ok` | not trained on: AUROC | `ok` |\n| --- | --- | --- | --- | --- |")
    rows = []
    for number, (kind, images) in enumerate(of_kind.items(), 1):
        first = everything.judge(images)
        second = trained_without(number).judge(whole.get(kind, images))
        rows.append((first, second))
        print(f"| {kind} | {_row(first)} | {_row(second)} |", flush=True)
    drawn = len(GENERATED_KINDS)
    for name, part in (("mean of the generated kinds", rows[:drawn]), ("mean of the given kinds", rows[drawn:])):
        if part:
            print(f"| {name} | {' | '.join(_row(_mean([row[way] for row in part])) for way in (0, 1))} |")


def training_statistics(
    statistics: Any, labelled: TrainingExamples, given: Mapping[str, Images]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return statistics, sample weights and kinds of what a head is trained on, as `train_late_head` makes it."""
    images = keras.Input(statistics.input_shape[1:], dtype="uint8")
    augmented = keras.Model(images, statistics(Augmentation(0, WIDE_SHARE, LATE_WIDE)(images)))
    columns = []
    for examples in islice(late_examples(labelled, given, seed=0), PASSES):
        assert examples.familiar_weights is not None
        assert examples.kinds is not None
        found = augmented.predict(examples.images, batch_size=LATE_BATCH, verbose=0)
        columns.append((found, examples.familiar_weights, examples.kinds))
    first, second, third = (np.concatenate(column) for column in zip(*columns, strict=True))
    return first, second, third


def _mean(rows: list[Judged]) -> Judged:
    return Judged(float(np.mean([row.auroc for row in rows])), float(np.mean([row.ok for row in rows])))


def _row(judged: Judged) -> str:
    return f"{judged.auroc:.3f} | {100 * judged.ok:.0f} %"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--outliers", type=Path, action="append", default=[])
    main(parser.parse_args())
