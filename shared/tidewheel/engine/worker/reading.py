"""Reads the facts that a decision about a message needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.executions.decisions.facts import UNREAD, Facts, LockFacts
from tidewheel.domain.executions.decisions.steps import Fact
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.engine.worker.admission import Admission
from tidewheel.ports import Executions, Jobs


@dataclass(frozen=True, slots=True)
class FactReader:
    """Reads facts from the stores: consistently, but for the job's record and the circuit, which may be seconds old."""

    jobs: Jobs
    executions: Executions
    overlap_lock: OverlapLock

    def read(self, fact: Fact, facts: Facts, admission: Admission) -> Facts:
        """Returns the facts with one more of them read.

        Raises:
            PortError: A store failed.
            Unreadable: A stored record is malformed.
        """
        match fact:
            case Fact.JOB:
                return replace(facts, job=self._job(facts))
            case Fact.FOLLOWING:
                return replace(facts, following=self._following(facts))
            case Fact.RECORD:
                return replace(facts, record=self._record(facts, facts.dispatch.execution))
            case Fact.CIRCUIT:
                return replace(facts, circuit=admission.circuit(_job_of(facts)))
            case Fact.QUOTA:
                return replace(facts, quota=admission.charge())
        return replace(facts, locks=self._of_lock(fact, facts))

    def _job(self, facts: Facts) -> Job | None:
        """The job's record, read again consistently if it is missing or older than the message."""
        dispatch = facts.dispatch
        key = dispatch.tenant, ExecutionId.parse(dispatch.execution).job
        job = self.jobs.get(*key)
        if job is None or job.generation < dispatch.generation:
            job = self.jobs.get(*key, consistent=True)
        return job

    def _following(self, facts: Facts) -> Generation | None:
        job, number = _job_of(facts), facts.dispatch.generation + 1
        return self.jobs.generations(job.tenant, job.id, first=number).get(number)

    def _record(self, facts: Facts, execution: str) -> Execution | None:
        return self.executions.get(facts.dispatch.tenant, execution) if execution else None

    def _of_lock(self, fact: Fact, facts: Facts) -> LockFacts:
        locks, lock = facts.locks, facts.locks.lock
        if fact is Fact.LOCK or lock is UNREAD:
            return replace(locks, lock=self.overlap_lock.read(_job_of(facts)))
        if fact is Fact.HOLDER:
            return replace(locks, holder=self._record(facts, lock.holder))
        own = lock.waiter == facts.dispatch.execution
        return replace(locks, waiter=None if own else self._record(facts, lock.waiter))


def _job_of(facts: Facts) -> Job:
    """The job; ``decide`` asks for the facts that need it only when it is known."""
    assert isinstance(facts.job, Job)
    return facts.job
