"""The gate of jobs whose runs may not overlap: their lock is taken before the first claim and passed on at the end.

Every step may be repeated, and whoever repeats it finds what was done already. What is needed to go on is durable
before what it replaces: a waiter is on record and on the wheel before the lock names it, and it is called before the
lock is handed to it. What decides is in ``domain/overlap.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.overlap import (
    Lock,
    Move,
    Step,
    decide,
    displaces_holder,
    look_again_ms,
    replaced_by,
    waits,
)
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.executions.transitions import cancel_requested, ended_unrun, with_wait_reason
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import LOCK_IDLE_MS, RETENTION_MS
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.engine.worker.disposition import CONTENDED, Action, Disposition
from tidewheel.ports import Clock, Executions, Locks, Telemetry

_TRIES = 6


@dataclass(frozen=True, slots=True)
class _Scene:
    """What an execution finds that wants to begin: the lock, and the records that it names."""

    dispatch: Dispatch
    job: Job
    lock: Lock
    record: Execution
    holder: Execution | None
    waiter: Execution | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class OverlapLock:
    """Lets one execution of a job pass at a time.

    Args:
        executions: The records that decide.
        locks: Where the locks are.
        clock: Time.
        telemetry: Counts.
        put: Puts an entry on the wheel, given now (ms).
    """

    executions: Executions
    locks: Locks
    clock: Clock
    telemetry: Telemetry
    put: Callable[[ExecutionEntry, int], None]

    def admit(self, dispatch: Dispatch, job: Job, record: Execution | None) -> Disposition | Execution | None:
        """Sees to it that an execution which is about to be claimed has its job's lock, if it needs one.

        Returns:
            None: it may be claimed. A record: the execution stands otherwise than was thought, so it must be judged
            anew. ``Disposition``: it does not begin now.
        """
        if job.definition.overlap is Overlap.ALLOW:
            return None
        if record is not None and record.attempt and record.state is not State.QUEUED:
            self._keep(record, job)
            return None
        return self._enter(dispatch, job, record)

    def _enter(self, dispatch: Dispatch, job: Job, record: Execution | None) -> Disposition | Execution | None:
        for _ in range(_TRIES):
            lock = self._lock(job)
            if lock.holder == dispatch.execution:
                if not self._is_stale(lock, record) or self._confirm(lock):
                    return None
                continue
            if record is None and lock.holder:  # before others are touched: its message may be a late double
                record = self.executions.get(job.tenant, dispatch.execution)
                if record is not None:
                    return record
            scene = self._scene(dispatch, job, lock, record)
            step = decide(lock, dispatch.execution, job.definition.overlap, scene.holder, scene.waiter, scene.now_ms)
            if step.move is Move.TAKE:
                if self._take(scene):
                    return None
            elif scene.now_ms < dispatch.due_ms:  # it came early: what is in the way may be over by its time
                self.clock.sleep_until(dispatch.due_ms)
            elif (met := self._do(step, scene)) is not None:
                return met
        return CONTENDED

    def _is_stale(self, lock: Lock, record: Execution | None) -> bool:
        """Whether others may take a lock's holder for ended, or, while it waits for its target, for vanished."""
        if record is None:
            return False
        return record.redriven_ms is not None or self.clock.now_ms() > lock.written_ms + LOCK_IDLE_MS // 2

    def _confirm(self, lock: Lock) -> bool:
        """Writes the lock anew: who saw that run ended, and is about to take it, comes too late."""
        return self.locks.swap(lock.awaited(lock.waiter, self.clock.now_ms())) is None

    def _scene(self, dispatch: Dispatch, job: Job, lock: Lock, record: Execution | None) -> _Scene:
        return _Scene(
            dispatch,
            job,
            lock,
            record or dispatch.blank(),
            self._record(job, lock.holder),
            None if lock.waiter == dispatch.execution else self._record(job, lock.waiter),
            self.clock.now_ms(),
        )

    def _do(self, step: Step, scene: _Scene) -> Disposition | Execution | None:
        """What becomes of the execution for now; None if the lock has to be looked at again."""
        match step.move:
            case Move.WAIT:
                return self._wait_for_turn(step.reason, scene)
            case Move.SKIP:
                return self._refuse(State.SKIPPED, step.reason, scene)
            case Move.CANCEL_SELF:
                return self._refuse(State.CANCELLED, step.reason, scene)
            case Move.TRANSFER:
                self._transfer(scene.lock, scene.waiter, scene.job)
            case _:
                self.telemetry.count("overlap_holder_cancelled", move=step.move)
                holder = scene.holder or _unbegun(scene.lock.holder, scene.job)
                self._swap(ended_unrun(holder, State.CANCELLED, step.reason, scene.now_ms))
        return None

    def _take(self, scene: _Scene) -> bool:
        if self.locks.swap(scene.lock.given(scene.dispatch.execution, scene.now_ms)) is not None:
            return False
        self._displace(scene)
        return True

    def _wait_for_turn(self, reason: str, scene: _Scene) -> Disposition | Execution | None:
        own, me = scene.record, scene.dispatch.execution
        if own.version == 0 or own.reason != reason:
            own = with_wait_reason(own, reason)
            standing = self._swap(own)
            if standing is not None:
                return standing
        look_ms = look_again_ms(scene.holder, scene.now_ms)
        self.put(_waiting(own, scene.job, look_ms, Precision.NORMAL), scene.now_ms)
        if scene.lock.waiter != me:
            if self.locks.swap(scene.lock.awaited(me, scene.now_ms)) is not None:
                return None
            self._displace(scene)
        if scene.job.definition.overlap is Overlap.REPLACE and not self._is_called(scene):
            return own  # its attempt ended just before it could see who waits: it is to be cancelled after all
        return Disposition(Action.ACK, "queued")

    def _is_called(self, scene: _Scene) -> bool:
        """Whether the holder is being called; if so its worker is told to end that call."""
        holder = self._record(scene.job, scene.lock.holder)
        for _ in range(_TRIES):
            if holder is None or holder.state is not State.RUNNING:
                return False
            if holder.cancel:
                return True
            request = cancel_requested(holder, replaced_by(scene.dispatch.execution), scene.now_ms)
            standing = self.executions.swap(request, holder.version)
            if standing is None:
                return True
            holder = standing
        return True

    def _displace(self, scene: _Scene) -> None:
        """Ends the one that waited before. Its own look at the lock would come to the same, if this came to nothing."""
        if waits(scene.waiter):
            assert scene.waiter is not None
            by = replaced_by(scene.dispatch.execution)
            self._swap(ended_unrun(scene.waiter, State.CANCELLED, by, scene.now_ms))

    def _refuse(self, state: State, reason: str, scene: _Scene) -> Disposition | Execution:
        standing = self._swap(ended_unrun(scene.record, state, reason, scene.now_ms))
        return Disposition(Action.ACK, state.value) if standing is None else standing

    def _swap(self, new: Execution) -> Execution | None:
        return self.executions.swap(new, new.version - 1 or None)

    def holds(self, execution: str, job: Job | None) -> bool:
        """Whether an execution has its job's lock, as far as the job's policy of now makes that matter."""
        return job is not None and job.definition.overlap is not Overlap.ALLOW and self._lock(job).holder == execution

    def successor(self, holder: Execution, job: Job) -> str:
        """The execution in whose favour no further attempt of the lock's holder may follow; empty if there is none."""
        if job.definition.overlap is not Overlap.REPLACE:
            return ""
        lock = self._lock(job)
        return lock.waiter if displaces_holder(lock, holder, self._record(job, lock.waiter)) else ""

    def settle(self, record: Execution, job: Job) -> bool:
        """What follows once a record stands as given: one that has ended lets go of the lock, if it has it.

        And one that waits for a retry makes way, if another is to replace it.

        Returns:
            Whether all of it is done; if not, others were faster several times in a row.
        """
        if job.definition.overlap is Overlap.ALLOW:
            return True
        if not is_end(record.state):
            if record.state is not State.RETRYING or not (successor := self.successor(record, job)):
                return True
            now = self.clock.now_ms()
            record = ended_unrun(record, State.CANCELLED, replaced_by(successor), now)
            if self.executions.swap(record, record.version - 1) is not None:
                return False
        for _ in range(_TRIES):
            lock = self._lock(job)
            if lock.holder != record.id or self._transfer(lock, self._record(job, lock.waiter), job):
                return True
        return False

    def _transfer(self, lock: Lock, waiter: Execution | None, job: Job) -> bool:
        """Passes a lock whose holder has ended on to the one that waits, or frees it; False if others were faster."""
        now = self.clock.now_ms()
        if not waits(waiter):
            return self.locks.swap(lock.given("", now)) is None
        assert waiter is not None
        self.put(_waiting(waiter, job, now, job.definition.precision), now)
        return self.locks.swap(lock.given(waiter.id, now)) is None

    def _keep(self, record: Execution, job: Job) -> None:
        """Writes the lock of a run anew whose retries last for weeks, long before its time to live ends."""
        now = self.clock.now_ms()
        if now < record.due_ms + RETENTION_MS:
            return
        lock = self._lock(job)
        if lock.holder == record.id:
            self.locks.swap(lock.awaited(lock.waiter, now))

    def _lock(self, job: Job) -> Lock:
        return self.locks.get(job.tenant, job.id) or Lock(job.tenant, job.id)

    def _record(self, job: Job, execution: str) -> Execution | None:
        return self.executions.get(job.tenant, execution) if execution else None


def _waiting(record: Execution, job: Job, due_ms: int, precision: Precision) -> ExecutionEntry:
    return ExecutionEntry(record.tenant, record.id, record.attempt + 1, record.generation, due_ms, job.route, precision)


def _unbegun(execution: str, job: Job) -> Execution:
    """The record that a lock's holder starts from which has none yet."""
    nominal = ExecutionId.parse(execution).nominal_ms
    return Execution(job.tenant, execution, State.QUEUED, nominal, job.generation, version=0)
