"""What no queue will ever take is set aside, so that it holds up nobody: in quarantine, and in the ledger as dead.

What cannot be delivered now is no matter of this module: it is sent again.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.claiming import ClaimVerdict, judge
from tidewheel.domain.executions.decisions.decide import is_superseded
from tidewheel.domain.executions.decisions.facts import Facts
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.transitions import for_dispatch, with_lost_attempt
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed, encode
from tidewheel.domain.wheel.levels import late
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.ends.mark_dead import MarkDead
from tidewheel.ports import Clock, Executions, Jobs, PortError, Refused, Telemetry, Wheel


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """Sets aside what no queue will take. Each call is idempotent.

    The execution ends as dead with the reason: it is listed, alarms, counts in the ledger as the account of its
    instant, and runs again when an operator redrives it.

    Args:
        jobs: The jobs.
        executions: The records.
        wheel: Where it is quarantined.
        clock: Time.
        telemetry: Counts and logs.
        ends: Hands ends to their followers.
    """

    jobs: Jobs
    executions: Executions
    wheel: Wheel
    clock: Clock
    telemetry: Telemetry
    ends: EndHandler

    def set_aside(self, dispatch: Dispatch, route: Route, refusal: Refused) -> Route | None:
        """Sets aside one dispatch, unless its job has another pool by now.

        Nothing is written for one that a worker would have dropped: its job was deleted, an edit ended it before it
        began, or another delivery of it is running or over.

        Args:
            dispatch: What was refused.
            route: By which queue.
            refusal: Why.

        Returns:
            The route by which it is to be sent instead; None if it is done.

        Raises:
            PortError: A store failed, or another writer came between; the call must be repeated.
        """
        try:
            job = self.jobs.get(dispatch.tenant, ExecutionId.parse(dispatch.execution).job, consistent=True)
            found = self.executions.get(dispatch.tenant, dispatch.execution)
        except Unreadable as error:  # nothing more can be said of it than that
            self._quarantine(dispatch, route, str(error))
            return None
        record = for_dispatch(found, dispatch.generation)
        is_step = ExecutionId.parse(dispatch.execution).node is not None
        if record is None and not is_step and (job is None or self._is_superseded(dispatch, job)):
            return None
        meant = None if job is None else self.ends.runs.route(dispatch.tenant, dispatch.execution) or job.route
        if meant is not None and meant.pool != route.pool and refusal.mendable:
            return meant
        if not self._settled(dispatch, route, refusal, record, job):
            raise PortError("undeliverable.set_aside", dispatch.execution, "another writer came between")
        return None

    def _is_superseded(self, dispatch: Dispatch, job: Job) -> bool:
        following = self.jobs.generations(dispatch.tenant, job.id, dispatch.generation + 1)
        facts = Facts(dispatch, dispatch.due_ms, None, "", job, following.get(dispatch.generation + 1))
        return bool(is_superseded(facts))

    def _settled(
        self, dispatch: Dispatch, route: Route, refusal: Refused, record: Execution | None, job: Job | None
    ) -> bool:
        now = self.clock.now_ms()
        verdict = judge(record, dispatch.attempt, now)
        if verdict is ClaimVerdict.BUSY:
            return True
        if verdict is ClaimVerdict.OBSOLETE:
            return self.ends.settle(record, job)
        self._quarantine(dispatch, route, str(refusal))
        before = record or dispatch.blank()
        if verdict is ClaimVerdict.TAKE_OVER:
            before = with_lost_attempt(before, now)
        reason = f"could not be delivered to {route}: {refusal.problem}"
        return bool(MarkDead(self.executions, self.ends, self.telemetry).end(before, job, reason, now))

    def _quarantine(self, dispatch: Dispatch, route: Route, problem: str) -> None:
        """Keeps it as the entry that brings its attempt, by which it could be sent again."""
        entry = ExecutionEntry(
            dispatch.tenant,
            dispatch.execution,
            dispatch.attempt,
            dispatch.generation,
            dispatch.due_ms,
            route,
            Precision.NORMAL,
        )
        placed = Placed(late(0), entry)
        item = Quarantined(placed.slot, placed.key, encode(entry), "delivery", problem, self.clock.now_ms())
        self.wheel.quarantine(item)
        self.telemetry.count("quarantined", what=item.what)
        self.telemetry.error(
            "what no queue takes was set aside",
            execution=dispatch.execution,
            route=str(route),
            problem=problem,
            partition=item.partition,
            key=item.id,
        )
