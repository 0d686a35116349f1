"""How slow this machine is now, in numbers that tests' patience and lanes follow.

A fixed number of seconds says nothing on a machine that others use too. So a piece of work is timed by the wall clock,
which has in it both a slow processor and the turns of others.
"""

from __future__ import annotations

import os
from functools import cache

from tidewheel.adapters.clock import SystemClock

VARIABLE = "MACHINE_SLOWNESS"
"""What one process of a session measured, for those that it starts."""
STEPS = 1_000_000
QUICK_MS = 80.0
"""How long the steps take on a quick and idle machine."""
MOST = 40.0
"""A machine that is slower still is in trouble, and a test may say so."""


def spun_ms(steps: int = STEPS) -> float:
    """How long a loop of so many steps takes by the wall clock, ms."""
    clock, sum_ = SystemClock(), 0
    began_ms = clock.monotonic_ms()
    for step in range(steps):
        sum_ += step * step
    return clock.monotonic_ms() - began_ms


def measured() -> float:
    """How many times slower than a quick one this machine is now: 1 at the least, ``MOST`` at the most."""
    return min(max(spun_ms() / QUICK_MS, 1.0), MOST)


@cache
def slowness() -> float:
    """What was measured when the session began, or is now where nobody has."""
    told = os.environ.get(VARIABLE)
    return float(told) if told else measured()


def tell(slow: float) -> None:
    """Has this process and those that it starts go by a measurement."""
    os.environ[VARIABLE] = f"{slow:.2f}"
    slowness.cache_clear()
