"""Check class fractions, priors and prediction sets on galaxies with other class mixes than the training.

Run ``python benchmarks/probabilities.py [--model NAME] [--data DIR]``. Without ``--data``, the galaxies that the model
file carries as held out are split at random, again and again: one half calibrates, the other is checked. With it, all
of them calibrate, and ``DIR/images/test/*.jpg`` with its ``labels.csv`` is checked.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from galaxy_classify import GalaxyClassifier
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_classify.probabilities.class_mix import assumed_mix, estimate_mix
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_classify.probabilities.rules import rules_of
from galaxy_train.evaluation.metrics import expected_calibration_error

#: Fractions of GalaxyMNIST's classes: the held-out mix (None), even, mostly round, mostly spiral, mostly edge-on, and
#: the hardest, cigars and edge-on disks alone for the most part.
MIXES = (
    None,
    (0.25, 0.25, 0.25, 0.25),
    (0.7, 0.05, 0.15, 0.1),
    (0.1, 0.1, 0.2, 0.6),
    (0.2, 0.05, 0.7, 0.05),
    (0.05, 0.45, 0.45, 0.05),
)
GALAXIES = 400
COVERAGE = 0.9

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


def halves(held_out: HeldOut, repeats: int) -> Iterator[tuple[HeldOut, Labels, Probabilities]]:
    """Yield random halves of held-out galaxies, each with the labels and probabilities of the other half."""
    labels, probabilities = held_out.label_array(), held_out.probability_array()
    for seed in range(repeats):
        random = np.random.default_rng(seed)
        first = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            places = random.permutation(np.flatnonzero(labels == label))
            first[places[: len(places) // 2]] = True
        yield HeldOut.of(labels[first], probabilities[first]), labels[~first], probabilities[~first]


def test_set(classifier: GalaxyClassifier, images: Path) -> tuple[Labels, Probabilities]:
    """Return labels and probabilities of labelled cutouts."""
    classes = classifier.classes_.tolist()
    with (images / "labels.csv").open(newline="") as file:
        known = {row["file"]: classes.index(row["label"]) for row in csv.DictReader(file)}
    rows = classifier.classify([images / name for name in known])
    return np.array(list(known.values())), np.array([[row.probabilities[name] for name in classes] for row in rows])


def draw(random: np.random.Generator, labels: Labels, mix: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw galaxies with a class mix."""
    counts = random.multinomial(GALAXIES, mix)
    return np.concatenate([random.choice(np.flatnonzero(labels == label), count) for label, count in enumerate(counts)])


def check(pairs: Callable[[], Iterator[tuple[HeldOut, Labels, Probabilities]]]) -> None:
    """Print, for each class mix, how far fractions are off, and calibration and coverage without and with a prior."""
    print("mix                       fractions off by      within   within   ECE             coverage        classes")
    print(
        "                          counted  corrected    1 error  2 errors as is   prior   as is   prior   as is  prior"
    )
    for mix in MIXES:
        found = []
        for number, (held_out, labels, probabilities) in enumerate(pairs()):
            random = np.random.default_rng(1_000 + number)
            shares = held_out.counts() / len(held_out)
            wanted = shares if mix is None else np.array(mix)
            drawn = draw(random, labels, wanted)
            found.append(one(held_out, labels[drawn], probabilities[drawn], wanted))
        figures = np.array(found)
        error = figures.std(axis=0) / np.sqrt(len(figures))
        mean = figures.mean(axis=0)
        name = "as held out" if mix is None else " ".join(f"{share:.2f}" for share in mix)
        print(
            f"{name:<24}  {mean[0]:.3f}    {mean[1]:.3f} ±{error[1]:.3f}  {mean[2]:<8.0%} {mean[3]:<8.0%} "
            f"{mean[4]:.3f}   {mean[5]:.3f}   {mean[6]:.1%}   {mean[7]:.1%}   {mean[8]:.2f}   {mean[9]:.2f}"
        )


