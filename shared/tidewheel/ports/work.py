"""The work: the queues that it waits in, and the targets that it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.jobs.job import Target


class Queue(Protocol):
    """Where dispatches wait for workers: at least once, in any order."""

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        """Sends up to ten dispatches in one request.

        Args:
            route: To which queue.
            dispatches: What the messages say.
            delays_s: For how many whole seconds each is hidden from the workers from now on, 0 to
                ``limits.MAX_SEND_DELAY_MS``; empty for none. A message never shows before its delay is over.

        Returns:
            For each, whether it was accepted: only that counts as sent.

        Raises:
            PortError: The request as a whole failed.
        """

    def retry_later(self, route: Route, receipt: str, delay_ms: int) -> None:
        """Hides a received message for about ``delay_ms`` more."""

    def receive(self, route: Route, limit: int, hidden_ms: int, wait_ms: int = 0) -> Sequence[Received]:
        """Takes up to ``limit`` (ten at most) messages and hides them from others for ``hidden_ms``.

        Args:
            route: From which queue.
            limit: How many at most.
            hidden_ms: For how long they are its own, rounded up to whole seconds.
            wait_ms: How long to wait for the first, up to 20 s.
        """

    def hide(self, route: Route, receipts: Sequence[str], duration_ms: int) -> None:
        """Hides up to ten received messages for ``duration_ms`` from now; those that are gone do not matter."""

    def delete(self, route: Route, receipts: Sequence[str]) -> None:
        """Removes up to ten received messages for good; those that are gone do not matter."""

    def waiting(self, route: Route) -> int:
        """About how many messages no worker has received yet, or has let go again; of a minute ago at most."""


SEND_BATCH = 10
"""Messages in one SQS request (Amazon SQS message quotas)."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came from the queue.

    Args:
        id: The queue's id of the message.
        receipt: The handle by which it is postponed and deleted.
        body: What it says.
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


class CallProgress(Protocol):
    """What a call and its worker tell each other while it goes on; from any thread."""

    @property
    def stopping(self) -> Stop | None:
        """Why the call is to end, or None while it may go on."""

    def on_stop(self, act: Callable[[], None]) -> None:
        """Has something done once the call is to end; at once if it is to end already. ``act`` must not block."""

    def beat(self) -> None:
        """Says that the call is alive: it counts against the job's ``heartbeat``."""

    @property
    def restored(self) -> str:
        """The last checkpoint, of this attempt or one before; empty if there is none."""

    def checkpoint(self, state: str) -> None:
        """Keeps where the work stands, for the next attempt: durable with the next renewal. Counts as a beat.

        Raises:
            ValueError: It is longer than ``limits.CHECKPOINT_BYTES``.
        """

    def write(self, data: bytes) -> None:
        """Adds to the attempt's log; what is beyond ``limits.LOG_BYTES`` is dropped, and the log says so."""

    def conceal(self, secret: str) -> None:
        """Has a text replaced wherever it occurs in the log, the answer or its reason."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a target gets to know.

    Args:
        target: What to call.
        tenant: Whose job it is.
        execution: The execution's id, to be used as an idempotency key.
        nominal_ms: The nominal time.
        due_ms: The due time.
        attempt: The attempt's number, which is the fencing token: a higher one outranks a lower.
        timeout_ms: How long the call may take.
        progress: The line to the worker.
    """

    target: Target
    tenant: str
    execution: str
    nominal_ms: int
    due_ms: int
    attempt: int
    timeout_ms: int
    progress: CallProgress


class Caller(Protocol):
    """Calls one kind of target."""

    def call(self, call: Call) -> Answer:
        """Calls the target and says how it went; what the target does wrong is an answer, never an exception.

        It returns within the time-out, and at most ``limits.STOP_MS`` after ``call.progress`` says that it is to end;
        what it answers then counts only if it is a success.
        """


class Secrets(Protocol):
    """Texts that jobs name and only their calls get to see."""

    def get(self, tenant: str, name: str) -> str:
        """A tenant's secret; it may be some minutes old.

        Raises:
            LookupError: There is none of that name.
            PortError: The service failed.
        """


class Logs(Protocol):
    """What attempts wrote, whole, in parts."""

    def append(self, tenant: str, execution: str, attempt: int, part: int, data: bytes) -> None:
        """Stores a part, numbered from 0; one of the same number is overwritten."""

    def read(self, tenant: str, execution: str, attempt: int, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """The stored parts from a number on, each with its number, in order; fetched as they are asked for.

        A number whose part could not be stored, or is not kept any more, is left out. The iterator raises
        ``PortError`` where a part cannot be fetched, and ``Unreadable`` for a damaged one.
        """
