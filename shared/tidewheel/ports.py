"""What the engine needs of the world. The docstrings are the contracts that every adapter is tested against.

All times are milliseconds since the Unix epoch, UTC. Adapters raise ``PortError`` or one of its kin for what
went wrong outside; whoever sees one knows only that the call may or may not have been applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.execution import Answer, Execution
from tidewheel.domain.expansion import Dispatch
from tidewheel.domain.job import Generation, Job, Target
from tidewheel.domain.layout import Layout
from tidewheel.domain.lease import Holding, Lease, Mark
from tidewheel.domain.load import Load
from tidewheel.domain.misfire import Missed
from tidewheel.domain.overlap import Lock
from tidewheel.domain.quarantine import Quarantined
from tidewheel.domain.reconcile import Sweep
from tidewheel.domain.route import Route
from tidewheel.domain.span import EVERYTHING, Span
from tidewheel.domain.wheel import Entry, Level, Placed, Slot

T = TypeVar("T")


class PortError(Exception):
    """Base of what adapters raise. The call may or may not have been applied, unless a subclass says so.

    Args:
        operation: What was tried, such as ``wheel.load``.
        subject: On what: a key, a queue, a function.
        problem: What the service said.
    """

    def __init__(self, operation: str, subject: str, problem: str) -> None:
        super().__init__(f"{operation} {subject}: {problem}")
        self.operation = operation
        self.subject = subject
        self.problem = problem


class Throttled(PortError):
    """The service asked to come back later. The try that it refused was not applied; one before it may have been."""


class Lost(PortError):
    """A conditional write found another owner or epoch: the caller holds the lease no more."""


class Clock(Protocol):
    """The one source of time."""

    def now_ms(self) -> int:
        """The wall clock, ms since the epoch."""

    def monotonic_ms(self) -> int:
        """A clock that never goes back, of arbitrary origin."""

    def sleep_until(self, instant_ms: int) -> None:
        """Returns once ``now_ms() >= instant_ms``; at once if it is past."""

    def sleep(self, duration_ms: int) -> None:
        """Returns after about ``duration_ms``."""


class Entropy(Protocol):
    """The one source of randomness."""

    def bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""


class Telemetry(Protocol):
    """Counts and remarks for the people who run this."""

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Adds to a metric."""

    def note(self, message: str, **fields: object) -> None:
        """Logs something of interest."""

    def alarm(self, message: str, **fields: object) -> None:
        """Logs something that someone should look at, with the current exception if there is one."""

    def flush(self) -> None:
        """Hands on what was counted so far."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Args:
        items: At most as many as asked for.
        cursor: The id after which to go on, or None at the end. A last page may be empty.
        unreadable: What of this part could not be understood; it hides no neighbour.
    """

    items: Sequence[T]
    cursor: str | None = None
    unreadable: Sequence[Unreadable] = ()


JobKey = tuple[str, str]
"""Tenant and job id."""
ExecutionKey = tuple[str, str]
"""Tenant and execution id."""


class Jobs(Protocol):
    """Definitions and their generations, written together with what they put on the wheel, or not at all."""

    def create(self, job: Job, placed: Placed | None, queued: Execution | None) -> bool:
        """Stores a new job, its first generation row, its wheel entry and its queued execution at once.

        Returns:
            False, with nothing written, if the id is (or once was) taken.
        """

    def replace(self, job: Job, expected: int, placed: Placed | None) -> bool:
        """Stores the next generation and its wheel entry at once.

        Returns:
            False, with nothing written, unless the stored generation is ``expected``.
        """

    def delete(self, job: Job, expected: int, last: Generation) -> bool:
        """Removes the record and stores the closing generation row at once.

        Returns:
            False, with nothing written, unless the stored generation is ``expected``.
        """

    def enqueue(self, placed: Placed, queued: Execution, key: str) -> str | None:
        """Stores a queued execution with its wheel entry at once, under an idempotency key unless that is empty.

        Returns:
            None, or, with nothing written, the id of the execution that the same key made before.
        """

    def requeue(self, placed: Placed, queued: Execution) -> bool:
        """Stores an execution that is to run again with its wheel entry at once.

        Returns:
            False, with nothing written, unless the stored version is the one before.
        """

    def get(self, tenant: str, id: str, *, consistent: bool = False) -> Job | None:
        """One job. Without ``consistent`` it may be some seconds old."""

    def batch(self, keys: Iterable[JobKey]) -> Mapping[JobKey, Job | Unreadable]:
        """Many jobs, each possibly some seconds old; absent ones are missing from the answer."""

    def generations(self, tenant: str, id: str, first: int) -> Mapping[int, Generation]:
        """Generation rows from ``first`` on, by number, as of now."""

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Job]:
        """A tenant's jobs with ids above ``after``, by id, possibly some seconds old."""

    def sweep(self, after: str | None, limit: int) -> Page[Job]:
        """Jobs of all tenants, possibly some seconds old: each that stands throughout comes once.

        Args:
            after: The last page's cursor, or None to begin.
            limit: How many at most.
        """


