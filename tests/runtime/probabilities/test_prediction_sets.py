"""Prediction sets hold the true class as often as was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_classify import UsageError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_classify.probabilities.class_mix import assumed_mix
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_classify.probabilities.prediction_sets import set_levels
from galaxy_classify.probabilities.rules import Rules, rules_of
from simulated_galaxies import EVEN, held_out, simulate


def rules(known: HeldOut, coverage: float, mix: tuple[float, ...] | None = None) -> Rules:
    """Return the rules for sets, with or without a class mix."""
    classes = GALAXY_MNIST_CLASSES
    prior = None if mix is None else tuple(zip(classes, mix, strict=True))
    return rules_of(classes, known, prior=prior, sets=coverage, coarse=False, model="tiny")


def coverage_of(found: Rules, labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return how often the set holds the true class."""
    sets = found.sets(probabilities.astype(np.float32))
    return float(
        np.mean([found.classes[label] in chosen for label, chosen in zip(labels, sets, strict=True) if chosen])
    )


def test_a_level_by_hand() -> None:
    """Of four held-out galaxies and the one in question, 60 % are three, and the third highest probability is 0.5."""
    known = HeldOut((0, 0, 1, 1), ((0.9, 0.1), (0.5, 0.5), (0.8, 0.2), (0.3, 0.7)))
    assert set_levels(known, 0.6).tolist() == [0.5, 0.5]
    assert set_levels(known, 0.4).tolist() == [0.7, 0.7]
    assert set_levels(known, 0.8).tolist() == [0.2, 0.2]


def test_a_level_with_weights_by_hand() -> None:
    """Class 0 counts three times: of 8 galaxies, and the one in question with its own weight, one half are needed."""
    known = HeldOut((0, 0, 1, 1), ((0.9, 0.1), (0.5, 0.5), (0.8, 0.2), (0.3, 0.7)))
    # Weights, from the most probable on: 0.9: 3, 0.7: 4, 0.5: 7, 0.2: 8. Needed are 5.5 for class 0, 4.5 for class 1.
    assert set_levels(known, 0.5, weights=np.array([3.0, 1.0])).tolist() == [0.5, 0.5]
    # Needed are 4.4 and 3.6.
    assert set_levels(known, 0.4, weights=np.array([3.0, 1.0])).tolist() == [0.5, 0.7]


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_hold_the_true_class_as_often_as_asked(coverage: float) -> None:
    """On average over draws of held-out and other galaxies alike, and not much more often."""
    found = []
    for seed in range(120):
        labels, probabilities = simulate(2 * seed, 200, EVEN, bias=(1, 0, 0, 0), sharpness=2)
        known = held_out(2 * seed + 1, 100, bias=(1, 0, 0, 0), sharpness=2)
        found.append(coverage_of(rules(known, coverage), labels, probabilities))
    error = np.std(found) / np.sqrt(len(found))
    assert coverage - 2 * error <= np.mean(found) <= coverage + 1 / 101 + 2 * error


def test_sets_for_another_class_mix_hold_the_true_class_as_often_as_asked() -> None:
    """With the right prior the coverage holds for a survey of mostly one hard class, and without it does not."""
    held_mix, survey = (0.7, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.7)
    faults = {"bias": (1.5, 0, 0, -1.5), "distance": 1.2}
    with_prior, without = [], []
    for seed in range(60):
        labels, probabilities = simulate(2 * seed, 300, survey, **faults)  # type: ignore[arg-type]
        known = held_out(2 * seed + 1, 400, held_mix, **faults)
        with_prior.append(coverage_of(rules(known, 0.9, survey), labels, probabilities))
        without.append(coverage_of(rules(known, 0.9), labels, probabilities))
    assert np.mean(without) < 0.87
    assert 0.89 <= np.mean(with_prior) <= 0.94


def test_sets_of_an_overconfident_model_hold_although_probabilities_are_stored_with_four_decimals() -> None:
    """A class whose probability is rounded to a level reaches it, as a held-out galaxy with the same one has."""
    known = HeldOut.of(np.zeros(99, int), np.tile([0.00006, 0.99994, 0.0, 0.0], (99, 1)))
    known = HeldOut((*known.labels, 1, 2, 3), (*known.probabilities, (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)))
    (found,) = rules(known, 0.9).sets(np.array([[0.00006, 0.99994, 0, 0]], np.float32))
    assert found == ("smooth_cigar", "smooth_round")


def test_no_set_is_empty_and_the_label_comes_first() -> None:
    """A set of which no class reaches the level has the most probable one."""
    known = held_out(galaxies=400, distance=4)
    _, probabilities = simulate(5, 50, EVEN, distance=0.1)
    found = rules(known, 0.5)
    sets = found.sets(probabilities.astype(np.float32))
    labels = probabilities.argmax(axis=1)
    assert [chosen and chosen[0] for chosen in sets] == [found.classes[label] for label in labels]


@pytest.mark.parametrize(("galaxies", "coverage"), [(8, 0.9), (100, 0.995)])
def test_too_few_held_out_galaxies_are_refused(galaxies: int, coverage: float) -> None:
    """With fewer than that no level can promise the coverage; one more galaxy than needed is enough."""
    known = HeldOut((0,) * galaxies, ((0.9, 0.1),) * galaxies)
    with pytest.raises(UsageError, match=f"{galaxies} held-out galaxies are too few for a coverage of {coverage}"):
        set_levels(known, coverage)
    enough = round(1 / (1 - coverage))
    assert set_levels(HeldOut((0,) * enough, ((0.9, 0.1),) * enough), coverage).tolist() == [0.9, 0.9]


def test_probabilities_are_reweighted_as_by_hand_and_back() -> None:
    """Each is multiplied by the wanted fraction over the assumed one, and `original` undoes that."""
    known = held_out(galaxies=800)
    found = rules(known, 0.9, (0.4, 0.3, 0.2, 0.1))
    factors = np.array([0.4, 0.3, 0.2, 0.1]) / assumed_mix(known).fractions
    given = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    expected = np.array([0.1, 0.2, 0.3, 0.4]) * factors
    reweighted = found.reweighted(given)
    assert reweighted.dtype == np.float32
    assert reweighted[0] == pytest.approx(expected / expected.sum(), abs=1e-6)
    assert found.original(reweighted.astype(np.float64)) == pytest.approx(given, abs=1e-6)


def test_the_assumed_mix_as_prior_changes_nothing() -> None:
    """It is what the probabilities hold for already."""
    known = held_out(galaxies=800, bias=(1, 0, 0, -1))
    fractions = assumed_mix(known).fractions
    given = simulate(9, 10, EVEN)[1].astype(np.float32)
    assert rules(known, 0.9, tuple(fractions.tolist())).reweighted(given) == pytest.approx(given, abs=1e-6)
