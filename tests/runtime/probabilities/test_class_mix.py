"""The class mix that probabilities assume, and that of a run, on simulated galaxies whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_classify.probabilities.class_mix import AssumedMix, assumed_mix, estimate_mix
from galaxy_classify.probabilities.held_out import HeldOut
from simulated_galaxies import EVEN, held_out, simulate

BIAS = (0.8, -0.8, 0.3, 0.0)
EXACT = AssumedMix(np.array(EVEN), np.zeros((4, 4)))


def test_the_mix_of_exact_probabilities_is_that_of_their_prior() -> None:
    """Whatever the mix of the held-out galaxies is, probabilities that are exact for an even one assume an even one."""
    found = assumed_mix(held_out(galaxies=2_000, mix=(0.6, 0.1, 0.1, 0.2)))
    assert found.fractions == pytest.approx(EVEN, abs=0.05)


def test_a_bias_is_found() -> None:
    """A model that favours a class assumes that it is as much more frequent."""
    expected = np.exp(BIAS) / np.exp(BIAS).sum()
    found = assumed_mix(held_out(galaxies=2_000, bias=BIAS))
    assert found.fractions == pytest.approx(expected, abs=0.04)
    errors = np.sqrt(np.diag(found.covariance))
    assert (abs(np.log(found.fractions / expected)) < 3 * errors).all()


def test_the_mix_of_a_run_is_recovered_although_the_model_is_biased() -> None:
    """Counting the predicted classes gives fractions that are off by the bias; the estimate does not."""
    truth = np.array([0.7, 0.05, 0.15, 0.1])
    _, probabilities = simulate(1, 4_000, truth.tolist(), bias=BIAS)
    found = estimate_mix(assumed_mix(held_out(galaxies=2_000, bias=BIAS)), probabilities)
    counted = np.bincount(probabilities.argmax(axis=1), minlength=4) / 4_000
    assert abs(found.fractions - truth).sum() < 0.05
    assert abs(counted - truth).sum() > 0.1
    assert found.fractions.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("truth", [EVEN, (0.7, 0.05, 0.15, 0.1)])
@pytest.mark.parametrize("known", [200, 1_000])
def test_standard_errors_cover_the_truth_as_often_as_they_should(truth: tuple[float, ...], known: int) -> None:
    """A normal distribution is within 1 standard error in 68 % and within 2 in 95 % of the cases.

    Few held-out galaxies make the errors too wide rather than too narrow.
    """
    off = []
    for seed in range(150):
        held = held_out(2 * seed, known, (0.4, 0.1, 0.3, 0.2), bias=BIAS)
        _, probabilities = simulate(2 * seed + 1, 400, truth, bias=BIAS)
        found = estimate_mix(assumed_mix(held), probabilities)
        off.append(abs(found.fractions - truth) / found.standard_errors)
    within = np.array(off)
    assert 0.6 <= (within <= 1).mean() <= 0.87
    assert (within <= 2).mean() >= 0.93


def test_errors_shrink_with_the_run_and_stop_at_the_held_out_part() -> None:
    """A hundred times as many galaxies make the run's part ten times smaller, and leave that of the held-out ones."""
    _, probabilities = simulate(1, 200, EVEN)
    runs = [np.tile(probabilities, (times, 1)) for times in (1, 100)]
    alone = [estimate_mix(EXACT, run).standard_errors for run in runs]
    assert alone[0] == pytest.approx(10 * alone[1])
    assumed = assumed_mix(held_out(galaxies=300))
    both = [estimate_mix(assumed, run).standard_errors for run in runs]
    held = [np.sqrt(whole**2 - run**2) for whole, run in zip(both, alone, strict=True)]
    assert held[0] == pytest.approx(held[1], rel=0.3)
    assert (both[0] > both[1]).all()
    assert (both[1] > 2 * alone[1]).all()
    many = estimate_mix(assumed_mix(held_out(galaxies=2_000)), runs[1]).standard_errors
    assert (many < both[1]).all()


def test_two_certain_classes_by_hand() -> None:
    """With certain probabilities the estimate is the count, and its error that of a binomial distribution."""
    probabilities = np.repeat(np.array([[1.0, 0.0], [0.0, 1.0]]), (75, 25), axis=0)
    assumed = AssumedMix(np.array([0.5, 0.5]), np.eye(2))
    found = estimate_mix(assumed, probabilities)
    assert found.fractions == pytest.approx([0.75, 0.25])
    assert found.standard_errors == pytest.approx([np.sqrt(0.75 * 0.25 / 100)] * 2)


@pytest.mark.parametrize("classes", [1, 2, 4])
@pytest.mark.parametrize("rows", [1, 300])
def test_a_run_of_one_class_has_finite_errors(classes: int, rows: int) -> None:
    """At the edge, where other classes have no galaxy, errors stay numbers between 0 and 1."""
    labels = np.arange(200) % classes
    certain = np.eye(classes)
    assumed = assumed_mix(HeldOut.of(labels, certain[labels]))
    assert assumed.fractions == pytest.approx(np.full(classes, 1 / classes), abs=0.02)
    found = estimate_mix(assumed, certain[np.zeros(rows, int)])
    assert found.fractions == pytest.approx(certain[0], abs=1e-6)
    assert ((found.standard_errors >= 0) & (found.standard_errors <= 1)).all()


def test_a_class_of_one_held_out_galaxy_does_no_harm() -> None:
    """Its factor is drawn to one, and the errors say how little is known."""
    labels, probabilities = simulate(3, 400, (0.5, 0.3, 0.2, 0.0))
    labels[0], probabilities[0] = 3, (0, 0, 0, 1)
    _, run = simulate(4, 400, EVEN)
    rare = estimate_mix(assumed_mix(HeldOut.of(labels, probabilities)), run)
    usual = estimate_mix(assumed_mix(held_out(galaxies=400)), run)
    assert np.isfinite(rare.fractions).all()
    assert np.isfinite(rare.standard_errors).all()
    assert rare.standard_errors[3] > usual.standard_errors[3]
