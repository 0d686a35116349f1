"""The records of jobs and executions, and the overlap locks beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.jobs.listing import Listing
from tidewheel.domain.quotas.tally import TallyChange
from tidewheel.domain.wheel.entries import Placed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Args:
        items: At most as many as asked for.
        cursor: The id after which to go on, or None at the end. A last page may be empty.
        unreadable: What of this part could not be read; the rest is in ``items``.
    """

    items: Sequence[T]
    cursor: str | None = None
    unreadable: Sequence[Unreadable] = ()


JobKey = tuple[str, str]
"""Tenant and job id."""
ExecutionKey = tuple[str, str]
"""Tenant and execution id."""


class Jobs(Protocol):
    """Jobs, their generation rows, and the lists of jobs. Each write is one transaction: all is stored, or nothing.

    Of a tenant whose active jobs are limited its tally is part of the transaction.

    A write with a wheel entry whose ``send_by_ms`` is past is not sent, and raises ``TooLate`` as ``Wheel.put`` does.
    """

    def create(
        self, job: Job, placed: Placed | None, queued: Execution | None, tally: TallyChange | None = None
    ) -> bool:
        """Stores a new job, its first generation row, its wheel entry and its queued execution.

        Returns:
            False, with nothing written, if the id is (or once was) taken.

        Raises:
            NameTaken: It asks for a unique name, which another job has that asked for it, too.
            TallyMoved: The change of the tally is refused, and nothing else stood against the write.
        """

    def replace(self, job: Job, before: Job, placed: Placed | None, tally: TallyChange | None = None) -> bool:
        """Stores the next generation of a job, its generation row and its wheel entry.

        Args:
            job: The next generation.
            before: The generation that was read, which is replaced.
            placed: The entry, or None.
            tally: What it changes in the tenant's tally, or None.

        Returns:
            False, with nothing written, unless ``before`` is the stored generation.

        Raises:
            NameTaken: As for ``create``.
            TallyMoved: As for ``create``.
        """

    def delete(self, job: Job, expected: int, last: Generation, tally: TallyChange | None = None) -> bool:
        """Removes a job's record and stores the generation row that ends its history.

        Returns:
            False, with nothing written, unless the stored generation is ``expected``.

        Raises:
            TallyMoved: As for ``create``.
        """

    def enqueue(self, placed: Placed, queued: Execution, key: str) -> str | None:
        """Stores a queued execution with its wheel entry, under an idempotency key unless that is empty.

        Returns:
            None if it was stored; else, with nothing written, the id of the execution that the same key created before.
        """

    def requeue(self, placed: Placed, queued: Execution) -> bool:
        """Stores an execution that is to run again, with its wheel entry.

        Returns:
            False, with nothing written, unless the stored version is one below ``queued.version``.
        """

    def get(self, tenant: str, id: str, *, consistent: bool = False) -> Job | None:
        """One job, or None. Strongly consistent if asked for; else it may be some seconds old."""

    def batch(self, wanted: Iterable[JobKey]) -> Mapping[JobKey, Job | Unreadable]:
        """Many jobs, each possibly some seconds old; those that do not exist are left out."""

    def generations(self, tenant: str, id: str, first: int) -> Mapping[int, Generation]:
        """Generation rows from ``first`` on, by number, strongly consistent."""

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Job]:
        """A tenant's jobs with ids above ``after``, by id, possibly some seconds old."""

    def listed(self, tenant: str, listing: Listing, limit: int, after: str | None) -> Page[Job]:
        """A part of a list of a tenant's jobs, strongly consistent.

        Args:
            tenant: Whose.
            listing: Which list, and which part of it in which order.
            limit: How many places are looked at, at most. A page has fewer jobs where a row outlived its job's tag,
                name or state, and may have none though more follow.
            after: The last page's cursor, which is the place of its last job, or None to begin.
        """

    def sweep(self, after: str | None, limit: int) -> Page[Job]:
        """A page of the jobs of all tenants, possibly some seconds old; what exists throughout the sweep comes once.

        Args:
            after: The last page's cursor, or None to begin.
            limit: How many at most.
        """


class Executions(Protocol):
    """The records that decide what ran."""

    def get(self, tenant: str, id: str) -> Execution | None:
        """One execution, strongly consistent, or None."""

    def present(self, wanted: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        """Which of many executions have a record, readable or not; a record of the last seconds may be overlooked."""

    def several(self, wanted: Iterable[ExecutionKey]) -> Mapping[ExecutionKey, Execution]:
        """Many executions, each possibly some seconds old; those without a readable record are left out."""

    def swap(self, new: Execution, expected: int | None) -> Execution | None:
        """Writes ``new`` if the stored version is ``expected`` (None: if there is no record).

        Repeating a write that was applied, though it was reported as failed, succeeds.

        Returns:
            None if it was written, else the record that is stored.

        Raises:
            Fenced: No record is stored although one was expected.
        """

    def nodes(self, tenant: str, run: str, count: int) -> Sequence[Execution]:
        """The records of a run's steps, strongly consistent, in no order.

        Args:
            tenant: Whose.
            run: The run's id.
            count: How many steps its workflow has.

        Raises:
            Unreadable: One of them is malformed.
        """

    def account(self, row: Missed) -> None:
        """Stores a ledger row; one of the same job and range is overwritten."""

    def list(self, tenant: str, job: str, limit: int, before: str | None) -> Page[Execution | Missed]:
        """A job's executions and ledger rows with ids below ``before``, newest nominal time first."""

    def heads(self, tenant: str, jobs: Mapping[str, str], limit: int) -> Mapping[str, Page[Execution | Missed]]:
        """For each of many jobs the first page of its ``list``, possibly some seconds old.

        Args:
            tenant: Whose.
            jobs: Ids of jobs, each with ``before``: the id below which its page begins.
            limit: How many items of each job at most.
        """

    def dead(self, tenant: str, limit: int, before: str | None) -> Page[Execution]:
        """A tenant's dead letters, those that ended last first; the list may lag by some seconds.

        Args:
            tenant: Whose.
            limit: How many at most.
            before: The last page's cursor, which is the ``failure_key`` of its last item, or None to begin.
        """

    def overdue(self, part: int, until_ms: int, limit: int, after: str | None) -> Page[Execution]:
        """Executions that are queued or wait for their retry, whose next attempt was expected before a time.

        The oldest come first; the list may lag by some seconds.

        Args:
            part: Which of the ``limits.WAITING_PARTS`` parts of the list.
            until_ms: Before when (ms since the epoch).
            limit: How many at most.
            after: The last page's cursor, which is the ``waiting_key`` of its last item, or None to begin.
        """

    def missed(self, tenant: str, job: str, from_ms: int, until_ms: int) -> Sequence[Missed]:
        """A job's ledger rows whose ranges hold any instant (ms) of [from, until]."""


class Locks(Protocol):
    """Overlap locks: one for each job whose runs may not overlap."""

    def get(self, tenant: str, job: str) -> Lock | None:
        """A job's lock, strongly consistent; None if nobody took it lately."""

    def swap(self, new: Lock) -> Lock | None:
        """Writes ``new`` if the stored version is one below its own (0: if none is stored).

        Repeating a write that was applied, though it was reported as failed, succeeds.

        Returns:
            None if it was written, else the lock that is stored.

        Raises:
            Fenced: No lock is stored although one was expected.
        """
