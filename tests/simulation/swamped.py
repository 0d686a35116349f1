"""A random outage of all schedulers over a queue of which workers take only so many a second, oldest first."""

from __future__ import annotations

import random
from typing import Any

from tests.support.memory_stack import START_MS, MemoryStack, every
from tidewheel.adapters.memory import MemoryQueue
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.ports import Clock, PortError

_BEFORE_MS = 30 * SECOND_MS
_AFTER_MS = 4 * MINUTE_MS
_LIVE_MS = SECOND_MS + 200
"""How late 99 of 100 may be that fall due in the second minute after the outage or later: a tick or two on a second."""


class Draining(MemoryQueue):
    """Workers take so many a second.

    Args:
        clock: Time.
        a_second: How many.
        chance: Of whether a count fails.
        fails: How often one does.
    """

    def __init__(self, clock: Clock, a_second: float, chance: random.Random, fails: float = 0.0) -> None:
        super().__init__(clock)
        self.a_second, self.chance, self.fails = a_second, chance, fails
        self.counts = 0
        self._room = 0.0
        self._taken_ms = clock.now_ms()

    def take(self, route: Route, limit: int = 10) -> list[Any]:
        now = self._clock.now_ms()
        self._room = min(self._room + (now - self._taken_ms) * self.a_second / SECOND_MS, self.a_second)
        self._taken_ms = now
        taken = super().take(route, min(limit, int(self._room)))
        self._room -= len(taken)
        return taken

    def waiting(self, route: Route) -> int:
        self.counts += 1
        if self.chance.random() < self.fails:
            raise PortError("queue.waiting", str(route), "refused")
        return super().waiting(route)


class Swamped:
    """Jobs that fire each second, an outage, and what their lateness was afterwards. Everything follows from the seed.

    In every fourth one the workers cannot even keep up with what is live: then it is shown that the rest goes on too.
    """

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"swamped {seed}")
        self.jobs = rng.randrange(4, 13)
        self.down_ms = rng.randrange(30, 150) * SECOND_MS
        self.saturated = seed % 4 == 3
        self.stack = MemoryStack(rng.choice([1, 2, 4]))
        a_second = self.jobs * (0.8 if self.saturated else rng.uniform(2.3, 4.0))
        self.queue = Draining(self.stack.clock, a_second, rng, rng.choice([0.0, 0.0, 0.2]))
        self.stack.queue = self.queue
        self.back_ms = 0

    def play(self) -> None:
        stack, end_ms = self.stack, START_MS + _BEFORE_MS + self.down_ms + _AFTER_MS
        for _ in range(self.jobs):
            stack.create(every(SECOND_MS), misfire=Misfire(Policy.ALL, limit=1_000), end=end_ms)
        stack.turn_for(_BEFORE_MS)
        stack.crash_after(SECOND_MS)
        stack.clock.advance(self.down_ms)
        self.back_ms = stack.clock.now_ms()
        stack.turn_for(_AFTER_MS)

    def violations(self) -> list[str]:
        """Every broken promise, in words."""
        missed = self._late(self.back_ms - self.down_ms + 5 * SECOND_MS, self.back_ms - 15 * SECOND_MS)
        if self.saturated:
            return [] if len(missed) >= 20 else [f"only {len(missed)} of what was missed ran in four minutes"]
        live = self._late(self.back_ms + MINUTE_MS, self.back_ms + _AFTER_MS - 5 * SECOND_MS)
        p99 = live[len(live) * 99 // 100]
        return [f"live work was {p99} ms late from the second minute on"] if p99 > _LIVE_MS else []

    def _late(self, from_ms: int, until_ms: int) -> list[int]:
        return sorted(at - call.due_ms for at, call in self.stack.caller.calls if from_ms <= call.due_ms < until_ms)
