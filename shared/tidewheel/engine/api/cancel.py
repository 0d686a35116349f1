"""Cancels an execution, or an occurrence that has not started, on a user's request.

An execution that does not run ends by one conditional write; its message or its entry on the wheel later finds it
ended and changes nothing. On a running one the request is written into its record: its worker sees it when it renews
the lease or finishes, and a worker that takes it over ends it instead of calling again. If the process dies before it
has released the overlap lock, a repeated request or the execution's own message does that.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.errors import Conflict, NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.ledger import named
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import cancel_requested, ended_unrun
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.limits import RETENTION_MS
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.ports import Clock, Executions, Jobs, Telemetry

_TRIES = 6
_ASKED = "someone cancelled it"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancels executions.

    Args:
        jobs: The jobs and their generations.
        executions: The records.
        ends: Hands ends to their followers.
        clock: Reads the time.
        telemetry: Counts.
    """

    jobs: Jobs
    executions: Executions
    ends: EndHandler
    clock: Clock
    telemetry: Telemetry

    def run(self, tenant: str, id: str, why: str = "") -> Execution:
        """Cancels an execution. Repeating the request changes nothing.

        Args:
            tenant: The tenant of the job.
            id: The id of the execution, or of an occurrence that the job's schedule names and that has not started.
            why: The user's reason, at most ``limits.CANCEL_REASON_CHARS`` long, or empty.

        Returns:
            The execution: cancelled, or running with the request on its record.

        Raises:
            NotFound: There is no such execution, and the schedule names no such occurrence.
            Conflict: It has ended otherwise, or its record or its job's lock kept changing.
            PortError: A store failed; it may be cancelled or not.
            Unreadable: The id or a stored record is malformed.
        """
        reason = f"{_ASKED}: {why}" if why else _ASKED
        record = self.executions.get(tenant, id)
        for _ in range(_TRIES):
            before = record or self._not_started(tenant, id)
            after = self._cancel_requested(before, reason)
            if after is before:
                return self._settled(after)
            record = self.executions.swap(after, before.version or None)
            if record is None:
                self.telemetry.count("execution_cancelled", state=before.state)
                return self._settled(after)
        raise _contended(id)

    def _cancel_requested(self, record: Execution, reason: str) -> Execution:
        """The record as the request changes it; the same object if nothing is to be written."""
        match record.state:
            case State.QUEUED | State.RETRYING:
                return ended_unrun(record, State.CANCELLED, reason, self.clock.now_ms())
            case State.RUNNING | State.OPEN:
                return record if record.cancel else cancel_requested(record, reason, self.clock.now_ms())
            case State.CANCELLED:
                return record
        raise Conflict("execution", record.id, f"it has ended as {record.state}", "nothing is left to cancel")

    def _not_started(self, tenant: str, id: str) -> Execution:
        """The blank record of an occurrence that the job's schedule names, if its record would not have expired yet."""
        wanted = ExecutionId.parse(id)
        if wanted.node is not None:
            raise NotFound("execution", tenant, id)
        job = self.jobs.get(tenant, wanted.job, consistent=True)
        if job is not None and wanted.origin is Origin.SCHEDULE:
            rows = self.jobs.generations(tenant, job.id, 1).values()
            oldest = self.clock.now_ms() - RETENTION_MS
            for instant in named(rows, job.id, wanted.nominal_ms, wanted.nominal_ms + 1, 1):
                if instant.due_ms > oldest:
                    return Execution(tenant, id, State.QUEUED, instant.due_ms, instant.generation, version=0)
        raise NotFound("execution", tenant, id)

    def _settled(self, record: Execution) -> Execution:
        """Returns a record after its followers were called, if it is cancelled: an earlier request may have died.

        The steps of an open run are looked at, so that what has not begun ends.
        """
        if record.state in (State.CANCELLED, State.OPEN):
            job = self.jobs.get(record.tenant, record.job, consistent=True)
            if not self.ends.settle(record, job):
                raise _contended(record.id)
        return record


def _contended(id: str) -> Conflict:
    return Conflict("execution", id, "it, or its job's lock, is being written by many at once", "try again")
