"""A deployment in economy mode on virtual time: a run each minute, and workers in between."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.memory_stack import START_MS, MemoryStack
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.domain.wheel.pace import ECONOMY
from tidewheel.engine.scheduler.term import End

LIFE_MS = 60_000
"""How long (ms) one invocation may take."""
_OFFSET_MS = 7_300
"""Nobody knows at which second of a minute the event comes; it is not its first."""
_STEP_MS = 100


def economical(shards: int = 2) -> MemoryStack:
    """A new deployment in economy mode."""
    return MemoryStack(shards, pace=ECONOMY)


def short_run(stack: MemoryStack) -> End:
    """One run, as the minute's event starts it."""
    until = stack.clock.now_ms() + LIFE_MS
    return stack.scheduler_loop().run(lambda: until - stack.clock.now_ms())


def live(stack: MemoryStack, duration_ms: int, comes: Callable[[int], bool] = lambda _minute: True) -> list[int]:
    """Lets time pass; in each minute that ``comes`` keeps, a run.

    Returns:
        How long each run took (ms).
    """
    until, took = stack.clock.now_ms() + duration_ms, []
    while stack.clock.now_ms() < until:
        now = stack.clock.now_ms()
        if (now - _OFFSET_MS) % MINUTE_MS < _STEP_MS and comes((now - START_MS) // MINUTE_MS):
            assert short_run(stack) is End.DONE
            took.append(stack.clock.now_ms() - now)
        stack.clock.sleep_until(now - now % _STEP_MS + _STEP_MS)
    return took


def lateness(stack: MemoryStack) -> list[int]:
    """Of each call, ms after its due time."""
    return [at - call.due_ms for at, call in stack.caller.calls]
