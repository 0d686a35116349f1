"""The facts that a worker has read for a message. A fact that was not read is ``UNREAD``; ``decide`` asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.permits.permit import Permit
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.workflows.runs.version import Version


class Unknown(Enum):
    """Markers for facts without a value."""

    UNREAD = "unread"  # not read yet
    TAKEN = "taken"  # all permits of the tenant are taken, or others wait for one


UNREAD: Final = Unknown.UNREAD
TAKEN: Final = Unknown.TAKEN
Unread = Literal[Unknown.UNREAD]


@dataclass(frozen=True, slots=True)
class Lack:
    """What a worker lacks that a target needs, and another worker of its pool may have.

    Args:
        what: Such as ``the task 'reports.daily'``.
        remedy: What the worker has instead, and what to do, for people.
    """

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call that has returned.

    Args:
        claim: The record under which it was made.
        answer: The target's answer.
        stop: Why the call was told to end, or None.
        started_ms: When the target was called (ms since the epoch).
        checkpoint: The checkpoint for the next attempt; may be empty.
    """

    claim: Execution
    answer: Answer
    stop: Stop | None
    started_ms: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class LockFacts:
    """The facts about the lock of a job whose executions may not overlap.

    Args:
        lock: The lock as it was read or written last.
        holder: The record of its holder.
        waiter: The record of its waiter; None if there is none, or it is the execution itself.
        written: Whether this worker wrote the lock last.
        awaited: Whether the entry that brings this execution back while it waits is on the wheel.
    """

    lock: Lock | Unread = UNREAD
    holder: Execution | Unread | None = UNREAD
    waiter: Execution | Unread | None = UNREAD
    written: bool = False
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a message and its execution. Instants are ms since the epoch.

    Args:
        dispatch: What the message says.
        received_ms: When this worker received it.
        sent_ms: When it was sent, by the queue's clock; None if the queue does not say.
        claim_name: The unique name under which this worker would claim the execution.
        job: The job; None if it was deleted. Of a step of a run what its workflow makes of it: see ``run``.
        following: The generation after that of the message; None if there is none.
        record: The execution's record; None if there is none.
        locks: The facts about the job's lock.
        quota: The limit of its tenant that is used up; None if it has a token of each that counts executions.
        circuit: The circuit of its target; None if the target has none.
        probing: Whether its call is that circuit's probe.
        limit: How many executions of the tenant may run at once; None for any number.
        permit: Its permit, if the tenant has a limit.
        admitted_ms: When the leases of its permit and its probe started; None if it has neither.
        called: The call, once it has returned.
        lack: What this worker lacks of what the job's target needs; None if it has all.
        run: The run that it is a step of; None if there is none any more.
        workflow: The version of a workflow that it, or its run, is of; None if there is none.
        unfillable: Why the data of the steps before it do not fit into what it calls; empty if they do.
    """

    dispatch: Dispatch
    received_ms: int
    sent_ms: int | None
    claim_name: str
    job: Job | Unread | None = UNREAD
    following: Generation | Unread | None = UNREAD
    record: Execution | Unread | None = UNREAD
    locks: LockFacts = LockFacts()
    quota: Exceeded | Unread | None = UNREAD
    circuit: Circuit | Unread | None = UNREAD
    probing: bool = False
    limit: int | None = None
    permit: Permit | Unknown = UNREAD
    admitted_ms: int | None = None
    called: Called | None = None
    lack: Lack | None = None
    run: Execution | Unread | None = UNREAD
    workflow: Version | Unread | None = UNREAD
    unfillable: str = ""

    @property
    def own(self) -> Execution | None:
        """The record if it was read, else None: a message that says that there is none is believed at first."""
        return None if self.record is UNREAD else self.record

    @property
    def before(self) -> Execution:
        """The record that the next write is based on."""
        return self.own or self.dispatch.blank()

    @property
    def requested(self) -> bool:
        """Whether someone requested this run; no schedule, redrive or backfill did."""
        return ExecutionId.parse(self.dispatch.execution).origin is Origin.RUN

    @property
    def is_node(self) -> bool:
        """Whether it is a step of a run of a workflow."""
        return ExecutionId.parse(self.dispatch.execution).node is not None

    @property
    def guarded(self) -> bool:
        """Whether executions of its job may not overlap."""
        return isinstance(self.job, Job) and self.job.definition.overlap is not Overlap.ALLOW
