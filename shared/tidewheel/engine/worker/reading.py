"""Reads the facts that a decision about a message needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.executions.decisions.decide_run import asked_of
from tidewheel.domain.executions.decisions.facts import UNREAD, Facts, LockFacts
from tidewheel.domain.executions.decisions.steps import Fact
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.workflows.runs.version import Version
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.engine.orchestration.steps import StepJobs
from tidewheel.engine.worker.admission import Admission
from tidewheel.ports import Executions, Jobs


@dataclass(frozen=True, slots=True)
class FactReader:
    """Reads facts from the stores: consistently, but for the job's record and the circuit, which may be seconds old."""

    jobs: Jobs
    executions: Executions
    overlap_lock: OverlapLock
    steps: StepJobs

    def read(self, fact: Fact, facts: Facts, admission: Admission) -> Facts:
        """Returns the facts with one more of them read.

        Raises:
            PortError: A store failed.
            Unreadable: A stored record is malformed.
        """
        if fact in {Fact.RUN, Fact.WORKFLOW} or (fact is Fact.JOB and facts.is_node):
            return self._of_workflow(fact, facts)
        return self._of_execution(fact, facts, admission)

    def _of_execution(self, fact: Fact, facts: Facts, admission: Admission) -> Facts:
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

    def _of_workflow(self, fact: Fact, facts: Facts) -> Facts:
        if fact is Fact.RUN:  # maybe a newer one than before: what followed from that one is read anew
            run = self._record(facts, str(ExecutionId.parse(facts.dispatch.execution).run))
            return replace(facts, run=run, record=UNREAD, job=UNREAD)
        if fact is Fact.WORKFLOW:
            return replace(facts, workflow=self._workflow(facts))
        job, unfillable = self.steps.job(*_run_of(facts))
        return replace(facts, job=job, unfillable=unfillable)

    def _job(self, facts: Facts) -> Job | None:
        """The job's record, read again consistently if it is missing or older than the message."""
        dispatch = facts.dispatch
        key = dispatch.tenant, ExecutionId.parse(dispatch.execution).job
        job = self.jobs.get(*key)
        if job is None or job.generation < dispatch.generation:
            job = self.jobs.get(*key, consistent=True)
        return job

    def _workflow(self, facts: Facts) -> Version | None:
        if facts.is_node:
            assert isinstance(facts.run, Execution)
            return self.steps.versions.of_run(facts.run)
        name, digest, _ = asked_of(facts.before, _job_of(facts))
        return self.steps.versions.named(facts.dispatch.tenant, name, digest)

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


def _run_of(facts: Facts) -> tuple[Execution, int, Version]:
    """The run, the step's index and the version; ``decide`` asks for the job of a step only when they are known."""
    node = ExecutionId.parse(facts.dispatch.execution).node
    assert isinstance(facts.run, Execution)
    assert isinstance(facts.workflow, Version)
    assert node is not None
    return facts.run, node, facts.workflow


def _job_of(facts: Facts) -> Job:
    """The job; ``decide`` asks for the facts that need it only when it is known."""
    assert isinstance(facts.job, Job)
    return facts.job
