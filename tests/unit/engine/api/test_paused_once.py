"""One-time jobs that are paused over their instant: their account while they rest, and their misfire policy after."""

from __future__ import annotations

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack
from tidewheel.domain.executions.ledger import PAUSED
from tidewheel.domain.executions.misfire import Reason
from tidewheel.domain.executions.states import State
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.domain.wheel.pace import ECONOMY, LOOP, Pace
from tidewheel.engine.api.ledger import LedgerService

AT_MS = START_MS + 10 * MINUTE_MS


def paused(stack: MemoryStack, policy: Policy = Policy.COALESCE) -> Job:
    job = stack.create(At(AT_MS), misfire=Misfire(policy, 10 * SECOND_MS, 5))
    stack.turn_for(MINUTE_MS)
    return stack.job_service.pause(TENANT, job.id)


def lines(stack: MemoryStack, job: Job) -> list[tuple[int, str]]:
    report = LedgerService(stack.jobs, stack.executions, stack.clock).report(TENANT, job.id, None, None)
    assert not report.missing
    return [(line.instant.nominal_ms, line.state) for line in report.lines]


def test_while_it_is_paused_its_instant_has_an_account_and_it_is_not_completed() -> None:
    stack = MemoryStack()
    job = paused(stack)
    assert lines(stack, job) == []
    stack.turn_for(HOUR_MS // 2)
    assert lines(stack, job) == [(AT_MS, PAUSED)]
    assert stack.job_service.get(TENANT, job.id).state_at(stack.clock.now_ms()) is JobState.PAUSED
    assert not stack.caller.calls


@pytest.mark.parametrize("pace", [LOOP, ECONOMY], ids=["loop", "economy"])
@pytest.mark.parametrize("policy", Policy)
def test_resumed_it_follows_its_misfire_policy(policy: Policy, pace: Pace) -> None:
    stack = MemoryStack(pace=pace)
    job = paused(stack, policy)
    stack.clock.sleep_until(AT_MS + HOUR_MS)
    stack.job_service.resume(TENANT, job.id)
    stack.turn_for(2 * MINUTE_MS)
    runs = 0 if policy is Policy.SKIP else 1
    assert [call.nominal_ms for _, call in stack.caller.calls] == [AT_MS] * runs
    assert lines(stack, job) == [(AT_MS, State.SUCCEEDED if runs else State.SKIPPED)]
    assert [row.reason for row in stack.world.missed.values()] == [Reason.SKIPPED] * (1 - runs)
    assert stack.job_service.get(TENANT, job.id).state_at(stack.clock.now_ms()) is JobState.COMPLETED


def test_resumed_within_its_grace_it_runs_under_every_policy() -> None:
    stack = MemoryStack()
    job = paused(stack, Policy.SKIP)
    stack.clock.sleep_until(AT_MS + 5 * SECOND_MS)
    stack.job_service.resume(TENANT, job.id)
    stack.turn_for(MINUTE_MS)
    assert lines(stack, job) == [(AT_MS, State.SUCCEEDED)]


def test_resumed_before_its_instant_it_runs_then_and_once() -> None:
    stack = MemoryStack()
    job = paused(stack)
    stack.turn_for(2 * MINUTE_MS)
    stack.job_service.resume(TENANT, job.id)
    stack.turn_for(HOUR_MS // 2)
    ((at_ms, call),) = stack.caller.calls
    assert call.nominal_ms == AT_MS <= at_ms < AT_MS + SECOND_MS


def test_one_that_ran_before_it_was_paused_does_not_run_again() -> None:
    stack = MemoryStack()
    job = stack.create(At(AT_MS))
    stack.turn_for(15 * MINUTE_MS)
    stack.job_service.pause(TENANT, job.id)
    stack.turn_for(MINUTE_MS)
    stack.job_service.resume(TENANT, job.id)
    stack.turn_for(2 * MINUTE_MS)
    assert len(stack.caller.calls) == 1
    assert lines(stack, job) == [(AT_MS, State.SUCCEEDED)]


def test_what_a_recurring_job_does_not_name_while_it_is_paused_stays_unnamed() -> None:
    stack = MemoryStack()
    job = stack.create(Every(MINUTE_MS, START_MS + MINUTE_MS))
    stack.job_service.pause(TENANT, job.id)
    stack.turn_for(5 * MINUTE_MS)
    stack.job_service.resume(TENANT, job.id)
    stack.turn_for(90 * SECOND_MS)
    assert min(call.nominal_ms for _, call in stack.caller.calls) > START_MS + 5 * MINUTE_MS