def one(held_out: HeldOut, labels: Labels, probabilities: Probabilities, prior: NDArray[np.float64]) -> list[float]:
    """Return the figures of one draw; the distance of fractions is the sum over the classes."""
    classes = probabilities.shape[1]
    assumed = assumed_mix(held_out)
    true = np.bincount(labels, minlength=classes) / len(labels)
    counted = np.bincount(probabilities.argmax(axis=1), minlength=classes) / len(labels)
    mix = estimate_mix(assumed, probabilities)
    off = np.abs(mix.fractions - true)
    names = tuple(map(str, range(classes)))
    by_name = tuple(zip(names, prior.tolist(), strict=True))
    plain, weighted = (
        rules_of(names, held_out, prior=each, sets=COVERAGE, coarse=False, model="") for each in (None, by_name)
    )
    given = probabilities.astype(np.float32)
    sets, sets_with_prior = plain.sets(given), weighted.sets(given)
    return [
        float(np.abs(counted - true).sum()),
        float(off.sum()),
        float((off <= mix.standard_errors).mean()),
        float((off <= 2 * mix.standard_errors).mean()),
        expected_calibration_error(labels, probabilities),
        expected_calibration_error(labels, weighted.reweighted(given)),
        coverage_of(sets, labels),
        coverage_of(sets_with_prior, labels),
        float(np.mean([len(each or ()) for each in sets])),
        float(np.mean([len(each or ()) for each in sets_with_prior])),
    ]


def coverage_of(sets: Sequence[tuple[str, ...] | None], labels: Labels) -> float:
    """Return the share of sets that hold the label; classes are called by their numbers."""
    return float(np.mean([str(label) in (each or ()) for each, label in zip(sets, labels, strict=True)]))


def coarser(labels: Labels, probabilities: Probabilities) -> None:
    """Print accuracies of GalaxyMNIST's classes and of sums of them, and what a threshold on cigars keeps."""
    sums = {
        "as they are": (0, 1, 2, 3),
        "smooth, disk": (0, 0, 1, 1),
        "round, elongated, spiral": (0, 1, 1, 2),
    }
    for name, groups in sums.items():
        of = np.array(groups)
        summed = probabilities @ np.eye(max(groups) + 1)[of]
        right = summed.argmax(axis=1) == of[labels]
        print(f"accuracy, classes {name}: {right.mean():.1%} ± {share_error(right):.1%}")
    cigar = GALAXY_MNIST_CLASSES.index("smooth_cigar")
    for threshold in (0.6, 0.7, 0.8, 0.9):
        kept = (probabilities.argmax(axis=1) == cigar) & (probabilities.max(axis=1) >= threshold)
        right = labels[kept] == cigar
        of_all = right.sum() / (labels == cigar).sum()
        print(f"cigars from {threshold}: {right.mean():.1%} ± {share_error(right):.1%} right, {of_all:.1%} of all")


def share_error(right: NDArray[np.bool_]) -> float:
    """Return the standard error of the share of right ones."""
    return float(np.sqrt(right.mean() * (1 - right.mean()) / len(right)))


def main() -> None:
    """Check one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--repeats", type=int, default=60)
    arguments = parser.parse_args()
    classifier = GalaxyClassifier(arguments.model)
    held_out = classifier.model.description.held_out
    if held_out is None:
        parser.error("the model carries no predictions on held-out galaxies")
    print(f"{classifier.model.identity}, {len(held_out):,} held-out galaxies, {GALAXIES} drawn in each of the repeats")
    if arguments.data is None:
        check(lambda: halves(held_out, arguments.repeats))
        coarser(held_out.label_array(), held_out.probability_array())
    else:
        labels, probabilities = test_set(classifier, arguments.data / "images" / "test")
        check(lambda: iter([(held_out, labels, probabilities)] * arguments.repeats))
        coarser(labels, probabilities)


if __name__ == "__main__":
    main()
