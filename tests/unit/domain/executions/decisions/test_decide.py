"""What a worker does next with a message, as a table: what is known, and the step that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.support.world_examples import NOW_MS, TENANT, a_job
from tidewheel.domain import keys
from tidewheel.domain.executions.decisions.decide import decide
from tidewheel.domain.executions.decisions.facts import TAKEN, Called, Facts, LockFacts
from tidewheel.domain.executions.decisions.steps import (
    Acknowledge,
    Claim,
    End,
    EndHolder,
    Fact,
    Finish,
    HoldUntil,
    JoinLine,
    Note,
    PutEntry,
    Read,
    RequestCancel,
    RetryLater,
    SendProbe,
    Settle,
    Step,
    TakePermit,
    TransferLock,
    Wait,
    WriteLock,
)
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.overlap import Lock, Move
from tidewheel.domain.executions.states import Result, State, Stop
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.limits import (
    LEASE_MS,
    LOCK_IDLE_MS,
    MINUTE_MS,
    RETENTION_MS,
    SECOND_MS,
    TAKEOVER_GRACE_MS,
    WAIT_NOTED_MS,
)
from tidewheel.domain.permits.permit import Grant, Permit

JOB = a_job(retry=RetryPolicy(max_attempts=2))
ID = str(ExecutionId(JOB.id, NOW_MS))
EARLIER, LATER = (str(ExecutionId(JOB.id, NOW_MS + shift)) for shift in (-MINUTE_MS, MINUTE_MS))
MESSAGE = Dispatch(TENANT, ID, 1, JOB.generation, NOW_MS, recorded=False)
SECOND = replace(MESSAGE, attempt=2, recorded=True)
BLANK = MESSAGE.blank()
QUEUED = replace(BLANK, version=1)
RUNNING = replace(
    QUEUED, state=State.RUNNING, attempt=1, holder="mine", lease_until_ms=NOW_MS + LEASE_MS, claimed_ms=NOW_MS
)
SILENT = replace(RUNNING, holder="another", lease_until_ms=NOW_MS - TAKEOVER_GRACE_MS - 1)
RETRYING = replace(QUEUED, state=State.RETRYING, attempt=1)
ENDED = replace(QUEUED, state=State.SUCCEEDED, attempt=1, finished_ms=NOW_MS)
OPEN = Circuit(TENANT, "http:x:443", failures=5, open_until_ms=NOW_MS + MINUTE_MS)
HALF_OPEN = replace(OPEN, open_until_ms=NOW_MS - 1)
PROBED = replace(HALF_OPEN, probe="p", probe_until_ms=NOW_MS + LEASE_MS)
OK, BROKEN = Answer(Result.SUCCEEDED, 200, "ok"), Answer(Result.FAILED, 500, "", "HTTP 500")


def job(**definition: Any) -> Job:
    return replace(JOB, definition=replace(JOB.definition, **definition))


def known(**facts: Any) -> Facts:
    """A message within the quota, whose job is known and calls nobody whose failures count, unless said otherwise."""
    plain: Mapping[str, Any] = {"dispatch": MESSAGE, "job": JOB, "quota": None, "circuit": None}
    return replace(Facts(MESSAGE, NOW_MS, NOW_MS - 5, "mine"), **(plain | facts))


def edited(effective_from_ms: int, generations: int = 1) -> Job:
    return replace(JOB, generation=JOB.generation + generations, effective_from_ms=effective_from_ms)


def step(facts: Facts, now_ms: int = NOW_MS) -> Step:
    return decide(facts, now_ms)


# --- what is read first, and whether it is wanted at all ------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(MESSAGE, NOW_MS, None, "mine"), Read(Fact.JOB)),
        (known(dispatch=SECOND), Read(Fact.RECORD)),
        (known(job=None), Read(Fact.RECORD)),
        (known(job=edited(NOW_MS)), Read(Fact.RECORD)),
        (known(job=edited(NOW_MS + 1)), Read(Fact.FOLLOWING)),
        (known(job=edited(NOW_MS + 1), following=None, circuit=OPEN, record=None).own, None),
    ],
)
def test_a_fact_is_read_only_when_a_decision_needs_it(facts: Any, expected: Step | None) -> None:
    assert (step(facts) if isinstance(facts, Facts) else facts) == expected


def test_an_older_generation_goes_on_up_to_the_one_that_followed_it() -> None:
    job = edited(NOW_MS + MINUTE_MS, generations=2)
    following = Generation(JOB.generation + 1, job.state, job.definition.schedule, 0, NOW_MS + 1)
    assert isinstance(step(known(job=job, following=following)), Claim)
    assert step(known(job=job, following=replace(following, effective_from_ms=NOW_MS))) == Read(Fact.RECORD)


@pytest.mark.parametrize("gone", [None, edited(NOW_MS)], ids=["deleted", "edited"])
@pytest.mark.parametrize(
    ("record", "expected"),
    [(None, (Settle, "unwanted")), (ENDED, (Settle, "unwanted")), (RUNNING, (RetryLater, "busy"))],
)
def test_an_unwanted_occurrence_without_a_record_is_dropped(
    gone: Job | None, record: Execution | None, expected: tuple[type, str]
) -> None:
    if gone is None or record is None or not record.is_started:
        found = step(known(job=gone, record=record))
        assert (type(found), found.why) == expected  # type: ignore[union-attr]


def test_an_unwanted_occurrence_that_is_on_record_ends_as_cancelled() -> None:
    found = step(known(job=None, record=QUEUED))
    assert isinstance(found, End)
    assert (found.record.state, found.lost_attempt) == (State.CANCELLED, False)
    lost = step(known(job=None, record=SILENT))
    assert isinstance(lost, End)
    assert (lost.lost_attempt, lost.record.attempts[-1].result) == (True, Result.WORKER_LOST)


def test_one_that_began_before_the_edit_goes_on() -> None:
    assert isinstance(step(known(dispatch=SECOND, job=edited(NOW_MS), record=RETRYING)), Claim)


def test_an_unwanted_occurrence_that_holds_its_jobs_lock_ends_on_record() -> None:
    gone = replace(edited(NOW_MS), definition=job(overlap=Overlap.SKIP).definition)
    facts = known(job=gone, record=None)
    assert step(facts) == Read(Fact.LOCK)
    held = step(replace(facts, locks=LockFacts(Lock(TENANT, JOB.id, ID))))
    assert isinstance(held, End)
    assert held.record.state is State.CANCELLED
    assert step(replace(facts, locks=LockFacts(Lock(TENANT, JOB.id, LATER)))) == Settle(None, "unwanted")


# --- the claim --------------------------------------------------------------------------------------------------


def test_what_is_free_is_claimed_under_the_workers_name_for_a_lease() -> None:
    found = step(known())
    assert isinstance(found, Claim)
    record = found.record
    assert (record.state, record.attempt, record.holder, record.version) == (State.RUNNING, 1, "mine", 1)
    assert (record.lease_until_ms, record.sent_ms, record.received_ms) == (NOW_MS + LEASE_MS, NOW_MS - 5, NOW_MS)


@pytest.mark.parametrize(
    ("message", "record", "expected"),
    [
        (MESSAGE, ENDED, Settle(ENDED, "duplicate")),
        (MESSAGE, RETRYING, Settle(RETRYING, "duplicate")),
        (MESSAGE, RUNNING, RetryLater("busy", LEASE_MS + TAKEOVER_GRACE_MS)),
    ],
)
def test_what_is_over_is_settled_and_what_runs_is_left_alone(
    message: Dispatch, record: Execution, expected: Step
) -> None:
    assert step(known(dispatch=message, record=record)) == expected


def test_a_vanished_workers_attempt_is_accounted_for_and_the_next_one_begins() -> None:
    found = step(known(record=SILENT))
    assert isinstance(found, Claim)
    assert (found.lost_attempt, found.record.attempt) == (True, 2)
    assert [account.result for account in found.record.attempts] == [Result.WORKER_LOST]


@pytest.mark.parametrize(
    ("record", "state", "reason"),
    [
        (replace(SILENT, attempt=2), State.DEAD, "the last attempt's worker vanished"),
        (replace(SILENT, cancel="by its owner"), State.CANCELLED, "by its owner"),
        (replace(SILENT, attempt=2, cancel="by its owner"), State.CANCELLED, "by its owner"),
    ],
)
def test_a_vanished_workers_execution_ends_if_no_attempt_may_follow(
    record: Execution, state: State, reason: str
) -> None:
    found = step(known(record=record))
    assert isinstance(found, End)
    assert (found.record.state, found.record.reason, found.lost_attempt) == (state, reason, True)


def test_a_run_that_is_to_be_replaced_gets_no_further_attempt() -> None:
    facts = known(job=job(overlap=Overlap.REPLACE), record=SILENT)
    assert step(facts) == Read(Fact.LOCK)
    facts = replace(facts, locks=LockFacts(Lock(TENANT, JOB.id, ID, LATER)))
    assert step(facts) == Read(Fact.WAITER)
    waiting = step(replace(facts, locks=replace(facts.locks, waiter=replace(QUEUED, id=LATER))))
    assert isinstance(waiting, End)
    assert waiting.record.reason == f"replaced by {LATER}"
    assert isinstance(step(replace(facts, locks=replace(facts.locks, waiter=None))), Claim)


def test_a_deadline_that_has_passed_ends_it() -> None:
    found = step(known(job=job(deadline_ms=SECOND_MS)), NOW_MS + SECOND_MS)
    assert isinstance(found, End)
    assert found.record.state is State.TIMED_OUT


# --- admission --------------------------------------------------------------------------------------------------


def test_the_circuit_is_read_before_a_permit_is_taken_and_the_probe_comes_last() -> None:
    facts = replace(known(limit=2), circuit=Facts(MESSAGE, 0, None, "").circuit)
    assert step(facts) == Read(Fact.CIRCUIT)
    facts = replace(facts, circuit=HALF_OPEN)
    assert step(facts) == TakePermit(1, 0, NOW_MS + LEASE_MS, granted=False)
    mine = Permit(TENANT, 0, keys.claim_name(ID, "mine"), NOW_MS + LEASE_MS, 1)
    assert isinstance(step(replace(facts, permit=replace(mine, attempt=2))), TakePermit), "it counts as free already"
    facts = replace(facts, permit=mine, admitted_ms=NOW_MS)
    assert step(facts) == SendProbe(HALF_OPEN, NOW_MS + LEASE_MS)
    found = step(replace(facts, probing=True), NOW_MS + 700)
    assert isinstance(found, Claim)
    assert found.record.lease_until_ms == NOW_MS + LEASE_MS, "no lease of its permit's ends sooner than its own"


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"circuit": OPEN}, "circuit"), ({"circuit": PROBED}, "circuit")],
)
def test_who_is_not_admitted_says_why_on_its_record_and_then_waits_on_the_wheel(
    changes: Mapping[str, Any], what: str
) -> None:
    noted = step(known(**changes))
    assert isinstance(noted, Note)
    assert (noted.record.state, noted.record.version) == (State.QUEUED, 1)
    found = step(known(record=noted.record, **changes))
    assert isinstance(found, Wait)
    assert (found.reason, found.entry.attempt, found.entry.execution) == (what, 1, ID)
    assert found.entry.due_ms > NOW_MS


@pytest.mark.parametrize("until_ms", [0, 30 * SECOND_MS])
def test_who_finds_no_permit_stands_in_line_and_comes_back_at_its_deadline(until_ms: int) -> None:
    assert step(known(limit=1, permit=TAKEN)) == Read(Fact.RECORD), "its attempt may have been claimed already"
    facts = known(job=job(deadline_ms=until_ms), limit=1, permit=TAKEN, record=None)
    if until_ms:
        noted = step(facts)
        assert isinstance(noted, Note), "the entry on the wheel does not say when it was due"
        facts = replace(facts, record=noted.record)
    found = step(facts)
    assert isinstance(found, JoinLine)
    assert (found.entry.execution, found.entry.attempt, found.entry.since_ms) == (ID, 1, NOW_MS)
    assert (found.deadline.due_ms if found.deadline else 0) == (until_ms and NOW_MS + until_ms)


def test_a_permit_that_came_with_the_message_is_used_for_its_attempt() -> None:
    given = replace(MESSAGE, grant=Grant(0, "tok", NOW_MS + LEASE_MS))
    assert step(known(dispatch=given, limit=2)) == TakePermit(1, 0, NOW_MS + LEASE_MS, granted=True)
    assert step(known(dispatch=given, limit=2, record=SILENT)) == replace(
        step(known(dispatch=given, limit=2, record=SILENT)),  # type: ignore[type-var]
        granted=False,
        attempt=2,
    )
    permit = given.grant.permit(TENANT, ID, 1) if given.grant else None
    claim = step(known(dispatch=given, limit=2, permit=permit, admitted_ms=NOW_MS))
    assert isinstance(claim, Claim)
    assert claim.record.permit == "tok"


def test_a_wait_ends_at_the_deadline_and_leaves_the_record_of_a_vanished_attempt_alone() -> None:
    found = step(known(job=job(deadline_ms=30 * SECOND_MS), record=SILENT, circuit=OPEN))
    assert isinstance(found, Wait)
    assert found.entry.due_ms == NOW_MS + 30 * SECOND_MS


# --- the lock ---------------------------------------------------------------------------------------------------


def locked(overlap: Overlap, lock: Lock, **facts: Any) -> Facts:
    locks = {key: facts.pop(key) for key in ("holder", "waiter", "written", "awaited") if key in facts}
    return known(**{"job": job(overlap=overlap), "record": QUEUED, "locks": LockFacts(lock, **locks), **facts})


FREE = Lock(TENANT, JOB.id, version=3, written_ms=NOW_MS)
HELD = replace(FREE, holder=EARLIER)
HOLDER = replace(RUNNING, id=EARLIER)


def test_the_lock_is_read_then_its_own_record_then_those_that_it_names() -> None:
    facts = known(job=job(overlap=Overlap.QUEUE))
    assert step(facts) == Read(Fact.LOCK)
    facts = replace(facts, locks=LockFacts(HELD))
    assert step(facts) == Read(Fact.RECORD), "the message may be a late duplicate"
    facts = replace(facts, record=None)
    assert step(facts) == Read(Fact.HOLDER)
    facts = replace(facts, locks=replace(facts.locks, holder=HOLDER))
    assert step(facts) == Read(Fact.WAITER)


def test_a_free_lock_is_taken_and_who_holds_it_is_claimed() -> None:
    facts = locked(Overlap.SKIP, FREE, holder=None, waiter=None)
    taken = step(facts)
    assert taken == WriteLock(FREE.given(ID, NOW_MS))
    assert isinstance(step(replace(facts, locks=LockFacts(FREE.given(ID, NOW_MS), written=True))), Claim)


@pytest.mark.parametrize(
    ("record", "now_ms"),
    [(replace(QUEUED, redriven_ms=NOW_MS), NOW_MS), (QUEUED, NOW_MS + LOCK_IDLE_MS // 2 + 1)],
    ids=["redriven", "long ago"],
)
def test_a_holder_that_others_may_take_for_gone_writes_the_lock_anew(record: Execution, now_ms: int) -> None:
    mine = replace(FREE, holder=ID, waiter=LATER)
    facts = locked(Overlap.QUEUE, mine, record=record)
    assert step(facts, now_ms) == WriteLock(mine.awaited(LATER, now_ms))
    assert isinstance(step(replace(facts, locks=replace(facts.locks, written=True)), now_ms), Claim)


def test_a_run_whose_retries_last_for_weeks_writes_its_lock_anew() -> None:
    facts = known(dispatch=SECOND, job=job(overlap=Overlap.SKIP), record=RETRYING)
    assert isinstance(step(facts, NOW_MS + RETENTION_MS - 1), Claim)
    assert step(facts, NOW_MS + RETENTION_MS) == Read(Fact.LOCK)
    mine = replace(facts, locks=LockFacts(replace(FREE, holder=ID)))
    assert isinstance(step(mine, NOW_MS + RETENTION_MS), WriteLock)
    assert isinstance(step(replace(facts, locks=LockFacts(HELD)), NOW_MS + RETENTION_MS), Claim)


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE, Overlap.REPLACE])
def test_an_early_execution_waits_for_its_due_time_before_it_gives_way_to_a_holder(overlap: Overlap) -> None:
    assert step(locked(overlap, HELD, holder=HOLDER, waiter=None), NOW_MS - 200) == HoldUntil(NOW_MS)


def test_skip_leaves_out_the_later_run() -> None:
    found = step(locked(Overlap.SKIP, HELD, holder=HOLDER, waiter=None))
    assert isinstance(found, End)
    assert (found.record.state, found.lock_settled) == (State.SKIPPED, True)


def test_queue_waits_on_record_then_on_the_wheel_then_in_the_lock() -> None:
    facts = locked(Overlap.QUEUE, HELD, holder=HOLDER, waiter=None)
    noted = step(facts)
    assert isinstance(noted, Note)
    facts = replace(facts, record=noted.record)
    assert isinstance(step(facts), PutEntry)
    facts = replace(facts, locks=replace(facts.locks, awaited=True))
    assert step(facts) == WriteLock(HELD.awaited(ID, NOW_MS))
    facts = replace(facts, locks=replace(facts.locks, lock=HELD.awaited(ID, NOW_MS)))
    assert step(facts) == Acknowledge("queued")


def test_queue_leaves_out_who_comes_while_another_waits() -> None:
    waiter = replace(QUEUED, id=str(ExecutionId(JOB.id, NOW_MS - SECOND_MS)))
    found = step(locked(Overlap.QUEUE, replace(HELD, waiter=waiter.id), holder=HOLDER, waiter=waiter))
    assert isinstance(found, End)
    assert found.record.state is State.SKIPPED


def test_replace_asks_the_holders_worker_to_end_its_call_once_it_waits() -> None:
    waiting = replace(QUEUED, reason=f"waits until {EARLIER} has ended", next_ms=NOW_MS + WAIT_NOTED_MS)
    facts = locked(Overlap.REPLACE, HELD, holder=HOLDER, waiter=None, awaited=True, record=waiting)
    assert step(facts) == WriteLock(HELD.awaited(ID, NOW_MS), reread_holder=True)
    facts = replace(facts, locks=replace(facts.locks, lock=HELD.awaited(ID, NOW_MS)))
    asked = step(facts)
    assert isinstance(asked, RequestCancel)
    assert asked.record.cancel == f"replaced by {ID}"
    assert step(replace(facts, locks=replace(facts.locks, holder=asked.record))) == Acknowledge("queued")


@pytest.mark.parametrize("holder", [None, replace(RETRYING, id=EARLIER)], ids=["not begun", "retrying"])
def test_replace_ends_a_holder_that_is_not_called(holder: Execution | None) -> None:
    found = step(locked(Overlap.REPLACE, HELD, holder=holder, waiter=None))
    assert isinstance(found, EndHolder)
    assert (found.move, found.record.id, found.record.state) == (Move.CANCEL_HOLDER, EARLIER, State.CANCELLED)


def test_replace_makes_way_for_a_newer_run() -> None:
    newer = replace(HELD, holder=LATER)
    found = step(locked(Overlap.REPLACE, newer, holder=replace(RUNNING, id=LATER), waiter=None))
    assert isinstance(found, End)
    assert (found.record.state, found.record.reason) == (State.CANCELLED, f"replaced by {LATER}")


def test_the_lock_of_a_holder_that_ended_goes_to_the_one_that_waits() -> None:
    waiter = replace(QUEUED, id=LATER)
    lock = replace(HELD, waiter=LATER)
    found = step(locked(Overlap.QUEUE, lock, holder=replace(ENDED, id=EARLIER), waiter=waiter))
    assert found == TransferLock(lock.given(LATER, NOW_MS), waiter)


def test_who_takes_the_lock_ends_the_one_that_waited_for_it() -> None:
    waiter = replace(QUEUED, id=EARLIER)
    found = step(locked(Overlap.REPLACE, replace(FREE, waiter=EARLIER), holder=None, waiter=waiter))
    assert isinstance(found, WriteLock)
    assert found.displaced is not None
    assert (found.displaced.id, found.displaced.state) == (EARLIER, State.CANCELLED)


def test_a_holder_that_nothing_was_heard_of_for_long_is_evicted() -> None:
    found = step(locked(Overlap.SKIP, HELD, holder=None, waiter=None), NOW_MS + LOCK_IDLE_MS + 1)
    assert isinstance(found, EndHolder)
    assert found.move is Move.EVICT_STALE


# --- after the call ---------------------------------------------------------------------------------------------


def called(answer: Answer = OK, stop: Stop | None = None, record: Execution = RUNNING) -> Facts:
    return known(record=record, called=Called(RUNNING, answer, stop, NOW_MS, "where it stands"))


def test_a_success_is_finished_over_what_was_written_while_it_ran() -> None:
    renewed = replace(RUNNING, version=4)
    found = step(called(record=renewed), NOW_MS + 30)
    assert isinstance(found, Finish)
    assert (found.record.state, found.record.version, found.retry) == (State.SUCCEEDED, 5, None)


def test_a_failure_that_is_worth_it_is_finished_with_the_entry_of_the_next_attempt() -> None:
    found = step(called(BROKEN), NOW_MS + 30)
    assert isinstance(found, Finish)
    assert found.retry is not None
    assert (found.record.state, found.record.checkpoint) == (State.RETRYING, "where it stands")
    assert (found.retry.attempt, found.retry.execution) == (2, ID)
    assert found.retry.due_ms > NOW_MS


def test_what_another_worker_has_by_now_is_left_to_it() -> None:
    theirs = replace(RUNNING, holder="theirs", attempt=2)
    assert step(called(record=theirs)) == RetryLater("fenced", LEASE_MS + TAKEOVER_GRACE_MS)


def test_what_has_ended_meanwhile_is_settled_since_whoever_ended_it_may_have_died() -> None:
    ended = replace(ENDED, attempt=2)
    assert step(called(record=ended)) == Settle(ended, "fenced")


def test_a_call_whose_lease_ended_is_left_to_whoever_takes_it_over_unless_it_succeeded() -> None:
    assert step(called(BROKEN, Stop.LEASE_LOST)) == RetryLater("lost", TAKEOVER_GRACE_MS)
    assert isinstance(step(called(OK, Stop.LEASE_LOST)), Finish)
