"""Sends the messages of steps to the queues of their pools."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.domain.workflows.definition import Step
from tidewheel.ports import SEND_BATCH, Clock, PortError, Queue, Refused


@dataclass(frozen=True, slots=True)
class NodeAttempt:
    """An attempt of a step that is to begin.

    Args:
        step: The step.
        dispatch: What its message says.
    """

    step: Step
    dispatch: Dispatch

    @property
    def route(self) -> Route:
        """The queue of the step."""
        return Route(self.step.pool, self.step.priority)

    @property
    def entry(self) -> ExecutionEntry:
        """The entry that brings it by the wheel."""
        it = self.dispatch
        precision = self.step.precision
        return ExecutionEntry(it.tenant, it.execution, it.attempt, it.generation, it.due_ms, self.route, precision)


@dataclass(frozen=True, slots=True)
class NodeSender:
    """Sends attempts at once, beside the wheel.

    Args:
        queue: The queues.
        clock: Time.
        put: Puts an entry on the wheel, for what a queue refuses: there it is tried again, and set aside in the end.
    """

    queue: Queue
    clock: Clock
    put: Callable[[ExecutionEntry], None]

    def attempt(self, run: Execution, step: Step, node: int, before: Execution | None, generation: int) -> NodeAttempt:
        """The next attempt of a step.

        Args:
            run: The run.
            step: The step.
            node: Its index.
            before: Its record, of whatever generation; None if it has none.
            generation: Its generation.
        """
        number = before.attempt + 1 if before else 1
        id = ExecutionId.parse(run.id).of_node(node)
        return NodeAttempt(step, Dispatch(run.tenant, id, number, generation, self.clock.now_ms(), before is not None))

    def send(self, attempts: Iterable[NodeAttempt]) -> None:
        """Sends attempts; again, they do no harm.

        Raises:
            PortError: Not all were sent.
        """
        by_route = sorted(attempts, key=lambda one: str(one.route))
        for route, several in groupby(by_route, lambda one: one.route):
            ahead = list(several)
            for first in range(0, len(ahead), SEND_BATCH):
                self._send(route, ahead[first : first + SEND_BATCH])

    def _send(self, route: Route, attempts: list[NodeAttempt]) -> None:
        try:
            taken = self.queue.send(route, [one.dispatch for one in attempts])
        except Refused:
            for one in attempts:
                self.put(one.entry)
            return
        if not all(taken):
            raise PortError("queue.send", str(route), "a step's message was not accepted")

    def look(self, run: Execution, route: Route, delay_s: int = 0) -> None:
        """Sends the message of a run itself, by which it is looked at as a whole.

        Args:
            run: The run.
            route: The queue of its job.
            delay_s: For how long (s) it is hidden.

        Raises:
            PortError: It was not sent.
        """
        dispatch = Dispatch(run.tenant, run.id, max(1, run.attempt), run.generation, run.due_ms, recorded=True)
        if not all(self.queue.send(route, [dispatch], [delay_s])):
            raise PortError("queue.send", str(route), "a run's message was not accepted")
