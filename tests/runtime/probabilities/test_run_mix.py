"""Predictions of a run are collected in bounded memory, and its class fractions estimated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES as CLASSES
from galaxy_classify.prediction import Prediction
from galaxy_classify.probabilities.rules import Rules, rules_of
from galaxy_classify.probabilities.run_mix import MOST_ROWS, MixCollector, Thinning
from simulated_galaxies import EVEN, held_out, simulate

HELD_OUT = held_out(galaxies=400)
PLAIN = Rules(CLASSES, None, None, {})


def predictions(seed: int, count: int, mix: tuple[float, ...] = EVEN, rules: Rules = PLAIN) -> list[Prediction]:
    """Return predictions as a classifier gives them."""
    rows = rules.reweighted(simulate(seed, count, mix)[1].astype(np.float32)).tolist()
    return [
        Prediction(
            path=f"{number}.jpg",
            status="ok",
            model="tiny@0",
            label=CLASSES[row.index(max(row))],
            confidence=max(row),
            probabilities=dict(zip(CLASSES, row, strict=True)),
        )
        for number, row in enumerate(rows)
    ]


def collected(rows: list[Prediction], rules: Rules = PLAIN) -> MixCollector:
    """Return a collector that has taken them."""
    collector = MixCollector(CLASSES, HELD_OUT, rules)
    for row in rows:
        collector.add(row)
    return collector


def test_thinning_keeps_an_even_bounded_sample() -> None:
    """Of any number of inputs about the most or down to half as many, from beginning to end."""
    thinning = Thinning(100)
    chosen: list[int] = []
    for _ in range(10_000):
        place = thinning.choose()
        chosen += [] if place is None else [place]
        if thinning.seen in (50, 100):
            assert chosen == list(range(thinning.seen))
    kept = [place for place in chosen if thinning.keeps(place)]
    assert 45 <= len(kept) <= 110
    counts = np.histogram(kept, bins=5, range=(0, 10_000))[0]
    assert counts.min() >= len(kept) // 5 - 3
    again = Thinning(100)
    for _ in range(10_000):
        again.choose()
    assert [place for place in range(10_000) if again.keeps(place)] == kept


def test_a_long_run_is_estimated_from_a_part_and_counted_whole() -> None:
    """The memory is that of a few thousand, and the standard errors are those of what was used."""
    rows = predictions(1, 3 * MOST_ROWS, (0.7, 0.1, 0.1, 0.1))
    collector = collected(rows)
    mix = collector.estimate()
    assert mix is not None
    assert mix.galaxies == sum(mix.counts.values()) == len(rows)
    assert len(collector._rows) <= MOST_ROWS
    assert list(mix.fractions.values()) == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.08)
    part = collected(rows[: len(collector._rows)]).estimate()
    assert part is not None
    assert list(mix.standard_errors.values()) == pytest.approx(list(part.standard_errors.values()), rel=0.2)
    assert sum(mix.fractions.values()) == pytest.approx(1)


def test_a_few_galaxies_among_many_failures_are_all_used() -> None:
    """Failed and unfamiliar inputs take no place among those that the estimate uses."""
    good = predictions(1, 40)
    failed = [Prediction("x", "error", "tiny@0", message="no image")] * 20_000
    unfamiliar = [replace(row, status="unfamiliar") for row in predictions(2, 50)]
    found = collected([*good[:20], *failed, *unfamiliar, *good[20:]]).estimate()
    assert found == collected(good).estimate()
    assert found is not None
    assert found.galaxies == 40
    assert found.notes == ("class fractions are rough: the run has only 40 galaxies",)


def test_nothing_classified_gives_no_mix() -> None:
    """Rather than that of the training."""
    assert collected([]).estimate() is None
    unfamiliar = [replace(row, status="unfamiliar") for row in predictions(2, 5)]
    assert collected([Prediction("x", "error", "tiny@0"), *unfamiliar]).estimate() is None


def test_an_estimate_takes_in_what_is_added_later() -> None:
    """It is kept for as long as nothing is."""
    rows = predictions(1, 60)
    collector = collected(rows[:30])
    first = collector.estimate()
    assert collector.estimate() is first
    for row in rows[30:]:
        collector.add(row)
    assert collector.estimate() == collected(rows).estimate() != first


def test_a_prior_does_not_change_the_estimate() -> None:
    """It starts from the probabilities that the model gave."""
    prior = tuple(zip(CLASSES, (0.7, 0.1, 0.1, 0.1), strict=True))
    rules = rules_of(CLASSES, HELD_OUT, prior=prior, sets=None, coarse=False, model="tiny")
    plain = collected(predictions(1, 500)).estimate()
    weighted = collected(predictions(1, 500, rules=rules), rules).estimate()
    assert plain is not None
    assert weighted is not None
    assert list(weighted.fractions.values()) == pytest.approx(list(plain.fractions.values()), abs=2e-4)


def test_few_held_out_galaxies_of_a_class_are_noted() -> None:
    """A reader must know which class a fraction should not be trusted of."""
    few = held_out(galaxies=300, mix=(0.45, 0.45, 0.05, 0.05))
    collector = MixCollector(CLASSES, few, PLAIN)
    for row in predictions(1, 200):
        collector.add(row)
    mix = collector.estimate()
    assert mix is not None
    (note,) = mix.notes
    assert note.startswith("class fractions rest on few held-out galaxies: edge_on_disk ")
    assert set(mix.to_dict()) == {"galaxies", "counts", "fractions", "standard_errors", "held_out", "notes"}
