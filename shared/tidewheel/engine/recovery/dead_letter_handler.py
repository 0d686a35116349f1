"""Handles dead letters: messages that were delivered ``limits.MAX_RECEIVES`` times and never deleted. None is dropped.

Mostly such a message was only in one batch with another one that crashed its worker. So it is sent again, up to
``limits.MAX_RETURNS`` times (the message counts them), if its execution was never claimed, waits for its retry, or lost
its worker. Only then does the execution end as dead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tidewheel.domain.errors import DomainError, Unreadable
from tidewheel.domain.executions.claiming import ClaimVerdict, judge
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.transitions import for_dispatch, with_lost_attempt
from tidewheel.domain.fleet.route import ANY_ROUTE, Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import (
    MAX_RECEIVES,
    MAX_RETURNS,
    MAX_SEND_DELAY_MS,
    MENDABLE_MS,
    QUARANTINE_CHARS,
    RETURN_DELAY_MS,
    SECOND_MS,
)
from tidewheel.domain.wheel.levels import late
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.ends.mark_dead import MarkDead
from tidewheel.engine.ends.undeliverable import Undeliverable
from tidewheel.ports import Clock, Executions, Jobs, PortError, Queue, Refused, Telemetry, Wheel

_SET_ASIDE = frozenset({"quarantined", "too_long"})
"""The outcomes of messages that nobody can understand. Executions are counted when their end is handled."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of the dead-letter queue: its id in the queue, and its body."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class DeadLetterHandler:
    """Handles messages of the dead-letter queue.

    Args:
        jobs: The jobs, from which the routes follow.
        executions: The records.
        wheel: Where malformed messages are quarantined.
        queue: Where messages are sent again.
        clock: Reads the time.
        telemetry: Counts and logs.
        ends: Hands ends to their followers.
        read: Parses a message's body; raises ``Unreadable``.
    """

    jobs: Jobs
    executions: Executions
    wheel: Wheel
    queue: Queue
    clock: Clock
    telemetry: Telemetry
    ends: EndHandler
    read: Callable[[str], Dispatch]

    @property
    def undeliverable(self) -> Undeliverable:
        """Sets aside what no queue will take."""
        return Undeliverable(self.jobs, self.executions, self.wheel, self.clock, self.telemetry, self.ends)

    def handle(self, dead_letters: Sequence[DeadLetter]) -> list[str]:
        """Handles each dead letter by itself. Never raises.

        Returns:
            The ids of those that must not be deleted; they come back after the queue's visibility time-out.
        """
        return [dead_letter.id for dead_letter in dead_letters if not self._guarded(dead_letter)]

    def _guarded(self, dead_letter: DeadLetter) -> bool:
        """Whether a dead letter is done and may be deleted. Never raises: one that fails must not affect the others."""
        try:
            done, why = self._handle_one(dead_letter)
        except (PortError, DomainError) as error:
            done, why = False, "failed"
            self.telemetry.error(
                "a dead letter could not be handled and comes back", message_id=dead_letter.id, problem=str(error)
            )
        except Exception as error:  # noqa: BLE001 - a fault of ours must not delete, or keep, the neighbours
            done, why = False, "failed"
            self.telemetry.error(
                "unexpected error while handling a dead letter", message_id=dead_letter.id, problem=str(error)
            )
        self.telemetry.count("dead_letter_handled", outcome=why)
        if why in _SET_ASIDE:
            self.telemetry.count("dead_letter_added")
        return done

    def _handle_one(self, dead_letter: DeadLetter) -> tuple[bool, str]:
        """Whether it is done, and the outcome as a value of the counter ``dead_letter_handled``."""
        try:
            dispatch = self.read(dead_letter.body)
        except Unreadable as error:
            return self._quarantine(dead_letter, error)
        try:
            return self._decide(dispatch)
        except Unreadable as error:  # job or record: a worker of another release may be able to read it
            if dispatch.returns < MAX_RETURNS:
                return self._send_again(dispatch, None)
            return self._quarantine(dead_letter, error)

    def _decide(self, dispatch: Dispatch) -> tuple[bool, str]:
        record = for_dispatch(self.executions.get(dispatch.tenant, dispatch.execution), dispatch.generation)
        job = self._job(dispatch)
        now = self.clock.now_ms()
        match judge(record, dispatch.attempt, now):
            case ClaimVerdict.OBSOLETE:
                return self.ends.settle(record, job), "over"
            case ClaimVerdict.BUSY:
                return False, "busy"
            case verdict if dispatch.returns >= MAX_RETURNS:
                before = record or dispatch.blank()
                return self._mark_dead(
                    with_lost_attempt(before, now) if verdict is ClaimVerdict.TAKE_OVER else before, dispatch, job, now
                )
        return self._send_again(dispatch, job)

    def _job(self, dispatch: Dispatch) -> Job | None:
        key = dispatch.tenant, ExecutionId.parse(dispatch.execution).job
        return self.jobs.get(*key) or self.jobs.get(*key, consistent=True)

    def _send_again(self, dispatch: Dispatch, job: Job | None) -> tuple[bool, str]:
        """Sends it to its job's queue again, with a delay that doubles each time. A worker records a lost attempt."""
        route = self.ends.runs.route(dispatch.tenant, dispatch.execution)
        route = route or (job.route if job is not None else ANY_ROUTE)
        delay_ms = min(RETURN_DELAY_MS << dispatch.returns, MAX_SEND_DELAY_MS)
        again = replace(dispatch, returns=dispatch.returns + 1)
        try:
            (sent,) = self.queue.send(route, [again], [delay_ms // SECOND_MS])
        except Refused as refusal:
            return self._refused(dispatch, route, refusal)
        return sent, "sent_again" if sent else "refused"

    def _refused(self, dispatch: Dispatch, route: Route, refusal: Refused) -> tuple[bool, str]:
        """Sets aside what no queue will take; what an operator may still mend comes back for a while."""
        if refusal.mendable and self.clock.now_ms() - dispatch.due_ms < MENDABLE_MS:
            return False, "refused"
        done = self.undeliverable.set_aside(dispatch, route, refusal) is None
        return done, "undeliverable" if done else "refused"

    def _mark_dead(self, record: Execution, dispatch: Dispatch, job: Job | None, now: int) -> tuple[bool, str]:
        reason = f"given up by the queue after {(dispatch.returns + 1) * MAX_RECEIVES} deliveries"
        done = MarkDead(self.executions, self.ends, self.telemetry).end(record, job, reason, now)
        return (False, "contended") if done is None else (done, "marked_dead")

    def _quarantine(self, dead_letter: DeadLetter, error: Unreadable) -> tuple[bool, str]:
        """Quarantines a malformed dead letter; one that is too long for that stays in the dead-letter queue."""
        now = self.clock.now_ms()
        self.telemetry.error("a dead letter cannot be understood", message_id=dead_letter.id, problem=str(error))
        if len(dead_letter.body) > QUARANTINE_CHARS:
            return False, "too_long"
        what = error.what if error.what in ("job", "execution") else "message"
        self.wheel.quarantine(Quarantined(late(0), dead_letter.id, dead_letter.body, what, error.problem, now))
        self.telemetry.count("quarantined", what=what)
        return True, "quarantined"
