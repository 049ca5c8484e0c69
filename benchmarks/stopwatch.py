"""Time functions by step, each without the time of other timed functions that it calls: the steps sum to the whole."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

#: Calls of an empty function by which the clock's own cost is measured.
CALIBRATION_CALLS = 1_000
CALIBRATION = "calibration of the clock"
#: Packages in whose modules a function is replaced wherever it was imported to.
PATCHED_PACKAGES = ("galaxy_classify", "PIL")

Function = Callable[..., Any]


class Stopwatch:
    """Add up the CPU time of the calling thread by step; whatever no step takes is charged to `rest`.

    The clock itself takes time: a part within each timed call, a part in its caller. Both are measured on an empty
    function, and subtracted. Between its calls `work` is done, as between those that are timed: it takes the clock out
    of the caches, which makes it twice as slow as in a bare loop.
    """

    def __init__(self, rest: str, work: Callable[[], object]) -> None:
        self.names = [rest]
        self.nanoseconds = [0]
        #: Timed calls of each step, and timed calls made from each step.
        self.calls = [0]
        self.calls_within = [0]
        self._state = [0, time.thread_time_ns()]
        self.inside, self.outside = self._calibrate(work)
        self.restart()

    def restart(self) -> None:
        """Forget all times so far."""
        for counts in (self.nanoseconds, self.calls, self.calls_within):
            counts[:] = [0] * len(counts)
        self._state[1] = time.thread_time_ns()

    def times(self) -> dict[str, float]:
        """Return the nanoseconds of each step since the last `restart`, without those of the clock."""
        now = time.thread_time_ns()
        self.nanoseconds[self._state[0]] += now - self._state[1]
        self._state[1] = now
        return {
            name: spent - calls * self.inside - within * self.outside
            for name, spent, calls, within in zip(
                self.names, self.nanoseconds, self.calls, self.calls_within, strict=True
            )
        }

    def timed(self, function: Function, step: str | Callable[..., str]) -> Function:
        """Return a function that does the same and is timed; of a generator, each step to the next item is timed.

        `step` may be a function that chooses the step from the arguments of a call.
        """
        if inspect.isgeneratorfunction(function):
            return self._timed_generator(function, str(step))
        clock, state, nanoseconds = time.thread_time_ns, self._state, self.nanoseconds
        calls, calls_within = self.calls, self.calls_within
        fixed = self._number(step) if isinstance(step, str) else -1

        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            number = fixed if fixed >= 0 else self._number(step(*arguments, **named))  # type: ignore[operator]
            now = clock()
            caller = state[0]
            nanoseconds[caller] += now - state[1]
            calls_within[caller] += 1
            calls[number] += 1
            state[0], state[1] = number, now
            try:
                return function(*arguments, **named)
            finally:
                now = clock()
                nanoseconds[number] += now - state[1]
                state[0], state[1] = caller, now

        return call

    def _timed_generator(self, function: Function, step: str) -> Function:
        @functools.wraps(function)
        def generate(*arguments: Any, **named: Any) -> Generator[Any, Any, Any]:
            items = function(*arguments, **named)
            following = self.timed(items.__next__, step)
            try:
                while True:
                    try:
                        item = following()
                    except StopIteration as ended:
                        return ended.value
                    yield item
            finally:
                items.close()

        return generate

    def _number(self, step: str) -> int:
        if step not in self.names:
            self.names.append(step)
            for counts in (self.nanoseconds, self.calls, self.calls_within):
                counts.append(0)
        return self.names.index(step)

    def _calibrate(self, work: Callable[[], object]) -> tuple[float, float]:
        """Return what the clock costs within a timed call and in its caller, in nanoseconds."""

        def empty(argument: object) -> None: ...

        timed, clock = self.timed(empty, CALIBRATION), time.thread_time_ns
        number = self.names.index(CALIBRATION)
        inside = both = 0
        for _ in range(CALIBRATION_CALLS):
            work()
            begun = clock()
            empty(None)
            both -= clock() - begun
            work()
            self.restart()
            begun = clock()
            timed(None)
            both += clock() - begun
            inside += self.nanoseconds[number]
        return inside / CALIBRATION_CALLS, (both - inside) / CALIBRATION_CALLS


class Replacements:
    """Functions that others stand in for, as long as they are switched on."""

    def __init__(self) -> None:
        self._places: list[tuple[Any, str, Function, Function]] = []

    def add(self, place: str, change: Callable[[Function], Function]) -> bool:
        """Let another function stand in for one: ``module:name`` or ``module:Class.name``; False if there is none.

        It does so, too, in the modules that have imported it by its name.
        """
        module_name, _, name = place.partition(":")
        *classes, last = name.split(".")
        try:
            owner: Any = importlib.import_module(module_name)
            for within in classes:
                owner = getattr(owner, within)
            original = inspect.getattr_static(owner, last) if classes else getattr(owner, last)
        except (ImportError, AttributeError):
            return False
        changed = change(original)
        self._places.append((owner, last, original, changed))
        if not classes:
            for module in list(sys.modules.values()):
                if module is not owner and getattr(module, "__name__", "").partition(".")[0] in PATCHED_PACKAGES:
                    names = [other for other, value in vars(module).items() if value is original]
                    self._places += [(module, other, original, changed) for other in names]
        return True

    def switch(self, *, on: bool) -> None:
        """Let the others stand in, or the original functions again."""
        for owner, name, original, changed in self._places:
            setattr(owner, name, changed if on else original)
