"""A batch of messages, run side by side; what failed comes back by itself, and nothing else does."""

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
"""How often a batch that takes long is looked through for messages that are over."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """The worker's side of a queue.

    Args:
        runner: Handles one message.
        queue: Where messages are postponed.
        telemetry: Counts.
        read: Takes a message's body apart; raises ``DomainError``.
        guard: Says whether this machine's clock is fit for it; while it is not, every message is left to others.
    """

    runner: Runner
    queue: Queue
    telemetry: Telemetry
    read: Callable[[str], Dispatch]
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(SEND_BATCH))
    guard: ClockGuard | None = None

    def handle(self, messages: Sequence[Received]) -> list[str]:
        """Runs all messages at once.

        Each is the worker's own for as long as a lease, however long its queue would hide it: if the worker dies,
        another takes over when its leases end. What is over before a long-running neighbour would show again; it is
        deleted meanwhile.

        Returns:
            The ids of those that must not be deleted.
        """
        self._at_once(messages, lambda route, receipts: self.queue.hide(route, receipts, HIDDEN_MS))
        running = {self._threads.submit(self.one, message): message for message in messages}
        gone: set[Future[Disposition]] = set()
        while left := wait(running, _NEIGHBOURS_S).not_done:
            over = {done for done in running.keys() - left - gone if done.result().action is Action.ACK}
            self._at_once([running[done] for done in over], self.queue.delete)
            gone |= over
        return [message.id for done, message in running.items() if done.result().action is not Action.ACK]

    def _at_once(self, messages: Sequence[Received], act: Callable[[Route, Sequence[str]], None]) -> None:
        """Does something with messages, in one request per route; if it fails, they show again sooner or later."""
        by_route: dict[Route, list[str]] = {}
        for message in messages:
            by_route.setdefault(message.route, []).append(message.receipt)
        for route, receipts in by_route.items():
            try:
                act(route, receipts)
            except PortError as error:
                self.telemetry.info("the visibility of messages was not changed", problem=str(error))

    def one(self, message: Received) -> Disposition:
        """Runs one message, and hides it from others for as long as it is not wanted yet if it must come back."""
        disposition = self._guarded(message)
        if disposition.action is not Action.ACK:
            self._retry_later(message, disposition.delay_ms)
        return disposition

    def _guarded(self, message: Received) -> Disposition:
        """One bad message must not keep its neighbours from being deleted, whatever is wrong with it."""
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
        """Brings a message back sooner than its visibility time-out would; if that fails, it comes then."""
        try:
            self.queue.retry_later(message.route, message.receipt, delay_ms)
        except PortError as error:
            self.telemetry.info("a message comes back late", message_id=message.id, problem=str(error))


def _again_ms(message: Received) -> int:
    """In how long (ms) it comes back: soon, then ever later; the queue gives it up after a quarter of an hour."""
    return min(_LONGEST_DELAY_MS, _FIRST_DELAY_MS << min(message.times, 10))
