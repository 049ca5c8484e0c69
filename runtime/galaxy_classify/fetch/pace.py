"""When the next request may be made: a few per second, none while the service asks to wait, none once the run ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class StoppedError(Exception):
    """The run is ending, as by Ctrl-C: nothing more is asked."""


class Stop:
    """Ends the waiting of all threads."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """End all waiting, now and from now on."""
        self._event.set()

    def sleep(self, seconds: float) -> None:
        """Wait; raise `StoppedError` if the run ends meanwhile."""
        if self._event.wait(seconds):
            raise StoppedError


class Pace:
    """Space the requests of all threads.

    Parameters
    ----------
    rate : float
        Requests per second.
    sleep : callable
        Waits for a number of seconds.
    clock : callable, optional
        Returns the time in seconds.
    """

    def __init__(
        self, rate: float, sleep: Callable[[float], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 1 / rate
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._next = clock()

    def wait(self) -> None:
        """Wait until a request may be made. A hold that comes meanwhile counts as well."""
        while True:
            with self._lock:
                pause = self._next - self._clock()
                if pause <= 0:
                    self._next = self._clock() + self._interval
                    return
            self._sleep(pause)

    def hold(self, seconds: float) -> None:
        """Make no request for some time: neither this thread nor any other."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
