"""Ends as dead an execution that no worker will ever run: its message was given up, or no queue takes it."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import ended_unrun
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import REASON_CHARS
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.ports import Executions, Telemetry


@dataclass(frozen=True, slots=True)
class MarkDead:
    """Writes such an end, and has it followed. A dead letter can be redriven, as every other one.

    Args:
        executions: The records.
        ends: Hands ends to their followers.
        telemetry: Counts and logs.
    """

    executions: Executions
    ends: EndHandler
    telemetry: Telemetry

    def end(self, before: Execution, job: Job | None, reason: str, now_ms: int) -> bool | None:
        """Ends an execution as dead; as cancelled, if that was asked for before.

        Args:
            before: Its record as it is stored, version 0 if there is none.
            job: Its job; None if that was deleted.
            reason: Why.
            now_ms: The time (ms since the epoch).

        Returns:
            Whether all that follows is done; None if the record was changed meanwhile.

        Raises:
            PortError: A store failed; the call must be repeated.
        """
        state = State.CANCELLED if before.cancel else State.DEAD
        ended = ended_unrun(before, state, before.cancel or reason[:REASON_CHARS], now_ms)
        if self.executions.swap(ended, before.version or None) is not None:
            return None
        self.telemetry.error("an execution ends as dead", execution=ended.id, reason=ended.reason)
        return self.ends.settle(ended, job)
