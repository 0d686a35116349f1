"""The scheduler's handler: one invocation is one scheduler, named after it, that ends with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.scheduler import handler as scheduler
from tests.support.ends import ends_of
from tidewheel.adapters.memory import (
    InlineExecutor,
    MemoryControl,
    MemoryExecutions,
    MemoryJobs,
    MemoryLocks,
    MemoryQueue,
    MemoryWheel,
    RecordingTelemetry,
    SettableClock,
    World,
)
from tidewheel.domain.wheel.levels import RINGS
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.scheduler.context import Stores
from tidewheel.engine.scheduler.handover import LAST_CALL_MS
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.names import Env
from tidewheel.settings import SchedulerSettings, SettingsError
from tidewheel.wiring.scheduler import scheduler_loop as real_scheduler_loop

EVENT: dict[str, Any] = json.loads((Path(__file__).parent / "events" / "scheduler_launch.json").read_text())
ENVIRONMENT = {
    Env.JOBS_TABLE: "jobs",
    Env.WHEEL_TABLE: "wheel",
    Env.EXECUTIONS_TABLE: "executions",
    Env.CONTROL_TABLE: "control",
    Env.QUEUES: json.dumps({"lambda-normal": "https://sqs/1/normal"}),
    Env.SHARDS: "2",
    Env.DEPLOYMENT: "t",
    Env.LEAN_TRANSPORT: "true",
    Env.PACE: "loop",
    Env.SCHEDULER_FUNCTION: "scheduler",
    Env.CODE_VERSION: "v1",
    Env.SCHEDULERS: "1",
    Env.ACCESS_TABLE: "access",
    Env.PLANS: "{}",
    Env.TENANT_CONCURRENCY: "{}",
}
LIFE_MS = 60_000


class Bench:
    """A scheduler's surroundings, in memory; also its launcher."""

    def __init__(self) -> None:
        self.clock = SettableClock(1_794_999_960_000)
        self.control = MemoryControl()
        self.launched = 0

    def launch(self, instance: int) -> None:
        self.launched += 1

    def scheduler_loop(self, settings: SchedulerSettings, owner: str, instance: int) -> SchedulerLoop:
        world = World()
        wheel, executions, queue = MemoryWheel(world), MemoryExecutions(world), MemoryQueue(self.clock)
        layouts, telemetry = LayoutCache(self.control, self.clock, settings.shards), RecordingTelemetry()
        return SchedulerLoop(
            stores=Stores(wheel, MemoryJobs(world), executions, self.control, self.control, self.control),
            queue=queue,
            launcher=self,
            clock=self.clock,
            telemetry=telemetry,
            executor=InlineExecutor(),
            layouts=layouts,
            ends=ends_of(
                executions, MemoryLocks(world), wheel, queue, layouts, self.clock, telemetry, MemoryJobs(world)
            ),
            owner=owner,
            version=settings.code_version,
            instance=instance,
            instances=settings.schedulers,
            pace=settings.pace,
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
    monkeypatch.setattr(scheduler, "scheduler_loop", bench.scheduler_loop)
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
    for shard in (0, 1):
        holding = bench.control.holding(shard)
        assert holding is not None
        assert (holding.instance, set(holding.cursors)) == (None, {ring.level for ring in RINGS})


def test_it_is_named_after_its_invocation(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    owners: list[str] = []

    def scheduler_loop(settings: SchedulerSettings, owner: str, instance: int) -> SchedulerLoop:
        owners.append(owner)
        return bench.scheduler_loop(settings, owner, instance)

    monkeypatch.setattr(scheduler, "scheduler_loop", scheduler_loop)
    scheduler.handler(EVENT, Context(bench.clock))
    assert owners == [Context.aws_request_id]


def test_it_is_not_needed_beside_one_that_lives(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = bench.control.take(None, "another", "v1")
    assert lease is not None

    sleep_until = bench.clock.sleep_until

    def sleep(instant_ms: int) -> None:
        sleep_until(instant_ms)
        bench.control.renew(lease)

    monkeypatch.setattr(bench.clock, "sleep_until", sleep)
    assert scheduler.handler(EVENT, Context(bench.clock)) == {"end": "not_needed"}


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_a_missing_setting_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch, missing: Env) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(SettingsError, match=missing):
        scheduler.handler(EVENT, Context(bench.clock))
    assert bench.control.lease() is None


def test_the_real_wiring_reaches_nobody_before_it_runs() -> None:
    made = real_scheduler_loop(SchedulerSettings.from_env({str(k): v for k, v in ENVIRONMENT.items()}), "me", 1)
    assert (made.owner, made.version, made.layouts.shards, made.instance, made.instances) == ("me", "v1", 2, 1, 1)
    assert made.guard is not None
    assert made.guard.refusal() == ""
    made.executor.shutdown()


def test_its_threads_end_with_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda keeps the process for the next invocation, fifteen minutes later; threads must not add up."""
    ended: list[dict[str, bool]] = []
    monkeypatch.setattr(InlineExecutor, "shutdown", lambda _self, **options: ended.append(options))
    scheduler.handler(EVENT, Context(bench.clock))
    assert ended == [{"wait": False, "cancel_futures": True}]
