"""The reconciler's handler: one run of the sweep, whose counts are flushed even if it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.reconciler import handler as reconciler
from tests.support.memory_stack import MemoryStack, every
from tests.support.run_settings import RECONCILER_ENVIRONMENT, Flushed
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS
from tidewheel.domain.wheel.levels import RINGS
from tidewheel.engine.recovery.reconciler import Reconciler
from tidewheel.names import Env
from tidewheel.ports import Page, PortError
from tidewheel.settings import ReconcilerSettings, SettingsError

EVENT: dict[str, Any] = json.loads((Path(__file__).parent / "events" / "eventbridge_minute.json").read_text())


class Bench:
    """The reconciler's surroundings."""

    def __init__(self) -> None:
        self.stack = MemoryStack(shards=1)
        self.stack.telemetry = self.telemetry = Flushed()
        self.settings: ReconcilerSettings | None = None
        self.jobs: Any = self.stack.jobs

    def reconcile(self, settings: ReconcilerSettings) -> Reconciler:
        self.settings, stack = settings, self.stack
        return Reconciler(
            self.jobs,
            stack.executions,
            stack.wheel,
            stack.control,
            stack.control,
            stack.queue,
            stack.clock,
            self.telemetry,
            stack.layouts,
            stack.grants.lines,
        )


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    for name, value in RECONCILER_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(reconciler, "reconciler", bench.reconcile)
    return bench


def test_an_empty_deployment(bench: Bench) -> None:
    assert reconciler.handler(EVENT, None) == {"looked": 0, "repaired": 0, "brought_back": 0}
    assert bench.telemetry.flushes == 1
    assert bench.settings is not None
    assert (bench.settings.jobs_table, bench.settings.control_table, bench.settings.shards) == ("jobs", "control", 1)


def test_a_schedule_that_stopped(bench: Bench) -> None:
    stack = bench.stack
    stack.create(every(MINUTE_MS, stack.clock.now_ms() + 5 * MINUTE_MS))
    stack.world.singles.clear()
    stack.control.claim(0, None, 0, 1)
    stack.clock.advance(HOUR_MS)
    stack.control.advance(0, 1, {ring.level: stack.clock.now_ms() for ring in RINGS})
    assert reconciler.handler(EVENT, None) == {"looked": 1, "repaired": 1, "brought_back": 0}
    assert bench.telemetry.counts["schedule_repaired"] == 1


def test_a_store_that_fails_ends_the_run_and_the_next_looks_at_the_same_page(bench: Bench) -> None:
    bench.stack.create(every(MINUTE_MS))

    class Down:
        def sweep(self, _after: str | None, _limit: int) -> Page[object]:
            raise PortError("jobs.sweep", "jobs", "down")

    bench.jobs = Down()
    with pytest.raises(PortError, match="down"):
        reconciler.handler(EVENT, None)
    assert bench.telemetry.flushes == 1
    bench.jobs = bench.stack.jobs
    assert reconciler.handler(EVENT, None) == {"looked": 1, "repaired": 0, "brought_back": 0}


@pytest.mark.parametrize("missing", RECONCILER_ENVIRONMENT)
def test_a_missing_setting_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch, missing: Env) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(SettingsError, match=missing):
        reconciler.handler(EVENT, None)
