"""A random history of a deployment in economy mode: short runs that are started each minute, or are not, or twice."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.history import CALM_MS, History
from tests.support.fleet import Fleet
from tidewheel.domain.jobs.job import Definition
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import MINUTE_MS, SKEW_MS
from tidewheel.domain.wheel.pace import ECONOMY

_STEP_MS = 200
_LIFE_MS = 60_000


class EconomyHistory(History):
    """The same faults and users, in economy mode: no scheduler loops."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.stack.pace = ECONOMY
        self.fleet = Fleet(self.stack, 1, self._outfit)
        self.settling_ms = 240_000
        self._offset_ms = self.rng.randrange(MINUTE_MS)

    def _run(self, duration_ms: int) -> None:
        """Time passes in steps, so that workers take each message when it shows."""
        clock = self.stack.clock
        until = clock.now_ms() + duration_ms
        while clock.now_ms() < until:
            if (clock.now_ms() - self._offset_ms) % MINUTE_MS < _STEP_MS:
                self._event()
            self.fleet.run_until(min(until, clock.now_ms() + _STEP_MS))

    def _event(self) -> None:
        """The minute's event comes, or does not, or comes twice."""
        if self.faults.strikes("no event", 0.15):
            return
        for _ in range(2 if self.faults.strikes("doubled event", 0.15) else 1):
            ends = self.stack.clock.now_ms() + _LIFE_MS
            skew = self.rng.randrange(-SKEW_MS // 2, SKEW_MS // 2 + 1)
            self.fleet.start(0, remaining=lambda ends=ends: ends - self.stack.clock.now_ms(), skew_ms=skew)

    def _fill_instances(self, probability: float, most: int = 3) -> None:
        """There is no watchdog."""

    def _settle(self) -> None:
        """Goes on without faults to the very end, which shows what is late."""
        self._run(max(self.end_ms - self.stack.clock.now_ms(), 0) + CALM_MS)

    def _builder(self, _id: str, now: int, existing: Definition | None) -> Definition:
        return replace(
            super()._builder(_id, now, existing), precision=self.rng.choice([Precision.NORMAL, Precision.LOW])
        )
