"""The steps of a worker that handles a message: ``decide`` names one at a time, and ``Runner`` performs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.overlap import Lock, Move
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.permits.line import LineEntry
from tidewheel.domain.wheel.entries import ExecutionEntry


class Fact(StrEnum):
    """What can be read."""

    JOB = "job"
    FOLLOWING = "following"  # the generation after that of the message, which says when that one ended
    RECORD = "record"
    LOCK = "lock"
    HOLDER = "holder"  # the record of the lock's holder
    WAITER = "waiter"  # the record of the lock's waiter
    CIRCUIT = "circuit"
    RUN = "run"  # the run that the execution is a step of
    WORKFLOW = "workflow"  # the version of a workflow that the run is of
    QUOTA = "quota"  # spends a token of each limit that counts executions, or names the one that is used up


@dataclass(frozen=True, slots=True)
class Read:
    """Read a fact."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Let the message come back.

    Args:
        why: The outcome, as a value of the counter ``message_handled``.
        delay_ms: After how long (ms).
    """

    why: str
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Call the followers of an end that is stored, if there is one, then acknowledge the message.

    Args:
        record: The record; None if the execution has none.
        why: The outcome, as a value of the counter ``message_handled``.
    """

    record: Execution | None
    why: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Acknowledge the message, since nothing is left to do. ``why`` is a value of the counter ``message_handled``."""

    why: str


@dataclass(frozen=True, slots=True)
class End:
    """Write the end of an execution without another attempt, call the followers, acknowledge the message.

    Args:
        record: The record to write.
        lock_settled: Whether it does not hold its job's lock, so that none is to be released.
        lost_attempt: Whether the record adds an attempt whose worker vanished.
    """

    record: Execution
    lock_settled: bool = False
    lost_attempt: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Write the claim, wait for the due time, call the target.

    Args:
        record: The record to write.
        lost_attempt: Whether the record adds an attempt whose worker vanished.
    """

    record: Execution
    lost_attempt: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """Put the entry of a run's deadline on the wheel, if it has one, write the open run, have its first steps begun.

    Args:
        record: The record to write.
        deadline: The entry that has the run looked at when its deadline has passed, or None.
    """

    record: Execution
    deadline: ExecutionEntry | None


@dataclass(frozen=True, slots=True)
class Finish:
    """Put the entry of the next attempt, if there is one, write the end of this attempt, call the followers.

    Args:
        record: The record to write.
        retry: The entry that brings the next attempt, or None.
    """

    record: Execution
    retry: ExecutionEntry | None


@dataclass(frozen=True, slots=True)
class Note:
    """Write the reason for which an execution waits into its record."""

    record: Execution


@dataclass(frozen=True, slots=True)
class Wait:
    """Put the entry that brings the same attempt back. ``reason`` is a value of the counter ``execution_waiting``."""

    entry: ExecutionEntry
    reason: str


@dataclass(frozen=True, slots=True)
class PutEntry:
    """Put the entry that brings this execution back to check the lock, in case it is never transferred to it."""

    entry: ExecutionEntry


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Wait until an instant (ms since the epoch), then read the lock again: its holder may have ended by then."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class WriteLock:
    """Write the job's lock; if that replaces a waiter, end the former one.

    Args:
        lock: The lock to write.
        displaced: The ended record of the former waiter, or None.
        reread_holder: Whether the holder's record must be read again after the write.
    """

    lock: Lock
    displaced: Execution | None = None
    reread_holder: bool = False


@dataclass(frozen=True, slots=True)
class TransferLock:
    """Transfer a lock whose holder has ended to the execution that waits for it."""

    lock: Lock
    waiter: Execution


@dataclass(frozen=True, slots=True)
class EndHolder:
    """End the lock's holder in favour of this execution.

    Args:
        record: The holder's record to write.
        move: Why, as a value of the counter ``overlap_holder_cancelled``.
    """

    record: Execution
    move: Move


@dataclass(frozen=True, slots=True)
class RequestCancel:
    """Request the cancel of the running holder. ``record`` is the holder's record to write."""

    record: Execution


@dataclass(frozen=True, slots=True)
class TakePermit:
    """Take one of the tenant's permits, or use the one that came with the message.

    Args:
        attempt: The attempt that is to be claimed with it.
        redriven_ms: When the execution was redriven last (ms since the epoch); 0 for never.
        until_ms: The end of its lease (ms since the epoch).
        granted: Whether the one that came with the message is to be used.
    """

    attempt: int
    redriven_ms: int
    until_ms: int
    granted: bool


@dataclass(frozen=True, slots=True)
class JoinLine:
    """Put the entry of its deadline on the wheel, if it has one, then stand in the tenant's line for a permit."""

    entry: LineEntry
    deadline: ExecutionEntry | None


@dataclass(frozen=True, slots=True)
class SendProbe:
    """Make this call the probe of a circuit that is not closed, leased until ``until_ms`` (ms since the epoch)."""

    circuit: Circuit
    until_ms: int


Step = (
    Read
    | RetryLater
    | Settle
    | Acknowledge
    | End
    | Claim
    | Open
    | Finish
    | Note
    | Wait
    | PutEntry
    | HoldUntil
    | WriteLock
    | TransferLock
    | EndHolder
    | RequestCancel
    | TakePermit
    | JoinLine
    | SendProbe
)
