"""Overlap: what becomes of a run whose job is still busy with another one. Pure.

A job that does not allow overlap has a lock. An execution takes it before its first claim and holds it through all
retries until its record has ended. One rule keeps two from running side by side: *a lock passes on only once its
holder's record has ended*. A claim is conditional on the record, so a holder that was ended can never begin, and one
that began is not ended by others while its target is called. An end is final but for a redrive: that run writes the
lock anew before it claims, so that nobody passes on what it holds.
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
    """The right to run of a job whose runs may not overlap.

    Args:
        tenant: Whose job it is.
        job: The job's id.
        holder: The execution that has it, or empty.
        waiter: The execution that gets it next, or empty.
        version: Raised by every write; 0 if there is no such row.
        written_ms: When it was written (ms).
    """

    tenant: str
    job: str
    holder: str = ""
    waiter: str = ""
    version: int = 0
    written_ms: int = 0

    def given(self, holder: str, now_ms: int) -> Lock:
        """The lock in the hands of an execution, or of nobody (empty); nobody waits."""
        return replace(self, holder=holder, waiter="", version=self.version + 1, written_ms=now_ms)

    def awaited(self, waiter: str, now_ms: int) -> Lock:
        """The lock with an execution waiting for it."""
        return replace(self, waiter=waiter, version=self.version + 1, written_ms=now_ms)

    def expires_ms(self) -> int:
        """When the row may vanish (ms): long after its holder wrote it anew, or soon if nobody has it."""
        return self.written_ms + (LOCK_RETENTION_MS if self.holder else DAY_MS)


class Move(StrEnum):
    """What an execution that wants to begin does next."""

    TAKE = "take"  # the lock is free for it
    TRANSFER = "transfer"  # the lock is free, and another's turn
    WAIT = "wait"  # it waits
    SKIP = "skip"  # it is left out
    CANCEL_SELF = "cancel_self"  # it is cancelled: a newer one goes before it
    CANCEL_HOLDER = "cancel_holder"  # the holder is not being called: it is cancelled in favour of this one
    EVICT_STALE = "evict_stale"  # the holder did not begin, and nothing was heard of it for long: it is cancelled


@dataclass(frozen=True, slots=True)
class LockMove:
    """A move, and the reason that stands in the record which it writes, for people."""

    move: Move
    reason: str = ""


def waits(record: Execution | None) -> bool:
    """Whether a lock's waiter does still wait."""
    return record is not None and record.state is State.QUEUED


def choose_move(
    lock: Lock, execution: str, policy: Overlap, holder: Execution | None, waiter: Execution | None, now_ms: int
) -> LockMove:
    """What an execution does that has not begun and does not hold the lock.

    Args:
        lock: As it stands.
        execution: Its id. Ids of a job sort by nominal time: the greater is the newer.
        policy: The job's; not ``ALLOW``.
        holder: The record of the lock's holder; None if it has none (yet).
        waiter: The record of the lock's waiter; None if there is none.
        now_ms: The time.
    """
    rival = lock.waiter if lock.waiter != execution and waits(waiter) else ""
    replaces = policy is Overlap.REPLACE
    if not lock.holder or (holder is not None and is_end(holder.state)):
        return LockMove(Move.TRANSFER if rival and not (replaces and rival < execution) else Move.TAKE)
    if not _started(holder) and now_ms > lock.written_ms + LOCK_IDLE_MS:
        return LockMove(Move.EVICT_STALE, "its turn had come an hour ago, and no worker had begun it")
    if replaces:
        return _replacing(execution, lock.holder, rival, busy=holder is not None and holder.state is State.RUNNING)
    if rival:
        return LockMove(Move.SKIP, f"{lock.holder} was not over, and {rival} waited already")
    if policy is Overlap.SKIP:
        return LockMove(Move.SKIP, f"{lock.holder} was not over")
    return LockMove(Move.WAIT, _waits_for(lock.holder))


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
    """Why a run was cancelled that had to make way, for people."""
    return f"replaced by {execution}"


def displaces_holder(lock: Lock, holder: Execution, waiter: Execution | None) -> bool:
    """Whether one that is to replace the holder waits: then no further attempt of the holder's follows."""
    return lock.holder == holder.id and lock.waiter > holder.id and waits(waiter)


def lock_recheck_ms(holder: Execution | None, now_ms: int) -> int:
    """When (ms) a waiter looks whether the lock became free without its being told.

    A worker that vanished tells nobody. Hence once its lease is over; but not so often that waiting would cost much.
    """
    running = holder is not None and holder.state is State.RUNNING
    over_ms = holder.lease_until_ms + TAKEOVER_GRACE_MS if holder and running else now_ms
    return min(max(over_ms, now_ms + LOCK_RECHECK_LEAST_MS), now_ms + LOCK_RECHECK_MOST_MS)
