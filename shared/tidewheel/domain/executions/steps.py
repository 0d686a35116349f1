"""What a worker may do next with a message: ``decide`` names one step at a time, the worker performs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.overlap import Lock, Move
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.wheel.entries import ExecutionEntry


class Fact(StrEnum):
    """What can be read."""

    JOB = "job"
    FOLLOWING = "following"  # the generation after the message's, which says up to when that one counted
    RECORD = "record"
    LOCK = "lock"
    HOLDER = "holder"  # the record of the lock's holder
    WAITER = "waiter"  # the record of the lock's waiter
    CIRCUIT = "circuit"


@dataclass(frozen=True, slots=True)
class Read:
    """Read a fact."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Let the message come back.

    Args:
        why: One word for the counters.
        delay_ms: In how long (ms).
    """

    why: str
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Repeat what follows from the record as it stands, then acknowledge the message.

    Args:
        record: The record; None if the execution has none.
        why: One word for the counters.
    """

    record: Execution | None
    why: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Nothing is left to do: acknowledge the message. ``why`` is one word for the counters."""

    why: str


@dataclass(frozen=True, slots=True)
class End:
    """Write the end of an execution that gets no (further) attempt, do what follows, acknowledge the message.

    Args:
        record: The record as it is to be written.
        lock_settled: Whether it surely does not hold its job's lock.
        lost_attempt: Whether it accounts for an attempt whose worker vanished.
    """

    record: Execution
    lock_settled: bool = False
    lost_attempt: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Write the claim, wait for the due time, call the target.

    Args:
        record: The record as it is to be written.
        lost_attempt: Whether it accounts for an attempt whose worker vanished.
    """

    record: Execution
    lost_attempt: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Put the entry of the next attempt, if there is one, then write how this attempt ended, then do what follows.

    Args:
        record: The record as it is to be written.
        retry: The entry that brings the next attempt, or None.
    """

    record: Execution
    retry: ExecutionEntry | None


@dataclass(frozen=True, slots=True)
class Note:
    """Write the reason for which an execution waits on its record, unless it stands there."""

    record: Execution


@dataclass(frozen=True, slots=True)
class Wait:
    """Put the entry that brings the same attempt back; ``reason`` is one word for the counters."""

    entry: ExecutionEntry
    reason: str


@dataclass(frozen=True, slots=True)
class PutEntry:
    """Put the entry on the wheel that looks at the lock again, should nobody transfer it to this execution."""

    entry: ExecutionEntry


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Wait for an instant (ms): what is in the way may be over by then, so the lock is read again."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class WriteLock:
    """Write the job's lock; where it names another waiter than before, end the one that waited.

    Args:
        lock: The lock as it is to be written.
        displaced: The end of the one that waited before, or None.
        reread_holder: Whether the holder's record is needed as it stands after the write.
    """

    lock: Lock
    displaced: Execution | None = None
    reread_holder: bool = False


@dataclass(frozen=True, slots=True)
class TransferLock:
    """Hand a lock whose holder has ended to the execution that waits for it."""

    lock: Lock
    waiter: Execution


@dataclass(frozen=True, slots=True)
class EndHolder:
    """Write the end of the lock's holder, which makes way for this execution.

    Args:
        record: The holder's record as it is to be written.
        move: Why, for the counters.
    """

    record: Execution
    move: Move


@dataclass(frozen=True, slots=True)
class RequestCancel:
    """Ask the holder's worker to end its call. ``record`` is the holder's record as it is to be written."""

    record: Execution


@dataclass(frozen=True, slots=True)
class TakePermit:
    """Take one of the tenant's permits, under a lease until ``until_ms``."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class SendProbe:
    """Become the one call that finds out whether a circuit may close, under a lease until ``until_ms``."""

    circuit: Circuit
    until_ms: int


Step = (
    Read
    | RetryLater
    | Settle
    | Acknowledge
    | End
    | Claim
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
    | SendProbe
)
