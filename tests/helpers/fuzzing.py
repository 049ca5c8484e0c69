"""How many inputs the fuzz tests make up, and under which limits; see the README of tests/fuzz."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: Inputs of a target. A number in the environment asks for a long run, with new inputs each time.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))

#: No input may take longer than ten seconds; a hang is a failure.
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=10_000,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
