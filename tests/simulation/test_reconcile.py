"""The reconciler in random histories: it repairs nothing that is not broken, and all that is broken on purpose."""

from __future__ import annotations

import random

import pytest

from tests.simulation.history import CALM_MS, History
from tests.support.memory_stack import TENANT
from tidewheel.domain.executions.reconcile import Sweep
from tidewheel.domain.limits import MINUTE_MS, RECONCILE_MARGIN_MS
from tidewheel.domain.wheel.entries import ScheduleEntry, decode
from tidewheel.engine.api.ledger import LedgerService
from tidewheel.engine.recovery.reconciler import Tally

_HISTORIES = 20
_BROKEN = 5
_SPREAD_MS = 3 * MINUTE_MS
"""More than any instant of a history is due after its nominal time."""


def reconciled(history: History) -> Tally:
    """A whole sweep over what stands, whenever the last one began."""
    stack = history.stack
    stack.control.move_sweep(stack.control.sweep(), Sweep(0, over=True))
    return stack.reconcile.run()


class Swept(History):
    """A history in which the reconciler sweeps again and again, with faults and without."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.repairs = 0
        self.looks = 0

    def _run(self, duration_ms: int) -> None:
        super()._run(duration_ms)
        if self.stall.lasts:
            return  # it fails, and is called again a minute later
        tally = reconciled(self)
        self.repairs += tally.repaired
        self.looks += tally.looked

    def outlast(self) -> None:
        """Goes on without faults until every instant that was named must be accounted for."""
        until = self.stack.clock.now_ms() + RECONCILE_MARGIN_MS + CALM_MS
        while self.stack.clock.now_ms() < until:
            self._fill_instances(1.0)
            self._run(MINUTE_MS)


@pytest.mark.parametrize("first", range(0, _HISTORIES, 5))
def test_ordinary_histories_need_no_repair(first: int) -> None:
    for seed in range(first, first + 5):
        history = Swept(seed)
        history.play()
        history.outlast()
        assert history.repairs == 0, f"seed {seed}: {history.stack.telemetry.errors[-3:]}"
        assert history.looks > 0
        assert not history.violations()


class Sabotaged(Swept):
    """A history in which, once its faults are over, entries vanish from the wheel, which no crash can do."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.end_ms += 2 * CALM_MS  # schedules go on after the sabotage
        self.settling_ms = 10**12  # what was repaired is late
        self.lost: set[str] = set()
        self.missed = 0
        self._at_ms: int | None = None
        self._done = False

    def _run(self, duration_ms: int) -> None:
        """Sabotages once all that older generations named is accounted for: the newest alone is reconciled."""
        now = self.stack.clock.now_ms()
        if not self.faults.stormy and self._at_ms is None:
            self._at_ms = now + _SPREAD_MS
        if self._at_ms is not None and not self._done and now > self._at_ms:
            self._done = True
            self._sabotage()
        super()._run(duration_ms)
        self.missed = max(self.missed, self._missing())

    def _sabotage(self) -> None:
        """Takes all entries of about half the jobs, while nobody has them in hand."""
        for number in self.fleet.running:
            self.fleet.kill(number)
        self.executor.processes_died()
        chance = random.Random(self.seed)
        self.lost = {id for id in self.ids if id not in self.deleted and chance.random() < 0.5}
        world = self.stack.world
        for singles in world.singles.values():
            for key in [key for key, text in singles.items() if self._is_lost(text)]:
                del singles[key]
        for packs in world.packs.values():
            for key, texts in packs.items():
                packs[key] = tuple(text for text in texts if not self._is_lost(text))

    def _is_lost(self, text: str) -> bool:
        entry = decode(text)
        return isinstance(entry, ScheduleEntry) and entry.job in self.lost

    def _missing(self) -> int:
        ledger = LedgerService(self.stack.jobs, self.stack.executions, self.stack.clock)
        return sum(ledger.report(TENANT, id, None, None).missing for id in self.lost)


def test_stopped_schedules_are_repaired_and_the_ledger_becomes_complete() -> None:
    repairs = missed = 0
    for seed in range(_BROKEN):
        history = Sabotaged(seed)
        history.play()
        history.outlast()
        assert not history.violations(), f"seed {seed}"
        assert reconciled(history).repaired == 0
        assert history.repairs <= len(history.lost)
        repairs += history.repairs
        missed += history.missed
    assert repairs >= _BROKEN
    assert missed > 100
