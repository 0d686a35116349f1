"""The lock of a job whose executions may not overlap: reads, writes, transfers, and releases it after its holder's end.

What an execution does about the lock before its claim is decided in ``domain/executions/decisions/decide_lock.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.overlap import Lock, displaces_holder, replaced_by, waits
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import ended_unrun
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.engine.ends.ended import ExecutionEnded
from tidewheel.ports import Clock, Executions, Locks

_TRIES = 6


@dataclass(frozen=True, slots=True)
class OverlapLock:
    """Reads and writes locks. Every method raises ``PortError`` if a store fails.

    Args:
        executions: The records of holders and waiters.
        locks: The store of locks.
        clock: Reads the time.
        put: Puts an entry on the wheel.
    """

    executions: Executions
    locks: Locks
    clock: Clock
    put: Callable[[ExecutionEntry], None]

    def read(self, job: Job) -> Lock:
        """A job's lock, read consistently; a free one if none is stored."""
        return self.locks.get(job.tenant, job.id) or Lock(job.tenant, job.id)

    def write(self, lock: Lock) -> bool:
        """Writes a lock over the version before it; False if another version is stored."""
        return self.locks.swap(lock) is None

    def transfer(self, lock: Lock, waiter: Execution, job: Job) -> bool:
        """Gives a lock to the execution that waits for it; False if another version of the lock is stored.

        The waiter's entry is put on the wheel before the write, so that a holder always has an entry or a message.
        """
        now = self.clock.now_ms()
        self.put(ExecutionEntry.of(waiter, job, waiter.attempt + 1, now, job.definition.precision))
        return self.write(lock)

    def cancelled_for_successor(self, record: Execution, job: Job) -> Execution | None:
        """The cancelled record of an execution that waits for its retry, if a newer one replaces it; else None."""
        if job.definition.overlap is not Overlap.REPLACE:
            return None
        lock = self.read(job)
        if not displaces_holder(lock, record, self.waiter(lock, job)):
            return None
        return ended_unrun(record, State.CANCELLED, replaced_by(lock.waiter), self.clock.now_ms())

    def waiter(self, lock: Lock, job: Job) -> Execution | None:
        """The record of the execution that waits for a lock; None if there is none."""
        return self.executions.get(job.tenant, lock.waiter) if lock.waiter else None

    def follow(self, ended: ExecutionEnded) -> bool:
        """Releases the lock that an execution holds at its end, or transfers it to the one that waits.

        Returns:
            Whether the execution does not hold it any more; if not, the call must be repeated.
        """
        job = ended.job
        if job is None or ended.lock_settled or job.definition.overlap is Overlap.ALLOW:
            return True
        for _ in range(_TRIES):
            lock = self.read(job)
            if lock.holder != ended.record.id or self._release(lock, job):
                return True
        return False

    def _release(self, lock: Lock, job: Job) -> bool:
        waiter, now = self.waiter(lock, job), self.clock.now_ms()
        if waiter is None or not waits(waiter):
            return self.write(lock.given("", now))
        return self.transfer(lock.given(waiter.id, now), waiter, job)
