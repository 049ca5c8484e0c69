"""When requests are made, by a clock that the tests turn."""

from __future__ import annotations

import threading
import time

import pytest

from fake_clock import Clock
from galaxy_classify.fetch.pace import Pace, Stop, StoppedError


def test_requests_are_spaced() -> None:
    """Never more than the rate, also after a pause: what was not asked then is not made up for."""
    clock = Clock()
    pace = Pace(4, clock.sleep, clock)
    times = []
    for number in range(6):
        pace.wait()
        times.append(clock.now - 100)
        if number == 2:
            clock.now += 10
    assert times == [0, 0.25, 0.5, 10.5, 10.75, 11]


def test_a_hold_reaches_those_that_wait_already() -> None:
    """Two threads wait for their turn; one is told to wait by the service, so that the other one does as well."""
    clock = Clock()
    pace = Pace(1, clock.sleep, clock)
    pace.wait()

    def sleep(seconds: float) -> None:
        if clock.now == 100:
            pace.hold(30)
        clock.now += seconds

    pace._sleep = sleep
    pace.wait()
    assert clock.now == 130
    pace.hold(0)
    pace.wait()
    assert clock.now == 131


def test_the_end_of_a_run_ends_all_waiting() -> None:
    """Ctrl-C does not have to wait for a service that asked for two minutes."""
    stop = Stop()
    pace = Pace(1, stop.sleep)
    pace.hold(60)
    threading.Timer(0.02, stop.set).start()
    started = time.monotonic()
    with pytest.raises(StoppedError):
        pace.wait()
    with pytest.raises(StoppedError):
        pace.wait()
    assert time.monotonic() - started < 30
