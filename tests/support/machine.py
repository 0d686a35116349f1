"""How slow this machine is now, in numbers that tests' patience and lanes follow.

A fixed number of seconds says nothing on a machine that others use too. So a piece of work is timed by the wall clock,
which has in it both a slow processor and the turns of others. It is done on every processor at once and lasts some
tenths of a second: a short one on one processor finds a free one, or gets its turn at once since it has just come.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

VARIABLE = "MACHINE_SLOWNESS"
"""What one process of a session measured, for those that it starts."""
STEPS = 5_000_000
QUICK_MS = 400.0
"""How long the steps take on a quick and idle machine."""
MOST = 40.0
"""A machine that is slower still is in trouble, and a test may say so."""

_SPIN = f"""
from time import monotonic
began, sum = monotonic(), 0
for step in range({STEPS}):
    sum += step * step
print((monotonic() - began) * 1_000)
"""


def spun_ms(processes: int | None = None) -> float:
    """How long a loop of ``STEPS`` takes by the wall clock, ms, where it takes longest.

    Args:
        processes: How many do it at once; one for each processor unless given.
    """
    command = [sys.executable, "-I", "-S", "-c", _SPIN]
    many = processes or os.cpu_count() or 1
    spinning = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(many)]
    return max(float(one.communicate()[0]) for one in spinning)


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
