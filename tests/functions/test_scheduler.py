"""The scheduler's handler: one invocation is one scheduler, named after it, that ends with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.scheduler import handler as scheduler
from tidewheel.adapters.memory import (
    InlineExecutor,
    MemoryControl,
    MemoryJobs,
    MemoryQueue,
    MemoryWheel,
    RecordingTelemetry,
    SettableClock,
    World,
)
from tidewheel.engine.ticker import LAST_CALL_MS, Ticker
from tidewheel.engine.window import Stores
from tidewheel.names import Env
from tidewheel.settings import SchedulerSettings, SettingsError
from tidewheel.wiring.scheduler import ticker as real_ticker

EVENT: dict[str, Any] = json.loads((Path(__file__).parent / "events" / "scheduler_launch.json").read_text())
ENVIRONMENT = {
    Env.JOBS_TABLE: "jobs",
    Env.WHEEL_TABLE: "wheel",
    Env.CONTROL_TABLE: "control",
    Env.QUEUES: json.dumps({"lambda-normal": "https://sqs/1/normal"}),
    Env.SHARDS: "2",
    Env.SCHEDULER_FUNCTION: "scheduler",
    Env.CODE_VERSION: "v1",
}
LIFE_MS = 60_000


class Bench:
    """A scheduler's surroundings, in memory; also its launcher."""

    def __init__(self) -> None:
        self.clock = SettableClock(1_794_999_960_000)
        self.control = MemoryControl()
        self.launched = 0

    def launch(self) -> None:
        self.launched += 1

    def ticker(self, settings: SchedulerSettings, owner: str) -> Ticker:
        world = World()
        return Ticker(
            stores=Stores(MemoryWheel(world), MemoryJobs(world), self.control),
            queue=MemoryQueue(self.clock),
            launcher=self,
            clock=self.clock,
            telemetry=RecordingTelemetry(),
            executor=InlineExecutor(),
            shards=settings.shards,
            owner=owner,
            version=settings.code_version,
        )


class Context:
    """What Lambda passes beside the event."""

    aws_request_id = "5f0a3c0e-2f3e-4b0a-9a43-1d6a2f6f2a10"

    def __init__(self, clock: SettableClock) -> None:
        self._clock = clock
        self._deadline_ms = clock.now_ms() + LIFE_MS

    def get_remaining_time_in_millis(self) -> int:
        return self._deadline_ms - self._clock.now_ms()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(scheduler, "ticker", bench.ticker)
    return bench


def test_it_turns_until_its_deadline_nears_and_calls_a_successor(bench: Bench) -> None:
    context = Context(bench.clock)
    answer = scheduler.handler(EVENT, context)
    assert json.loads(json.dumps(answer)) == {"end": "handed_over"}
    assert 0 < context.get_remaining_time_in_millis() < LAST_CALL_MS
    assert bench.launched == 1
    lease = bench.control.lease()
    assert lease is not None
    assert (lease.owner, lease.epoch, lease.version) == (None, 1, "v1")
    assert lease.counter > 10
    assert set(bench.control.enter(0, 2)) == set(bench.control.enter(1, 2)) != set()


def test_it_is_named_after_its_invocation(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    owners: list[str] = []

    def ticker(settings: SchedulerSettings, owner: str) -> Ticker:
        owners.append(owner)
        return bench.ticker(settings, owner)

    monkeypatch.setattr(scheduler, "ticker", ticker)
    scheduler.handler(EVENT, Context(bench.clock))
    assert owners == [Context.aws_request_id]


def test_it_is_not_needed_beside_one_that_lives(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = bench.control.take(None, "another", "v1")
    assert lease is not None

    def sleep(duration_ms: int) -> None:
        bench.clock.advance(duration_ms)
        bench.control.renew(lease)

    monkeypatch.setattr(bench.clock, "sleep", sleep)
    assert scheduler.handler(EVENT, Context(bench.clock)) == {"end": "not_needed"}


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_a_missing_setting_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch, missing: Env) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(SettingsError, match=missing):
        scheduler.handler(EVENT, Context(bench.clock))
    assert bench.control.lease() is None


def test_the_real_wiring_reaches_nobody_before_it_runs() -> None:
    made = real_ticker(SchedulerSettings.from_env({str(k): v for k, v in ENVIRONMENT.items()}), owner="me")
    assert (made.owner, made.version, made.shards) == ("me", "v1", 2)
    made.executor.shutdown()
