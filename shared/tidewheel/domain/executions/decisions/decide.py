"""Decides the next step of a worker that handles a message, from the facts that it has read. Pure.

::

    job gone, or edited before it began ──► End (cancelled), or nothing to do
    attempt over, or execution ended    ──► Settle: call the followers again
    another worker holds it             ──► RetryLater
    its tenant's quota is used up       ──► End (blocked)
    its job's lock (decide_lock)        ──► take it, wait for it, or end without an attempt
    its worker vanished                 ──► the next attempt, or End
    its deadline has passed             ──► End (timed_out)
    this worker lacks its task or kind  ──► Note and Wait; End (dead) when no worker had it for long
    circuit open                        ──► Note and Wait
    no permit                           ──► JoinLine: wait until one is given to it
    its job starts a workflow           ──► Open (decide_run)
    else                                ──► Claim, call, Finish

What comes before all this for a step of a run of a workflow: decide_node.

A fact is read only when a decision needs it, which keeps the number of reads low.
"""

from __future__ import annotations

from dataclasses import replace

from tidewheel.domain.executions.claiming import ClaimVerdict, is_held_by, judge
from tidewheel.domain.executions.decisions.admission import decide_admission
from tidewheel.domain.executions.decisions.decide_lack import decide_lack
from tidewheel.domain.executions.decisions.decide_lock import decide_lock
from tidewheel.domain.executions.decisions.decide_node import decide_node
from tidewheel.domain.executions.decisions.decide_quota import decide_quota
from tidewheel.domain.executions.decisions.decide_run import decide_run, starts_workflow
from tidewheel.domain.executions.decisions.facts import UNREAD, Called, Facts
from tidewheel.domain.executions.decisions.outcome import deadline_ms, outcome
from tidewheel.domain.executions.decisions.steps import Claim, End, Fact, Finish, Read, RetryLater, Settle, Step
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.overlap import displaces_holder, replaced_by
from tidewheel.domain.executions.states import Result, State, Stop
from tidewheel.domain.executions.transitions import claimed, ended_unrun, finished, with_lost_attempt
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.permits.permit import Permit
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
    return _of_node(facts, now_ms) if facts.is_node else _of_job(facts, now_ms)


def _of_job(facts: Facts, now_ms: int) -> Step:
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


def _of_node(facts: Facts, now_ms: int) -> Step:
    found = decide_node(facts, now_ms)
    if not isinstance(found, Facts):
        return found
    assert isinstance(found.job, Job)
    return _wanted(found, found.job, now_ms)


def is_superseded(facts: Facts) -> bool | None:
    """Whether an edit ended this occurrence's generation before its nominal time; None if a fact is missing.

    It only matters before the first attempt. A run that a user requested belongs to no generation.
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
    """Drops an occurrence without a record; cancels one with a record, unless it runs.

    An occurrence without a record that holds its job's lock is cancelled too: a lock is released only after its
    holder's end is stored.
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
    if step := decide_quota(facts, now_ms):
        return step
    if facts.guarded and (step := decide_lock(facts, job, now_ms)):
        return step
    return _take_over(facts, job, now_ms) if verdict is ClaimVerdict.TAKE_OVER else _start(facts, job, now_ms)


def _start(facts: Facts, job: Job, now_ms: int) -> Step:
    if starts_workflow(job):
        return decide_run(facts, job, now_ms)
    return _claim(facts, job, facts.before, facts.dispatch.attempt, now_ms)


def _take_over(facts: Facts, job: Job, now_ms: int) -> Step:
    """Another worker vanished during the attempt: it is recorded as lost, and the next one claimed if one is left."""
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
    """The claim's lease starts when those of permit and probe do, so that these do not end before it."""
    if now_ms >= deadline_ms(before, job):
        reason = "its deadline passed before this attempt began"
        return End(ended_unrun(before, State.TIMED_OUT, reason, now_ms), lost_attempt=lost_attempt)
    if facts.unfillable:
        return End(ended_unrun(before, State.DEAD, facts.unfillable, now_ms), lost_attempt=lost_attempt)
    if step := decide_lack(facts, job, before, now_ms, lost_attempt=lost_attempt):
        return step
    from_ms = now_ms if facts.admitted_ms is None else facts.admitted_ms
    sent_ms, received_ms = facts.sent_ms, facts.received_ms
    token = facts.permit.token if isinstance(facts.permit, Permit) else ""
    name = facts.claim_name
    claim = claimed(before, attempt, name, from_ms, sent_ms=sent_ms, received_ms=received_ms, token=token)
    waits = decide_admission(facts, job, claim, now_ms)
    return waits or Claim(claim, lost_attempt)


def _after_the_call(facts: Facts, called: Called, now_ms: int) -> Step:
    """Finishes the attempt if the execution is still held by this claim.

    If another worker holds it, the message is left to that worker. If it has ended, its followers are called, since
    the process that ended it may have died before that.
    """
    record, job = facts.own, facts.job
    assert record is not None
    assert isinstance(job, Job)
    if called.stop is Stop.LEASE_LOST and called.answer.result is not Result.SUCCEEDED:
        return RetryLater("lost", TAKEOVER_GRACE_MS)  # the worker that takes it over records the lost attempt
    if not is_held_by(record, called.claim):
        return _fenced(record, now_ms)
    ending = outcome(called.answer, called.stop, record, job, now_ms)
    kept = replace(record, checkpoint=called.checkpoint)
    done = finished(kept, ending.state, ending.answer, called.started_ms, now_ms, ending.retry_ms)
    retry = None if ending.retry_ms is None else ExecutionEntry.of(record, job, record.attempt + 1, ending.retry_ms)
    return Finish(done, retry)


def _fenced(record: Execution, now_ms: int) -> Step:
    if record.state is State.RUNNING:  # that worker handles the message
        return replace(_busy(record, now_ms), why="fenced")
    return Settle(record, "fenced")


def _busy(record: Execution, now_ms: int) -> RetryLater:
    """Another worker holds the execution: the message comes back when that worker's lease may have ended."""
    return RetryLater("busy", max(SECOND_MS, record.lease_until_ms + TAKEOVER_GRACE_MS - now_ms))
