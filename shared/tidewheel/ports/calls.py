"""Calling targets: the call, its progress, secrets and logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tidewheel.domain.executions.decisions.facts import Lack
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import OUTPUT_BYTES


class CallProgress(Protocol):
    """What a call and its worker tell each other while the call goes on. Safe from any thread."""

    @property
    def stopping(self) -> Stop | None:
        """Why the call is to end, or None while it may go on."""

    def on_stop(self, act: Callable[[], None]) -> None:
        """Has ``act`` called once the call is to end; at once if it is to end already. ``act`` must not block."""

    def beat(self) -> None:
        """Says that the call is alive, within the job's ``heartbeat``."""

    @property
    def restored(self) -> str:
        """The last checkpoint, of this attempt or one before; empty if there is none."""

    def checkpoint(self, state: str) -> None:
        """Keeps where the work stands, for the next attempt; stored with the next lease renewal. Counts as a beat.

        Raises:
            ValueError: It is longer than ``limits.CHECKPOINT_BYTES``.
        """

    def write(self, data: bytes) -> None:
        """Adds to the attempt's log; what exceeds ``limits.LOG_BYTES`` is dropped, and the log says so."""

    def conceal(self, secret: str) -> None:
        """Has a text replaced wherever it occurs in the log, the answer or its reason."""

    def concealed(self, text: str) -> str:
        """A text that may quote a part of what the target said, with secrets, and parts of them, replaced."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a target.

    Args:
        target: What to call.
        tenant: Whose job it is.
        execution: The execution's id, to be used as an idempotency key; for a step that runs again, another one.
        nominal_ms: The nominal time (ms since the epoch, UTC).
        due_ms: The due time (ms since the epoch, UTC).
        attempt: The attempt's number, which is the fencing token: a higher one outranks a lower.
        timeout_ms: How long the call may take (ms).
        progress: What the call tells its worker, and is told by it.
        repeatable: Whether the job lets a call be made again of which nobody knows whether it was carried out.
        output_bytes: How much of the target's answer is kept.
    """

    target: Target
    tenant: str
    execution: str
    nominal_ms: int
    due_ms: int
    attempt: int
    timeout_ms: int
    progress: CallProgress
    repeatable: bool = False
    output_bytes: int = OUTPUT_BYTES


class Caller(Protocol):
    """Calls one kind of target."""

    def call(self, call: Call) -> Answer:
        """Calls the target and returns its answer; a failure of the target is an answer too, never an exception.

        It returns within the time-out, and at most ``limits.STOP_MS`` after ``call.progress`` says that it is to
        end; an answer after that counts only if it is a success.
        """


@runtime_checkable
class SelectiveCaller(Caller, Protocol):
    """Calls a kind of target whose targets do not run on every worker of a pool."""

    def lack(self, target: Target) -> Lack | None:
        """What this worker lacks of what a target needs; None if it can call it."""


class Secrets(Protocol):
    """Secret texts that jobs refer to by name."""

    def get(self, tenant: str, name: str, *, newest: bool = False) -> str:
        """A tenant's secret; it may be some minutes old, or ``limits.SECRET_MISSING_MS`` if the newest is asked for.

        Raises:
            LookupError: There is none of that name.
            Refused: The service does not let this worker read it.
            PortError: The service failed.
        """

    def full_name(self, tenant: str, name: str) -> str:
        """The name of a tenant's secret where it is kept: under which people create it."""


class Logs(Protocol):
    """The complete logs of attempts, stored in numbered parts."""

    def append(self, tenant: str, execution: str, attempt: int, part: int, data: bytes) -> None:
        """Stores a part, numbered from 0; one of the same number is overwritten."""

    def read(self, tenant: str, execution: str, attempt: int, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """The stored parts from a number on, each with its number, in order; fetched as they are asked for.

        A part that could not be stored, or has expired, is left out.

        Raises:
            PortError: A part could not be fetched; raised by the iterator.
            Unreadable: A part is damaged; raised by the iterator.
        """