class Executions(Protocol):
    """The records that decide what ran."""

    def get(self, tenant: str, id: str) -> Execution | None:
        """One execution, as of now."""

    def present(self, keys: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        """Those of many executions that have a record, readable or not; one of the last seconds may be missing."""

    def swap(self, new: Execution, expected: int | None) -> Execution | None:
        """Writes ``new`` if the stored version is ``expected`` (None: if there is no record).

        A write that was applied though it was reported as failed, and is repeated, succeeds.

        Returns:
            None if written, else the record that stands in the way.

        Raises:
            Lost: No record is there although one was expected.
        """

    def account(self, row: Missed) -> None:
        """Stores a ledger row; one of the same job and range is overwritten. No execution is touched."""

    def list(self, tenant: str, job: str, limit: int, before: str | None) -> Page[Execution | Missed]:
        """A job's executions and ledger rows with ids below ``before``, newest nominal time first."""

    def dead(self, tenant: str, limit: int, before: str | None) -> Page[Execution]:
        """A tenant's dead letters, those that ended last first; what ended or was redriven just now may lag.

        Args:
            tenant: Whose.
            limit: How many at most.
            before: The last page's cursor, which is the ``death`` of its last item, or None to begin.
        """

    def missed(self, tenant: str, job: str, from_ms: int, until_ms: int) -> Sequence[Missed]:
        """A job's ledger rows that hold any instant (ms) of [from, until], however long before it they begin."""


class Locks(Protocol):
    """The locks of jobs whose runs may not overlap. They lie beside the executions, and no list shows them."""

    def get(self, tenant: str, job: str) -> Lock | None:
        """A job's lock, as of now; None if nobody took it for long."""

    def swap(self, new: Lock) -> Lock | None:
        """Writes ``new`` if the stored version is the one before its own (0: if there is no row).

        A write that was applied though it was reported as failed, and is repeated, succeeds.

        Returns:
            None if written, else the lock that stands in the way.

        Raises:
            Lost: No row is there although one was expected.
        """


class Wheel(Protocol):
    """The slots."""

    def load(self, slot: Slot, span: Span = EVERYTHING) -> Load:
        """A page of a slot, in the order of sort keys, as of now: what was durable when the call began is there.

        It holds up to ``limits.LOADED_AT_ONCE`` items, a pack counting as one, and says which span is left to be
        read. There may be nothing in that.
        """

    def put(self, placed: Placed) -> None:
        """Writes a single; an equal one is overwritten. Takes no longer than ``limits.WRITE_BOUND_MS``."""

    def put_pack(self, slot: Slot, key: str, entries: Sequence[Entry]) -> None:
        """Writes a pack under a key that nobody else uses."""

    def remove(self, slot: Slot, keys: Sequence[str]) -> None:
        """Deletes singles by sort key; those that are gone do not matter. A repeat may be needed for very many.

        Raises:
            Throttled: Some were not deleted within ``limits.WRITE_BOUND_MS``.
        """

    def quarantine(self, item: Quarantined) -> None:
        """Keeps what cannot be understood under its partition and id until it expires; an equal one is overwritten.

        Of its text up to ``limits.QUARANTINE_CHARS`` are kept, of the problem up to ``limits.REASON_CHARS``.
        """


class Control(Protocol):
    """Who turns the wheel, and how far it is turned."""

    def layout(self) -> Layout | None:
        """The shards by time, as of now; None if nothing was ever put on the wheel."""

    def establish(self, layout: Layout) -> Layout:
        """Stores the first layout, unless there is one.

        Whoever writes to the wheel does so before its first write: a shard that was never turned is turned from the
        beginning of the layout on.

        Returns:
            The layout that stands.
        """

    def reshape(self, seen: Layout, new: Layout) -> bool:
        """Replaces the layout, if it still is as seen. A repeat of an applied write succeeds."""

    def turned_at(self, pace: str, now_ms: int) -> int:
        """Notes at which pace the wheel is turned.

        Returns:
            Since when (ms) it is: ``now_ms`` of the first call that named this pace after any that named another.
        """

    def lease(self, seat: int = 0) -> Lease | None:
        """A seat's lease as of now; None if nobody ever held it."""

    def stand(self, seen: Lease, candidate: str) -> bool:
        """Announces a candidate to the holder. False if the lease has changed hands meanwhile."""

    def take(self, seen: Lease | None, owner: str, version: str, seat: int = 0) -> Lease | None:
        """Takes a seat's lease with the next epoch, if epoch and counter still are as seen.

        Returns:
            The new lease, or None if somebody was faster or the owner lives after all.
        """

    def renew(self, lease: Lease, mark: Mark | None = None) -> Lease:
        """Raises the counter, stores a mark if there is a new one, and returns the lease as stored.

        Raises:
            Lost: The epoch is no longer the caller's.
        """

    def release(self, lease: Lease) -> None:
        """Gives the lease up, if it is still the caller's."""

    def holding(self, shard: int) -> Holding | None:
        """Who holds a shard, as of now; None if nobody ever did."""

    def claim(self, shard: int, seen: Holding | None, seat: int, reign: int, handed_ms: int = 0) -> Holding | None:
        """Claims a shard with the next epoch, if the stored epoch still is as seen, and stores how far (ms) it is
        known to be handed on, if that is further than was seen.

        Returns:
            The new holding with the cursors as they stand, or None if somebody was faster.
        """

    def vacate(self, shard: int, epoch: int, handed_ms: int = 0) -> None:
        """Gives a shard up, if it is still held under this epoch; its cursors stay, its mark (ms) is stored."""

    def advance(self, shard: int, epoch: int, cursors: Mapping[Level, int]) -> None:
        """Stores a shard's cursors.

        Raises:
            Lost: The shard is not held under this epoch.
        """

    def sweep(self) -> Sweep | None:
        """How far the reconciler's sweep has come, as of now; None if there never was one."""

    def move_sweep(self, seen: Sweep | None, new: Sweep) -> bool:
        """Stores how far it has come, if what is stored still is as seen.

        A write that was applied though it was reported as failed, and is repeated, succeeds.
        """


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

    def postpone(self, route: Route, receipt: str, delay_ms: int) -> None:
        """Hides a received message for about ``delay_ms`` more."""

    def waiting(self, route: Route) -> int:
        """About how many messages no worker has received yet, or has let go again; of a minute ago at most."""


SEND_BATCH = 10
"""Messages in one SQS request (Amazon SQS message quotas)."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a target gets to know.

    Args:
        target: What to call.
        execution: The execution's id, to be used as an idempotency key.
        nominal_ms: The nominal time.
        due_ms: The due time.
        attempt: The attempt's number, which is the fencing token: a higher one outranks a lower.
        timeout_ms: How long the call may take.
    """

    target: Target
    execution: str
    nominal_ms: int
    due_ms: int
    attempt: int
    timeout_ms: int


class Caller(Protocol):
    """Calls one kind of target."""

    def call(self, call: Call) -> Answer:
        """Calls the target and says how it went; what the target does wrong is an answer, never an exception."""


class Launcher(Protocol):
    """Starts schedulers."""

    def launch(self, seat: int) -> None:
        """Starts one for a seat in the background; whether it is needed, it finds out by itself."""
