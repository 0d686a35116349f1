"""Decides what an execution does whose job has another one that has not ended. Pure.

A job that does not allow overlap has a lock. An execution takes it before its first claim and holds it through all
retries until its end is stored. *A lock is released only after its holder's end is stored*: so two never run at once. A
claim is conditional on the record, so a holder that was ended cannot start, and others do not end a holder while its
target is called. Only a redrive leaves an end: that execution writes the lock again before its claim, so that nobody
releases it meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import (
    DAY_MS,
    LOCK_IDLE_MS,
    LOCK_RECHECK_LEAST_MS,
    LOCK_RECHECK_MOST_MS,
    LOCK_RETENTION_MS,
    TAKEOVER_GRACE_MS,
)


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of a job whose executions may not overlap.

    Args:
        tenant: The tenant of the job.
        job: The job's id.
        holder: The id of the execution that holds it, or empty.
        waiter: The id of the execution that gets it next, or empty.
        version: Raised by every write; 0 if none is stored.
        written_ms: When it was written (ms since the epoch).
    """

    tenant: str
    job: str
    holder: str = ""
    waiter: str = ""
    version: int = 0
    written_ms: int = 0

    def given(self, holder: str, now_ms: int) -> Lock:
        """The lock held by an execution, or free (empty), without a waiter."""
        return replace(self, holder=holder, waiter="", version=self.version + 1, written_ms=now_ms)

    def awaited(self, waiter: str, now_ms: int) -> Lock:
        """The lock with an execution waiting for it."""
        return replace(self, waiter=waiter, version=self.version + 1, written_ms=now_ms)

    def expires_ms(self) -> int:
        """When the row expires (ms since the epoch): after ``limits.LOCK_RETENTION_MS``, or a day if it is free."""
        return self.written_ms + (LOCK_RETENTION_MS if self.holder else DAY_MS)


class Move(StrEnum):
    """What an execution that wants to start does next."""

    TAKE = "take"  # the lock is free for it
    TRANSFER = "transfer"  # the lock is free, and another one is next
    WAIT = "wait"  # it waits
    SKIP = "skip"  # it ends as skipped
    CANCEL_SELF = "cancel_self"  # it is cancelled in favour of a newer one
    CANCEL_HOLDER = "cancel_holder"  # the holder does not run: it is cancelled in favour of this one
    EVICT_STALE = "evict_stale"  # the holder has not started for ``LOCK_IDLE_MS``: it is cancelled


@dataclass(frozen=True, slots=True)
class LockMove:
    """A move, and the reason that is written into the record, for people."""

    move: Move
    reason: str = ""


def waits(record: Execution | None) -> bool:
    """Whether a lock's waiter still waits."""
    return record is not None and record.state is State.QUEUED


def choose_move(
    lock: Lock, execution: str, policy: Overlap, holder: Execution | None, waiter: Execution | None, now_ms: int
) -> LockMove:
    """The move of an execution that has not started and does not hold the lock.

    Args:
        lock: The job's lock.
        execution: The execution's id. Ids of a job sort by nominal time: the greater is the newer.
        policy: The job's policy; not ``ALLOW``.
        holder: The record of the lock's holder; None if it has none yet.
        waiter: The record of the lock's waiter; None if there is none.
        now_ms: The time (ms since the epoch).
    """
    rival = lock.waiter if lock.waiter != execution and waits(waiter) else ""
    replaces = policy is Overlap.REPLACE
    if not lock.holder or (holder is not None and is_end(holder.state)):
        return LockMove(Move.TRANSFER if rival and not (replaces and rival < execution) else Move.TAKE)
    if not _started(holder) and now_ms > lock.written_ms + LOCK_IDLE_MS:
        return LockMove(Move.EVICT_STALE, "its turn had come an hour ago, and no worker had begun it")
    if replaces:
        return _replacing(execution, lock.holder, rival, busy=holder is not None and holder.state in _BUSY)
    if rival:
        return LockMove(Move.SKIP, f"{lock.holder} was not over, and {rival} waited already")
    if policy is Overlap.SKIP:
        return LockMove(Move.SKIP, f"{lock.holder} was not over")
    return LockMove(Move.WAIT, _waits_for(lock.holder))


_BUSY = frozenset({State.RUNNING, State.OPEN})
"""The states in which a holder is asked to end; in any other one it is ended."""


def _started(holder: Execution | None) -> bool:
    return holder is not None and holder.state is not State.QUEUED


def _replacing(execution: str, holder: str, rival: str, *, busy: bool) -> LockMove:
    newest = max(holder, rival)
    if newest > execution:
        return LockMove(Move.CANCEL_SELF, replaced_by(newest))
    return LockMove(Move.WAIT, _waits_for(holder)) if busy else LockMove(Move.CANCEL_HOLDER, replaced_by(execution))


def _waits_for(holder: str) -> str:
    return f"waits until {holder} has ended"


def replaced_by(execution: str) -> str:
    """The reason of an execution that was cancelled in favour of another one, for people."""
    return f"replaced by {execution}"


def displaces_holder(lock: Lock, holder: Execution, waiter: Execution | None) -> bool:
    """Whether a newer execution waits to replace the holder; then the holder gets no further attempt."""
    return lock.holder == holder.id and lock.waiter > holder.id and waits(waiter)


def lock_recheck_ms(holder: Execution | None, now_ms: int) -> int:
    """When a waiter checks the lock by itself (ms since the epoch), in case the holder's worker has vanished.

    That is when the holder's lease has ended, within bounds that keep the cost of waiting low.
    """
    running = holder is not None and holder.state is State.RUNNING
    over_ms = holder.lease_until_ms + TAKEOVER_GRACE_MS if holder and running else now_ms
    return min(max(over_ms, now_ms + LOCK_RECHECK_LEAST_MS), now_ms + LOCK_RECHECK_MOST_MS)
