"""What a worker does next with a message, decided by what it knows. Pure; the table of its tests is its specification.

::

    job gone, or edited before it began ──► End (cancelled), or nothing to do
    attempt over, or execution ended    ──► Settle: what follows is done again
    another worker holds it             ──► RetryLater
    its job's lock (decide_lock)        ──► take it, wait for it, make way, or be left out
    its worker vanished                 ──► the next attempt, or End
    its deadline has passed             ──► End (timed_out)
    circuit open, or no permit          ──► Note and Wait
    else                                ──► Claim, call, Finish

A fact is read only when a decision needs it, so that a run costs no more reads than it must.
"""

from __future__ import annotations

from dataclasses import replace

from tidewheel.domain.executions.admission import decide_admission
from tidewheel.domain.executions.claiming import ClaimVerdict, is_held_by, judge
from tidewheel.domain.executions.decide_lock import decide_lock
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.facts import UNREAD, Called, Facts
from tidewheel.domain.executions.outcome import deadline_ms, outcome
from tidewheel.domain.executions.overlap import displaces_holder, replaced_by
from tidewheel.domain.executions.states import Result, State, Stop
from tidewheel.domain.executions.steps import Claim, End, Fact, Finish, Read, RetryLater, Settle, Step
from tidewheel.domain.executions.transitions import claimed, ended_unrun, finished, with_lost_attempt
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.wheel.entries import ExecutionEntry

_EDITED = "the job was edited, paused or deleted before this attempt began"


def decide(facts: Facts, now_ms: int) -> Step:
    """The next step.

    Args:
        facts: What is known.
        now_ms: The time (ms since the epoch).
    """
    if facts.called is not None:
        return _after_the_call(facts, facts.called, now_ms)
    if facts.job is UNREAD:
        return Read(Fact.JOB)
    superseded = is_superseded(facts)
    if superseded is None:
        return Read(Fact.FOLLOWING)
    unwanted = facts.job is None or superseded
    if facts.record is UNREAD and (unwanted or facts.dispatch.recorded):
        return Read(Fact.RECORD)
    if facts.job is None or (superseded and not (facts.own and facts.own.is_started)):
        return _unwanted(facts, now_ms)
    return _wanted(facts, facts.job, now_ms)


def is_superseded(facts: Facts) -> bool | None:
    """Whether an edit ended this occurrence's generation before its nominal time; None if that cannot be told yet.

    It matters only to occurrences that have not begun; a run that a user asked for is named by no generation.
    """
    dispatch, job = facts.dispatch, facts.job
    if not isinstance(job, Job):
        return False
    id = ExecutionId.parse(dispatch.execution)
    if id.origin is not Origin.SCHEDULE or dispatch.generation >= job.generation:
        return False
    if id.nominal_ms >= job.effective_from_ms:
        return True
    if facts.following is UNREAD:
        return None
    return facts.following is not None and id.nominal_ms >= facts.following.effective_from_ms


def _unwanted(facts: Facts, now_ms: int) -> Step:
    """An occurrence without a record is dropped; one that is on record ends as cancelled, unless it runs.

    So does one that holds its job's lock: the lock passes on only from an execution whose end is on record.
    """
    record, locks = facts.own, facts.locks
    if record is None and facts.guarded:
        if locks.lock is UNREAD:
            return Read(Fact.LOCK)
        if locks.lock.holder == facts.dispatch.execution:
            record = facts.dispatch.blank()
    verdict = judge(record, facts.dispatch.attempt, now_ms)
    if record is None or verdict is ClaimVerdict.OBSOLETE:
        return Settle(record, "unwanted")
    if verdict is ClaimVerdict.BUSY:
        return _busy(record, now_ms)
    taken_over = verdict is ClaimVerdict.TAKE_OVER
    before = with_lost_attempt(record, now_ms) if taken_over else record
    return End(ended_unrun(before, State.CANCELLED, record.cancel or _EDITED, now_ms), lost_attempt=taken_over)


