"""What a worker does with a message of a tenant whose quota may be used up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.world_examples import NOW_MS, TENANT, a_job
from tidewheel.domain.executions.decisions.decide import decide
from tidewheel.domain.executions.decisions.facts import UNREAD, Facts, LockFacts
from tidewheel.domain.executions.decisions.steps import Claim, End, Fact, Read, RetryLater, Settle
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.transitions import claimed, ended_unrun, finished, redriven
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.limits import DAY_MS, LEASE_MS, MINUTE_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit

JOB = a_job(retry=RetryPolicy(max_attempts=3))
MESSAGE = Dispatch(TENANT, str(ExecutionId(JOB.id, NOW_MS)), 1, JOB.generation, NOW_MS, recorded=False)
OVER = Exceeded(Limit.EXECUTIONS_PER_DAY, 100, 100, NOW_MS - NOW_MS % DAY_MS + DAY_MS)
REASON = "quota: executions_per_day, 100 of 100 used until 2026-11-19T00:00:00Z"
QUEUED = replace(MESSAGE.blank(), version=1)
RUNNING = claimed(QUEUED, 1, "theirs", NOW_MS, received_ms=NOW_MS)
RETRYING = finished(RUNNING, State.RETRYING, Answer(Result.FAILED), NOW_MS, NOW_MS, NOW_MS)
HANDED_OVER = finished(RUNNING, State.RETRYING, Answer(Result.HANDED_OVER), NOW_MS, NOW_MS, NOW_MS)
DEAD = finished(RUNNING, State.DEAD, Answer(Result.FAILED), NOW_MS, NOW_MS)
AGAIN = redriven(DEAD, NOW_MS)
LATE_MS = NOW_MS + LEASE_MS + TAKEOVER_GRACE_MS + 1


def known(**facts: Any) -> Facts:
    plain = {"dispatch": MESSAGE, "job": JOB, "quota": OVER, "circuit": None}
    return replace(Facts(MESSAGE, NOW_MS, NOW_MS, "mine"), **(plain | facts))


@pytest.mark.parametrize("overlap", Overlap)
def test_the_quota_is_asked_for_before_a_lock_a_circuit_or_a_permit(overlap: Overlap) -> None:
    """So that one that is blocked cancels nobody, and holds nothing."""
    job = a_job(overlap=overlap)
    facts = known(job=job, quota=UNREAD, circuit=UNREAD, limit=1)
    assert decide(facts, NOW_MS) == Read(Fact.QUOTA)
    step = decide(replace(facts, quota=OVER), NOW_MS)
    assert isinstance(step, End)
    assert step.record.state is State.BLOCKED


@pytest.mark.parametrize("record", [UNREAD, None, QUEUED], ids=str)
def test_over_the_quota_it_ends_as_blocked_with_the_limit_as_its_reason(record) -> None:
    step = decide(known(record=record), NOW_MS)
    assert isinstance(step, End)
    assert (step.record.state, step.record.reason, step.record.attempt) == (State.BLOCKED, REASON, 0)
    assert not step.lock_settled  # it may hold the lock, since it took it and its worker died


def test_within_the_quota_it_goes_on() -> None:
    assert isinstance(decide(known(quota=None), NOW_MS), Claim)


@pytest.mark.parametrize("record", [RETRYING, HANDED_OVER], ids=["retry", "handed over"])
def test_a_later_attempt_is_not_counted(record) -> None:
    message = replace(MESSAGE, attempt=2, recorded=True)
    assert isinstance(decide(known(dispatch=message, record=record), NOW_MS), Claim)


def test_a_lost_attempt_is_not_counted_again() -> None:
    assert isinstance(decide(known(record=RUNNING), LATE_MS), Claim)


def test_one_that_runs_or_has_ended_is_left_alone() -> None:
    assert isinstance(decide(known(record=RUNNING), NOW_MS), RetryLater)
    assert isinstance(decide(known(record=DEAD), NOW_MS), Settle)
    blocked = ended_unrun(QUEUED, State.BLOCKED, REASON, NOW_MS)
    assert decide(known(record=blocked), NOW_MS) == Settle(blocked, "duplicate")


def test_a_redriven_one_is_counted_and_stays_a_dead_letter() -> None:
    message = replace(MESSAGE, attempt=AGAIN.attempt + 1, recorded=True)
    assert decide(known(dispatch=message, record=AGAIN, quota=UNREAD), NOW_MS) == Read(Fact.QUOTA)
    step = decide(known(dispatch=message, record=AGAIN), NOW_MS)
    assert isinstance(step, End)
    assert (step.record.state, step.record.reason) == (State.DEAD, REASON)


def test_the_holder_of_a_lock_that_did_not_begin_ends_and_releases_it() -> None:
    job = a_job(overlap=Overlap.QUEUE)
    lock = Lock(TENANT, job.id, MESSAGE.execution, "", 1, NOW_MS)
    step = decide(known(job=job, locks=LockFacts(lock=lock)), NOW_MS + MINUTE_MS)
    assert isinstance(step, End)
    assert not step.lock_settled


def test_what_nobody_wants_any_more_costs_no_token() -> None:
    assert decide(known(job=None, quota=UNREAD), NOW_MS) == Read(Fact.RECORD)
