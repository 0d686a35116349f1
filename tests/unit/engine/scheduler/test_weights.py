"""The weights of tenants: read beside the loop, only of those that have turns beside others, and used in the turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from tests.support.memory_stack import TENANT, MemoryStack, every
from tests.support.world_examples import NOW_MS, a_tenant
from tidewheel.adapters.memory import InlineExecutor, MemoryTenants, RecordingTelemetry, SettableClock, World
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.wheel.entries import ScheduleEntry
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.dispatch.fair_lines import FairLines
from tidewheel.engine.scheduler.dispatch.weights import FRESH_MS, TenantWeights
from tidewheel.ports import PortError


class Asked(MemoryTenants):
    """Tenants that say who was read, and may be away."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.read: list[str] = []
        self.is_away = False

    def get(self, id: str) -> Tenant | None:
        self.read.append(id)
        if self.is_away:
            raise PortError("tenants.get", id, "no answer")
        return super().get(id)


class Bench:
    def __init__(self) -> None:
        self.clock, self.telemetry, self.tenants = SettableClock(NOW_MS), RecordingTelemetry(), Asked(World())
        backoff = Backoff(Random(1))
        self.background = BackgroundIO(InlineExecutor(), self.clock, self.telemetry, backoff)
        cache = TenantCache(self.tenants, self.clock, self.telemetry)
        self.weights = TenantWeights(cache, self.background, self.telemetry)
        self.lines: FairLines[str] = FairLines(self.weights.of)

    def weighs(self, tenant: str, weight: int, version: int = 1) -> None:
        assert self.tenants.swap(replace(a_tenant(tenant, weight=weight), version=version)) is None

    def fill(self, tenants: Sequence[str], count: int) -> None:
        for tenant in tenants:
            for _ in range(count):
                self.lines.push(tenant, 0, tenant)

    def tick(self, turns: int) -> str:
        """A tick of the loop, with so many turns."""
        self.background.collect()
        self.weights.look(self.clock.now_ms())
        return "".join(self.lines.pop(0) for _ in range(turns))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_tenant_of_weight_three_gets_three_turns_where_one_of_weight_one_gets_one(bench: Bench) -> None:
    bench.weighs("a", 3)
    bench.weighs("b", 1)
    bench.fill(["a", "b"], 100)
    bench.tick(2)
    bench.tick(2)  # the look of this one is delivered to the next
    turns = bench.tick(40)
    assert (turns.count("a"), turns.count("b")) == (30, 10)
    assert "aaaa" not in turns


def test_who_waits_alone_is_never_read(bench: Bench) -> None:
    bench.fill(["a"], 100)
    for _ in range(5):
        bench.tick(10)
    assert bench.tenants.read == []


def test_each_is_read_once_in_a_while_and_a_changed_weight_holds_then(bench: Bench) -> None:
    bench.weighs("a", 1)
    bench.fill(["a", "b"], 1_000)
    for _ in range(FRESH_MS // SECOND_MS):
        bench.tick(4)
        bench.clock.advance(SECOND_MS)
    assert sorted(bench.tenants.read) == ["a", "b"]
    bench.weighs("a", 4, version=2)
    for _ in range(3):
        bench.tick(4)
        bench.clock.advance(SECOND_MS)
    turns = bench.tick(50)
    assert turns.count("a") == 40


def test_a_tenant_that_cannot_be_read_keeps_its_turns(bench: Bench) -> None:
    bench.tenants.is_away = True
    bench.fill(["a", "b"], 100)
    for _ in range(4):
        bench.tick(10)
    assert bench.tick(20).count("a") == 10
    assert bench.background.busy == 0  # it does not count as a failure of the loop's own I/O
    assert any(event == "a weight is unknown" for event, _ in bench.telemetry.infos)


def due_with(stack: MemoryStack, job: Job) -> None:
    """Puts a job's first entry on the wheel."""
    nominal_ms = job.next_nominal(stack.clock.now_ms())
    assert nominal_ms is not None
    stack.wheel_writer.put(ScheduleEntry(job.tenant, job.id, job.generation, nominal_ms, job.due(nominal_ms)))


def test_a_scheduler_reads_the_weights_of_those_that_are_due_at_once() -> None:
    stack = MemoryStack()
    stack.tenants = tenants = Asked(stack.world)
    stack.workers_up = False
    job = stack.create(every(5_000))
    other = replace(job, tenant="other")
    assert stack.jobs.create(other, None, None)
    due_with(stack, other)
    tenants.read.clear()
    stack.turn_for(20_000)
    assert sorted(set(tenants.read)) == [TENANT, "other"]
