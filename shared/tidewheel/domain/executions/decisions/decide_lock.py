"""Decides the steps towards the lock of a job whose executions may not overlap, before the claim.

Every step is idempotent. What is needed to continue is stored first: a waiter has its record and its entry on the wheel
before the lock names it, and its entry is on the wheel before the lock is transferred to it. The moves themselves are
chosen in ``overlap``.
"""

from __future__ import annotations

from tidewheel.domain.executions.decisions.admission import needs_note, noted_until_ms
from tidewheel.domain.executions.decisions.facts import UNREAD, Facts, LockFacts
from tidewheel.domain.executions.decisions.steps import (
    Acknowledge,
    End,
    EndHolder,
    Fact,
    HoldUntil,
    Note,
    PutEntry,
    Read,
    RequestCancel,
    Step,
    TransferLock,
    WriteLock,
)
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.overlap import Lock, LockMove, Move, choose_move, lock_recheck_ms, replaced_by, waits
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import cancel_requested, ended_unrun, with_wait_reason
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import LOCK_IDLE_MS, RETENTION_MS
from tidewheel.domain.wheel.entries import ExecutionEntry


def decide_lock(facts: Facts, job: Job, now_ms: int) -> Step | None:
    """The next step towards the lock; None if the execution may be claimed.

    Args:
        facts: What is known of the execution.
        job: Its job, which does not allow overlap.
        now_ms: The time (ms since the epoch).
    """
    own, locks = facts.own, facts.locks
    started = own is not None and own.attempt > 0 and own.state is not State.QUEUED
    if started and now_ms < facts.before.due_ms + RETENTION_MS:
        return None  # it has held the lock since its first attempt, or started before its job had one
    if locks.lock is UNREAD:
        return Read(Fact.LOCK)
    if locks.lock.holder == facts.dispatch.execution:
        stale = started or _is_stale(locks.lock, own, now_ms)
        return WriteLock(locks.lock.awaited(locks.lock.waiter, now_ms)) if stale and not locks.written else None
    return None if started else _missing(facts) or _move(facts, job, locks.lock, now_ms)


def _is_stale(lock: Lock, own: Execution | None, now_ms: int) -> bool:
    """Whether others may take the lock's holder for ended (it was redriven) or vanished (it waits for long)."""
    return own is not None and (own.redriven_ms is not None or now_ms > lock.written_ms + LOCK_IDLE_MS // 2)


def _missing(facts: Facts) -> Step | None:
    """The record to read next. The execution's own comes first: the message may be a late duplicate."""
    locks = facts.locks
    assert locks.lock is not UNREAD
    if facts.record is UNREAD and locks.lock.holder:
        return Read(Fact.RECORD)
    if locks.holder is UNREAD:
        return Read(Fact.HOLDER)
    return Read(Fact.WAITER) if locks.waiter is UNREAD else None


def _move(facts: Facts, job: Job, lock: Lock, now_ms: int) -> Step:
    locks, me = facts.locks, facts.dispatch.execution
    holder, waiter = _known(locks)
    chosen = choose_move(lock, me, job.definition.overlap, holder, waiter, now_ms)
    if chosen.move is not Move.TAKE and now_ms < facts.dispatch.due_ms:
        return HoldUntil(facts.dispatch.due_ms)
    match chosen.move:
        case Move.TAKE:
            return WriteLock(lock.given(me, now_ms), _displaced(waiter, me, now_ms))
        case Move.TRANSFER:
            assert waiter is not None
            return TransferLock(lock.given(waiter.id, now_ms), waiter)
        case Move.WAIT:
            return _wait(facts, job, lock, chosen, now_ms)
        case Move.SKIP | Move.CANCEL_SELF:
            state = State.SKIPPED if chosen.move is Move.SKIP else State.CANCELLED
            return End(ended_unrun(facts.before, state, chosen.reason, now_ms), lock_settled=True)
        case Move.CANCEL_HOLDER | Move.EVICT_STALE:
            before = holder or _not_started(lock.holder, job)
            return EndHolder(ended_unrun(before, State.CANCELLED, chosen.reason, now_ms), chosen.move)


def _wait(facts: Facts, job: Job, lock: Lock, chosen: LockMove, now_ms: int) -> Step:
    """Writes record, entry and lock in this order; to replace a running holder, then requests its cancel."""
    own, me = facts.before, facts.dispatch.execution
    holder, waiter = _known(facts.locks)
    recheck_ms = lock_recheck_ms(holder, now_ms)
    if needs_note(own, chosen.reason, now_ms):
        return Note(with_wait_reason(own, chosen.reason, noted_until_ms(recheck_ms, now_ms)))
    if not facts.locks.awaited:
        return PutEntry(ExecutionEntry.of(own, job, own.attempt + 1, recheck_ms))
    replaces = job.definition.overlap is Overlap.REPLACE
    if lock.waiter != me:
        return WriteLock(lock.awaited(me, now_ms), _displaced(waiter, me, now_ms), reread_holder=replaces)
    if replaces and holder is not None and not holder.cancel:
        return RequestCancel(cancel_requested(holder, replaced_by(me), now_ms))
    return Acknowledge("queued")


def _known(locks: LockFacts) -> tuple[Execution | None, Execution | None]:
    """The records of holder and waiter, once both are read."""
    assert locks.holder is not UNREAD
    assert locks.waiter is not UNREAD
    return locks.holder, locks.waiter


def _displaced(waiter: Execution | None, by: str, now_ms: int) -> Execution | None:
    """The cancelled record of the former waiter. If this write is lost, it is cancelled when its own entry fires."""
    if waiter is None or not waits(waiter):
        return None
    return ended_unrun(waiter, State.CANCELLED, replaced_by(by), now_ms)


def _not_started(execution: str, job: Job) -> Execution:
    """The blank record of a lock's holder that has none stored."""
    nominal = ExecutionId.parse(execution).nominal_ms
    return Execution(job.tenant, execution, State.QUEUED, nominal, job.generation, version=0)
