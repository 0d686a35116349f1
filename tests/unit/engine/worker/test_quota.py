"""Executions over their tenant's quota: they end as blocked, call nobody, and keep nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.calls import a_quota
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.world_examples import a_tenant
from tidewheel.adapters.memory import MemoryCounters
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.limits import DAY_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.pricing import dollars_of_run
from tidewheel.domain.quotas.limit import AT_THE_FIRE, Limit, Window, window_at
from tidewheel.domain.quotas.tokens import Taken
from tidewheel.engine.api.redrive import RedrivePlan
from tidewheel.engine.common.tenant_cache import KEPT_MS
from tidewheel.engine.worker.admission import Admission
from tidewheel.ports import PortError, Throttled

DAY, MINUTE = Limit.EXECUTIONS_PER_DAY, Limit.EXECUTIONS_PER_MINUTE


def limited(**limits: float) -> MemoryStack:
    return MemoryStack(plans={"default": {Limit(name): value for name, value in limits.items()}})


def states(stack: MemoryStack) -> Counter[State]:
    return Counter(record.state for record in stack.world.executions.values())


def blocked(stack: MemoryStack) -> Sequence[Execution]:
    return [record for record in stack.world.executions.values() if record.state is State.BLOCKED]


def test_a_day_has_as_many_runs_as_its_quota_and_the_rest_is_on_the_ledger() -> None:
    stack = limited(executions_per_day=3)
    job = stack.create(every(10_000))
    stack.turn_for(95_000)
    assert len(stack.effects()) == 3
    assert states(stack)[State.SUCCEEDED] == 3
    over = blocked(stack)
    assert len(over) >= 6
    assert all(one.attempt == 0 and one.reason.startswith("quota: executions_per_day, 3 of 3 used") for one in over)
    assert stack.telemetry.counts[f"execution_over_quota[limit={DAY}]"] == len(over)
    report = stack.api.ledger.report(TENANT, job.id, START_MS + SECOND_MS, START_MS + 80_000)
    assert report.missing == 0
    assert {line.reason[:6] for line in report.lines if line.state == State.BLOCKED} == {"quota:"}


def test_a_minutes_quota_is_whole_in_the_next_minute() -> None:
    stack = limited(executions_per_minute=2)
    stack.create(every(10_000))
    stack.turn_for(180_000)
    by_minute = Counter(at_ms // MINUTE_MS for at_ms, _ in stack.caller.calls)
    assert list(by_minute.values())[:3] == [2, 2, 2]


def test_a_budget_in_dollars_is_a_number_of_runs_in_the_month() -> None:
    stack = MemoryStack()
    stack.create(every(10_000))
    budget = a_tenant(TENANT, plan="default", budget_dollars=dollars_of_run() * 2.5)
    assert stack.tenants.swap(budget) is None  # with it, nobody could create the job
    stack.turn_for(60_000)
    assert len(stack.effects()) == 2
    assert blocked(stack)[0].reason.startswith("budget: dollars_per_month, 0.00001 of 0.000013 used until")


def test_a_budget_that_is_spent_is_whole_in_the_next_month() -> None:
    """Jobs stay, and fire again: what they named meanwhile is on the ledger."""
    stack = MemoryStack(plans={"default": {Limit.DOLLARS_PER_MONTH: dollars_of_run() * 3}})
    window = window_at(Limit.DOLLARS_PER_MONTH, START_MS)
    stack.clock.advance(window.until_ms - START_MS - 30 * SECOND_MS)
    stack.tenants.swap(a_tenant(TENANT, plan="enterprise"))
    job = stack.create(every(5_000))
    stack.tenants.swap(replace(a_tenant(TENANT, plan="default"), version=2))
    stack.clock.advance(KEPT_MS)
    stack.turn_for(40_000)
    by_month = Counter(at_ms >= window.until_ms for at_ms, _ in stack.caller.calls)
    assert by_month == {False: 3, True: 3}
    report = stack.api.ledger.report(TENANT, job.id, window.until_ms - 20 * SECOND_MS, window.until_ms)
    assert report.missing == 0
    assert {line.reason.split(",")[0] for line in report.lines if line.state == State.BLOCKED} == {
        "budget: dollars_per_month"
    }


def test_a_retry_is_not_counted() -> None:
    stack = limited(executions_per_day=1)
    stack.caller.answers = lambda _call: Answer(Result.FAILED, 500)
    stack.create(None, retry=RetryPolicy(max_attempts=3, base_ms=1_000))
    stack.turn_for(60_000)
    assert len(stack.effects()) == 3
    assert not blocked(stack)


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE, Overlap.REPLACE])
def test_one_that_is_blocked_keeps_no_lock(overlap: Overlap) -> None:
    """So that the next run of its job begins when the limit is whole."""
    stack = limited(executions_per_minute=1)
    stack.create(every(20_000), overlap=overlap)
    stack.turn_for(180_000)
    assert len({at_ms // MINUTE_MS for at_ms, _ in stack.caller.calls}) >= 3
    assert {State.BLOCKED, State.SUCCEEDED} >= set(states(stack)) - {State.SKIPPED}
    assert all(not lock.holder for lock in stack.world.locks.values())


def test_one_that_is_blocked_takes_no_permit() -> None:
    stack = MemoryStack(plans={"default": {DAY: 0}}, tenant_concurrency={TENANT: 1})
    stack.create(every(10_000))
    stack.turn_for(40_000)
    assert set(states(stack)) == {State.BLOCKED}
    assert not stack.world.permits


def test_one_that_waits_for_a_permit_gives_its_token_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = MemoryStack(plans={"default": {DAY: 2}}, tenant_concurrency={TENANT: 1})
    stack.create(None)
    monkeypatch.setattr(Admission, "take_permit", lambda *_: None)  # others have them all
    stack.turn_for(20_000)
    assert not stack.effects()
    [held] = stack.admission.quota.held(TENANT, AT_THE_FIRE)
    assert held.left == held.used  # however often it has asked


def test_a_dead_letter_that_is_redriven_over_the_quota_stays_one() -> None:
    stack = limited(executions_per_day=1)
    stack.caller.answers = lambda _call: Answer(Result.FAILED, 400, retryable=False)
    stack.create(None)
    stack.turn_for(10_000)
    [record] = stack.world.executions.values()
    stack.api.dead_letters.redrive(TENANT, RedrivePlan({record.id: record.version}, 1))
    stack.turn_for(10_000)
    [record] = stack.world.executions.values()
    assert (record.state, record.reason[:6]) == (State.DEAD, "quota:")
    stack.clock.advance(DAY_MS)
    stack.api.dead_letters.redrive(TENANT, RedrivePlan({record.id: record.version}, 1))
    stack.turn_for(10_000)
    assert len(stack.effects()) == 2


def test_a_tenants_own_limit_outranks_its_plan_and_holds_within_seconds() -> None:
    stack = limited(executions_per_day=2)
    stack.create(every(5_000))
    stack.turn_for(30_000)
    assert len(stack.effects()) == 2
    assert stack.tenants.swap(a_tenant(TENANT, plan="default", limits={"executions_per_day": 4})) is None
    stack.clock.advance(KEPT_MS)
    stack.turn_for(40_000)
    assert len(stack.effects()) == 4


def test_without_a_limit_nothing_is_counted() -> None:
    stack = MemoryStack()
    stack.create(every(10_000))
    stack.turn_for(60_000)
    assert stack.effects()
    assert not stack.world.counted


class Failing(MemoryCounters):
    """The counters, as long as they are throttled, or their answers get lost."""

    throttled = lost = False

    def take(self, tenant: str, window: Window, amount: int, total: int) -> Taken:
        if self.throttled:
            raise Throttled("counters.take", tenant, "slow down")
        taken = super().take(tenant, window, amount, total)
        if self.lost:
            raise PortError("counters.take", tenant, "no answer")
        return taken


@pytest.mark.parametrize("fault", ["throttled", "lost"])
def test_while_the_counters_fail_a_message_comes_back_and_nothing_runs_uncounted(fault: str) -> None:
    stack = MemoryStack()
    counters = Failing(stack.world)
    quota = a_quota(stack.clock, stack.tenants, counters, {"default": {DAY: 5}})
    stack.admission = replace(stack.admission, quota=quota)
    setattr(counters, fault, True)
    stack.create(None)
    stack.turn_for(5_000)
    assert not stack.effects()
    setattr(counters, fault, False)
    stack.turn_for(60_000)
    assert len(stack.effects()) == 1
    window = window_at(DAY, START_MS)
    lost = 0 if fault == "throttled" else stack.world.counted[TENANT, window] - 1
    assert stack.world.counted[TENANT, window] == 1 + lost
