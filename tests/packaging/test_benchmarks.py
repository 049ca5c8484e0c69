"""The benchmarks know the package that they measure."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


def test_every_step_of_the_budget_has_its_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that was renamed would silently be charged to another step of ``benchmarks/budget.py``."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    budget = importlib.import_module("budget")
    stopwatch = importlib.import_module("stopwatch")
    assert budget.instrument(stopwatch.Stopwatch(budget.REST, lambda: None), stopwatch.Replacements()) == []


def test_steps_sum_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timed function is charged without what it calls, and what no step takes is charged to the rest."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    stopwatch = importlib.import_module("stopwatch")
    clock = stopwatch.Stopwatch("rest", lambda: None)
    clock.inside = clock.outside = 0.0
    ticks = iter(range(0, 1000, 10))
    monkeypatch.setattr(stopwatch.time, "thread_time_ns", lambda: next(ticks))
    inner = clock.timed(lambda: None, "inner")
    outer = clock.timed(lambda: (inner(), inner()), "outer")
    clock.restart()
    outer()
    # The clock is read at both ends of each call, and by restart and times.
    assert clock.times() == {"rest": 20.0, stopwatch.CALIBRATION: 0.0, "inner": 20.0, "outer": 30.0}
