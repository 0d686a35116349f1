"""Handles the messages of a queue in parallel. Those that were not completed come back; the others are acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from tidewheel.domain.errors import DomainError
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.engine.worker.disposition import Action, Disposition
from tidewheel.engine.worker.lease_renewer import HIDDEN_MS
from tidewheel.engine.worker.runner import Runner
from tidewheel.ports import SEND_BATCH, PortError, Queue, Received, Telemetry

_FIRST_DELAY_MS = 2 * SECOND_MS
_LONGEST_DELAY_MS = 300 * SECOND_MS
_NEIGHBOURS_S = HIDDEN_MS / SECOND_MS / 2
"""How often (s) the messages that are done are deleted while others of their batch still run."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """The worker's side of a queue.

    Args:
        runner: Handles one dispatch.
        queue: Where messages are hidden, sent back and deleted.
        telemetry: Counts and logs.
        read: Parses a message's body; raises ``DomainError``.
        guard: Says whether the machine's clock can be trusted; while it cannot, no message is handled. None: always.
    """

    runner: Runner
    queue: Queue
    telemetry: Telemetry
    read: Callable[[str], Dispatch]
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(SEND_BATCH))
    guard: ClockGuard | None = None

    def handle(self, messages: Sequence[Received]) -> list[str]:
        """Handles messages in parallel.

        Each message is hidden for as long as a lease lasts, whatever the queue's visibility time-out is, so that
        another worker takes over as soon as the leases of a dead one end. A message that is done while another one of
        the batch still runs is deleted at once, since it would become visible again.

        Returns:
            The ids of the messages that must not be deleted.
        """
        self._per_route(messages, lambda route, receipts: self.queue.hide(route, receipts, HIDDEN_MS))
        running = {self._threads.submit(self.one, message): message for message in messages}
        gone: set[Future[Disposition]] = set()
        while left := wait(running, _NEIGHBOURS_S).not_done:
            over = {done for done in running.keys() - left - gone if done.result().action is Action.ACK}
            self._per_route([running[done] for done in over], self.queue.delete)
            gone |= over
        return [message.id for done, message in running.items() if done.result().action is not Action.ACK]

    def _per_route(self, messages: Sequence[Received], act: Callable[[Route, Sequence[str]], None]) -> None:
        """Calls ``act`` once per route with the receipts of its messages; a queue that fails is only logged."""
        by_route: dict[Route, list[str]] = {}
        for message in messages:
            by_route.setdefault(message.route, []).append(message.receipt)
        for route, receipts in by_route.items():
            try:
                act(route, receipts)
            except PortError as error:
                self.telemetry.info("the visibility of messages was not changed", problem=str(error))

    def one(self, message: Received) -> Disposition:
        """Handles one message; if it must come back, its visibility is set to the delay of the disposition."""
        disposition = self._guarded(message)
        if disposition.action is not Action.ACK:
            self._retry_later(message, disposition.delay_ms)
        return disposition

    def _guarded(self, message: Received) -> Disposition:
        """Handles one message and never raises: a bad message must not fail the others of its batch."""
        if self.guard is not None and self.guard.refusal():
            self.telemetry.count("message_handled", outcome="clock")
            return Disposition.retry_later("clock", _again_ms(message))
        try:
            return self.runner.handle(self.read(message.body), message)
        except (PortError, DomainError) as error:
            problem = type(error).__name__
            self.telemetry.error(
                "a message could not be handled and comes back", message_id=message.id, problem=str(error)
            )
        except Exception as error:  # noqa: BLE001 - a fault of ours; SQS redelivers, then keeps it as a dead letter
            problem = type(error).__name__
            self.telemetry.error("unexpected error while handling a message", message_id=message.id, problem=str(error))
        self.telemetry.count("message_failed", problem=problem)
        return Disposition.retry_later("failed", _again_ms(message))

    def _retry_later(self, message: Received, delay_ms: int) -> None:
        """Lets a message come back after a delay (ms); if the queue fails, it comes after its visibility time-out."""
        try:
            self.queue.retry_later(message.route, message.receipt, delay_ms)
        except PortError as error:
            self.telemetry.info("a message comes back late", message_id=message.id, problem=str(error))


def _again_ms(message: Received) -> int:
    """The delay (ms) of a failed message. It doubles with each delivery, over more than 15 minutes in all."""
    return min(_LONGEST_DELAY_MS, _FIRST_DELAY_MS << min(message.times, 10))
