"""Cancel: a user ends an execution wherever it stands, or an occurrence that has not begun.

What no worker holds ends by one conditional write; the message, or the entry on the wheel, that still stands for it
finds it ended and changes nothing. What runs gets the wish on its record: its worker sees it when it renews its
lease, or when it finishes, and whoever takes it over from a dead worker ends it instead of calling again. A request
that died before an overlap lock was passed on is made up for by a repeat, or by the execution's own message.
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
    """The flow."""

    jobs: Jobs
    executions: Executions
    ends: EndHandler
    clock: Clock
    telemetry: Telemetry

    def run(self, tenant: str, id: str, why: str = "") -> Execution:
        """Cancels an execution; one that is cancelled already, or is to be, stays as it is.

        Args:
            tenant: Whose it is.
            id: The execution, or that of an occurrence that its job's schedule names and nothing has begun.
            why: What the user says, at most ``limits.CANCEL_REASON_CHARS``, or empty.

        Returns:
            The execution: cancelled, or still running with the wish on its record.

        Raises:
            NotFound: There is no such execution, and no such occurrence to come.
            Conflict: It has ended otherwise, or too many others wrote its record or its job's lock meanwhile.
            PortError: A store failed; it may be cancelled or not.
        """
        reason = f"{_ASKED}: {why}" if why else _ASKED
        record = self.executions.get(tenant, id)
        for _ in range(_TRIES):
            before = record or self._unbegun(tenant, id)
            after = self._cancel_requested(before, reason)
            if after is before:
                return self._settled(after)
            record = self.executions.swap(after, before.version or None)
            if record is None:
                self.telemetry.count("execution_cancelled", state=before.state)
                return self._settled(after)
        raise _contended(id)

    def _cancel_requested(self, record: Execution, reason: str) -> Execution:
        """The record with what the request comes to; the same one if that is nothing."""
        match record.state:
            case State.QUEUED | State.RETRYING:
                return ended_unrun(record, State.CANCELLED, reason, self.clock.now_ms())
            case State.RUNNING:
                return record if record.cancel else cancel_requested(record, reason, self.clock.now_ms())
            case State.CANCELLED:
                return record
        raise Conflict("execution", record.id, f"it has ended as {record.state}", "nothing is left to cancel")

    def _unbegun(self, tenant: str, id: str) -> Execution:
        """What an occurrence starts from that its job's schedule names, while its record would not have expired."""
        wanted = ExecutionId.parse(id)
        job = self.jobs.get(tenant, wanted.job, consistent=True)
        if job is not None and wanted.origin is Origin.SCHEDULE:
            rows = self.jobs.generations(tenant, job.id, 1).values()
            oldest = self.clock.now_ms() - RETENTION_MS
            for instant in named(rows, job.id, wanted.nominal_ms, wanted.nominal_ms + 1, 1):
                if instant.due_ms > oldest:
                    return Execution(tenant, id, State.QUEUED, instant.due_ms, instant.generation, version=0)
        raise NotFound("execution", tenant, id)

    def _settled(self, record: Execution) -> Execution:
        """Passes its job's lock on if it has ended with it; also if a request before did not come to that."""
        if record.state is State.CANCELLED:
            job = self.jobs.get(record.tenant, record.job, consistent=True)
            if not self.ends.settle(record, job):
                raise _contended(record.id)
        return record


def _contended(id: str) -> Conflict:
    return Conflict("execution", id, "it, or its job's lock, is being written by many at once", "try again")
