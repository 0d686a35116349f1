"""The records: jobs, executions, locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.fleet.permit import Permit
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.wheel.entries import Placed

T = TypeVar("T")


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


class Circuits(Protocol):
    """What is known of the parties that jobs call. The rows lie beside the executions, whose lists show none."""

    def get(self, tenant: str, key: str) -> Circuit | None:
        """A party's row, possibly some seconds old; None if it never failed, or not for long."""

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Circuit]:
        """A tenant's rows with keys above ``after``, by key, possibly some seconds old."""

    def swap(self, new: Circuit) -> Circuit | None:
        """Writes ``new`` if the stored version is the one before its own (0: if there is no row).

        A write that was applied though it was reported as failed, and is repeated, succeeds.

        Returns:
            None if written, else the row that stands in the way.

        Raises:
            Lost: No row is there although one was expected.
        """


class Permits(Protocol):
    """The places of tenants that have a cap. The rows lie beside the executions, and no list shows them."""

    def all(self, tenant: str) -> Sequence[Permit]:
        """Every place that a tenant's executions ever took, in order, possibly some seconds old."""

    def take(self, permit: Permit, now_ms: int) -> bool:
        """Writes a place if it is its holder's own, if nobody has it, or if its lease is over by ``now_ms``.

        Returns:
            Whether it was written; if not, another has it.
        """

    def hold(self, permit: Permit) -> bool:
        """Writes a place if it is its holder's own: the lease is extended.

        Returns:
            Whether it was written; if not, the place is not the holder's any more.
        """

    def leave(self, permit: Permit) -> None:
        """Frees a place if it is its holder's own; if not, nothing happens."""
