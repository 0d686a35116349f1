"""The queues that dispatches wait in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import Route

SEND_BATCH = 10
"""Messages in one SQS request (Amazon SQS message quotas)."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came from the queue.

    Args:
        id: The queue's id of the message.
        receipt: The handle by which it is hidden and deleted.
        body: Its text.
        route: The queue it came from.
        times: How often it has been received, this time included.
        sent_ms: When it was sent (ms, by the queue's clock), or None if the queue does not say.
    """

    id: str
    receipt: str
    body: str
    route: Route
    times: int
    sent_ms: int | None = None


class Queue(Protocol):
    """Queues of dispatches, one for each route. Delivery is at least once, in any order."""

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        """Sends up to ten dispatches in one request.

        Args:
            route: To which queue.
            dispatches: What to send.
            delays_s: For how many whole seconds (s) each is hidden from the workers, 0 to
                ``limits.MAX_SEND_DELAY_MS``; empty for none. A message is never received before its delay is over.

        Returns:
            For each, whether the queue accepted it. One that is refused among others may be refused for what it says:
            sent by itself, it raises.

        Raises:
            Refused: The queue does not exist, or there is no right to send to it; or, not mendable, what was sent is
                refused for its content. If that was several messages, one of them may be the reason.
            PortError: The request as a whole failed otherwise.
        """

    def retry_later(self, route: Route, receipt: str, delay_ms: int) -> None:
        """Hides a received message for about ``delay_ms`` from now, after which it is received again."""

    def receive(self, route: Route, limit: int, hidden_ms: int, wait_ms: int = 0) -> Sequence[Received]:
        """Takes up to ``limit`` (ten at most) messages and hides them from others for ``hidden_ms``.

        Args:
            route: From which queue.
            limit: How many at most.
            hidden_ms: For how long they are hidden from others (ms), rounded up to whole seconds.
            wait_ms: How long to wait for the first (ms), up to 20 s.
        """

    def hide(self, route: Route, receipts: Sequence[str], duration_ms: int) -> None:
        """Hides up to ten received messages for ``duration_ms`` from now; those that are gone are passed over."""

    def delete(self, route: Route, receipts: Sequence[str]) -> None:
        """Removes up to ten received messages for good; those that are gone are passed over."""

    def waiting(self, route: Route) -> int:
        """About how many messages may be received now; the number may be a minute old.

        Raises:
            Refused: The queue does not exist, or there is no right to ask.
        """
