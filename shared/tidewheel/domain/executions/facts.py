"""What a worker knows of a message that it handles. What is not known is ``UNREAD``; ``decide`` asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.fleet.permit import Permit
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.jobs.policies import Overlap


class Unknown(Enum):
    """Marks what is not known."""

    UNREAD = "unread"  # nobody has looked yet
    TAKEN = "taken"  # of permits: all of the tenant's are taken


UNREAD: Final = Unknown.UNREAD
TAKEN: Final = Unknown.TAKEN
Unread = Literal[Unknown.UNREAD]


@dataclass(frozen=True, slots=True)
class Called:
    """A call that has returned.

    Args:
        claim: The record under which it was made.
        answer: What the target said.
        stop: Why it was told to end, if it was.
        started_ms: When the target was called (ms).
        checkpoint: What the call kept for the next attempt.
    """

    claim: Execution
    answer: Answer
    stop: Stop | None
    started_ms: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class LockFacts:
    """What is known of the lock of a job whose runs may not overlap.

    Args:
        lock: As it was read or written last.
        holder: The record of its holder.
        waiter: The record of its waiter; None if that is the execution itself.
        written: Whether this worker wrote it last, for this execution.
        awaited: Whether the entry that brings this execution back, once it waits, is on the wheel.
    """

    lock: Lock | Unread = UNREAD
    holder: Execution | Unread | None = UNREAD
    waiter: Execution | Unread | None = UNREAD
    written: bool = False
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a message.

    Args:
        dispatch: What it says.
        received_ms: When this worker received it (ms).
        sent_ms: When it was sent (ms, by the queue's clock), or None if the queue does not say.
        claim_name: The name under which this worker would claim the execution; no other claim has it.
        job: Its job; None if that was deleted.
        following: The generation after the message's own, or None if there is none.
        record: The execution's record; None if there is none.
        locks: What is known of its job's lock.
        circuit: The circuit of the party that it calls; None if no failure of that counts.
        probing: Whether it is that circuit's probe.
        limit: How many executions of its tenant may run at once; None: any number.
        permit: Its permit, where there is such a limit.
        admitted_ms: The instant (ms) from which the leases of its permit and its probe count; None if it has neither.
        called: How its call went, once that has returned.
    """

    dispatch: Dispatch
    received_ms: int
    sent_ms: int | None
    claim_name: str
    job: Job | Unread | None = UNREAD
    following: Generation | Unread | None = UNREAD
    record: Execution | Unread | None = UNREAD
    locks: LockFacts = LockFacts()
    circuit: Circuit | Unread | None = UNREAD
    probing: bool = False
    limit: int | None = None
    permit: Permit | Unknown = UNREAD
    admitted_ms: int | None = None
    called: Called | None = None

    @property
    def own(self) -> Execution | None:
        """The record, as far as it is known: a message that says that there is none is believed at first."""
        return None if self.record is UNREAD else self.record

    @property
    def before(self) -> Execution:
        """The record that its next write follows."""
        return self.own or self.dispatch.blank()

    @property
    def guarded(self) -> bool:
        """Whether runs of its job may not overlap."""
        return isinstance(self.job, Job) and self.job.definition.overlap is not Overlap.ALLOW