def _wanted(facts: Facts, job: Job, now_ms: int) -> Step:
    record = facts.own
    verdict = judge(record, facts.dispatch.attempt, now_ms)
    if verdict is ClaimVerdict.OBSOLETE:
        return Settle(record, "duplicate")
    if record is not None and verdict is ClaimVerdict.BUSY:
        return _busy(record, now_ms)
    if facts.guarded and (step := decide_lock(facts, job, now_ms)):
        return step
    if verdict is ClaimVerdict.TAKE_OVER:
        return _take_over(facts, job, now_ms)
    return _claim(facts, job, facts.before, facts.dispatch.attempt, now_ms)


def _take_over(facts: Facts, job: Job, now_ms: int) -> Step:
    """Another worker vanished with the attempt: it is accounted for as lost, and the next one begins, if one may."""
    locks, before = facts.locks, facts.before
    after = with_lost_attempt(before, now_ms)
    if job.definition.overlap is Overlap.REPLACE:
        if locks.lock is UNREAD:
            return Read(Fact.LOCK)
        if locks.waiter is UNREAD:
            return Read(Fact.WAITER)
        if displaces_holder(locks.lock, before, locks.waiter):
            return _end_of_lost(after, State.CANCELLED, replaced_by(locks.lock.waiter), now_ms)
    if after.cancel:
        return _end_of_lost(after, State.CANCELLED, after.cancel, now_ms)
    if before.tries >= job.definition.retry.max_attempts:
        return _end_of_lost(after, State.DEAD, "the last attempt's worker vanished", now_ms)
    return _claim(facts, job, after, before.attempt + 1, now_ms, lost_attempt=True)


def _end_of_lost(after: Execution, state: State, reason: str, now_ms: int) -> End:
    return End(ended_unrun(after, state, reason, now_ms), lost_attempt=True)


def _claim(facts: Facts, job: Job, before: Execution, attempt: int, now_ms: int, *, lost_attempt: bool = False) -> Step:
    """The claim counts from when permit and probe do, so that neither of their leases ends before its own."""
    if now_ms >= deadline_ms(before, job):
        reason = "its deadline passed before this attempt began"
        return End(ended_unrun(before, State.TIMED_OUT, reason, now_ms), lost_attempt=lost_attempt)
    from_ms = now_ms if facts.admitted_ms is None else facts.admitted_ms
    sent_ms, received_ms = facts.sent_ms, facts.received_ms
    claim = claimed(before, attempt, facts.claim_name, from_ms, sent_ms=sent_ms, received_ms=received_ms)
    waits = decide_admission(facts, job, claim.lease_until_ms, now_ms)
    return waits or Claim(claim, lost_attempt)


def _after_the_call(facts: Facts, called: Called, now_ms: int) -> Step:
    """How the attempt ended is written over what was written on the record while it ran, if it is still this claim's.

    What another worker has by now is left to it; what has ended meanwhile is settled, since whoever ended it may have
    died before its follow-ups.
    """
    record, job = facts.own, facts.job
    assert record is not None
    assert isinstance(job, Job)
    if called.stop is Stop.LEASE_LOST and called.answer.result is not Result.SUCCEEDED:
        return RetryLater("lost", TAKEOVER_GRACE_MS)  # whoever takes it next accounts for the lost attempt
    if not is_held_by(record, called.claim):
        return _fenced(record, now_ms)
    ending = outcome(called.answer, called.stop, record, job, now_ms)
    kept = replace(record, checkpoint=called.checkpoint)
    done = finished(kept, ending.state, ending.answer, called.started_ms, now_ms)
    retry = None if ending.retry_ms is None else ExecutionEntry.of(record, job, record.attempt + 1, ending.retry_ms)
    return Finish(done, retry)


def _fenced(record: Execution, now_ms: int) -> Step:
    if record.state is State.RUNNING:  # the message is that worker's by now
        return replace(_busy(record, now_ms), why="fenced")
    return Settle(record, "fenced")


def _busy(record: Execution, now_ms: int) -> RetryLater:
    """Another worker holds the execution: the message comes back when that lease may have ended."""
    return RetryLater("busy", max(SECOND_MS, record.lease_until_ms + TAKEOVER_GRACE_MS - now_ms))
