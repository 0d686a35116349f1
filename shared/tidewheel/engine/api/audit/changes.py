"""What a request changes, noted where it is stored: no handler and no service can leave it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from tidewheel.domain.access.api_key import ApiKey
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.jobs.listing import Listing
from tidewheel.domain.quotas.tally import TallyChange
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.workflows.records import VersionRow, WorkflowRecord, WorkflowVersion
from tidewheel.ports import ApiKeys, JobKey, Jobs, Page, Tenants, WorkflowStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Noted:
    """A change of one thing.

    Args:
        kind: What it is, such as ``job``.
        id: Its id.
        before: Its record as it was; None if there was none, or if it is not kept.
        after: Its record as it is; None likewise.
    """

    kind: str
    id: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What a request did so far, and the records that it read and may replace, by kind and id."""

    changes: list[Noted]
    read: dict[tuple[str, str], Any]


_gathered: ContextVar[_Gathered | None] = ContextVar("gathered", default=None)


@contextmanager
def noting() -> Iterator[list[Noted]]:
    """The changes that are stored within, in their order."""
    found = _Gathered([], {})
    token = _gathered.set(found)
    try:
        yield found.changes
    finally:
        _gathered.reset(token)


def gather(change: Noted) -> None:
    """Notes a change that was stored; nothing is kept where nobody gathers."""
    found = _gathered.get()
    if found is not None:
        found.changes.append(change)


def _read(kind: str, id: str, record: T) -> T:
    """Remembers a record as it was read: a conditional write replaces that very one, or nothing."""
    found = _gathered.get()
    if found is not None:
        found.read[kind, id] = record
    return record


def _swapped(kind: str, id: str, new: Any, standing: T) -> T:
    """Gathers that a record was replaced, unless another one is ``standing``."""
    found = _gathered.get()
    if standing is None and found is not None:
        found.changes.append(Noted(kind, id, found.read.get((kind, id)), new))
        found.read[kind, id] = new
    return standing


@dataclass(frozen=True, slots=True)
class NotedJobs:
    """``ports.Jobs`` that notes what it stores.

    Args:
        jobs: Where jobs are.
    """

    jobs: Jobs

    def create(
        self, job: Job, placed: Placed | None, queued: Execution | None, tally: TallyChange | None = None
    ) -> bool:
        """See ``ports.Jobs``."""
        stored = self.jobs.create(job, placed, queued, tally)
        if stored:
            gather(Noted("job", job.id, after=job))
        return stored

    def replace(self, job: Job, before: Job, placed: Placed | None, tally: TallyChange | None = None) -> bool:
        """See ``ports.Jobs``."""
        stored = self.jobs.replace(job, before, placed, tally)
        if stored:
            gather(Noted("job", job.id, before, job))
        return stored

    def delete(self, job: Job, expected: int, last: Generation, tally: TallyChange | None = None) -> bool:
        """See ``ports.Jobs``."""
        gone = self.jobs.delete(job, expected, last, tally)
        if gone:
            gather(Noted("job", job.id, before=job))
        return gone

    def enqueue(self, placed: Placed, queued: Execution, key: str) -> str | None:
        """See ``ports.Jobs``."""
        standing = self.jobs.enqueue(placed, queued, key)
        gather(Noted("execution", standing or queued.id))
        return standing

    def requeue(self, placed: Placed, queued: Execution) -> bool:
        """See ``ports.Jobs``."""
        stored = self.jobs.requeue(placed, queued)
        if stored:
            gather(Noted("execution", queued.id))
        return stored

    def get(self, tenant: str, id: str, *, consistent: bool = False) -> Job | None:
        """See ``ports.Jobs``."""
        return self.jobs.get(tenant, id, consistent=consistent)

    def batch(self, wanted: Iterable[JobKey]) -> Mapping[JobKey, Job | Unreadable]:
        """See ``ports.Jobs``."""
        return self.jobs.batch(wanted)

    def generations(self, tenant: str, id: str, first: int) -> Mapping[int, Generation]:
        """See ``ports.Jobs``."""
        return self.jobs.generations(tenant, id, first)

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Job]:
        """See ``ports.Jobs``."""
        return self.jobs.list(tenant, limit, after)

    def listed(self, tenant: str, listing: Listing, limit: int, after: str | None) -> Page[Job]:
        """See ``ports.Jobs``."""
        return self.jobs.listed(tenant, listing, limit, after)

    def sweep(self, after: str | None, limit: int) -> Page[Job]:
        """See ``ports.Jobs``."""
        return self.jobs.sweep(after, limit)


@dataclass(frozen=True, slots=True)
class NotedTenants:
    """``ports.Tenants`` that notes what it stores.

    Args:
        tenants: Where tenants are.
    """

    tenants: Tenants

    def get(self, id: str) -> Tenant | None:
        """See ``ports.Tenants``."""
        return _read("tenant", id, self.tenants.get(id))

    def list(self, limit: int, after: str | None) -> Page[Tenant]:
        """See ``ports.Tenants``."""
        return self.tenants.list(limit, after)

    def swap(self, new: Tenant) -> Tenant | None:
        """See ``ports.Tenants``."""
        return _swapped("tenant", new.id, new, self.tenants.swap(new))


@dataclass(frozen=True, slots=True)
class NotedApiKeys:
    """``ports.ApiKeys`` that notes what it stores.

    Args:
        keys: Where API keys are.
    """

    keys: ApiKeys

    def get(self, id: str) -> ApiKey | None:
        """See ``ports.ApiKeys``."""
        return _read("key", id, self.keys.get(id))

    def list(self, tenant: str, limit: int, after: str | None) -> Page[ApiKey]:
        """See ``ports.ApiKeys``."""
        return self.keys.list(tenant, limit, after)

    def swap(self, new: ApiKey) -> ApiKey | None:
        """See ``ports.ApiKeys``."""
        return _swapped("key", new.id, new, self.keys.swap(new))


@dataclass(frozen=True, slots=True)
class NotedWorkflows:
    """``ports.WorkflowStore`` that notes which version became the latest; what the versions say stays readable.

    Args:
        workflows: Where workflows are.
    """

    workflows: WorkflowStore

    def get(self, tenant: str, name: str) -> WorkflowRecord | None:
        """See ``ports.WorkflowStore``."""
        return _read("workflow", name, self.workflows.get(tenant, name))

    def list(self, tenant: str, limit: int, after: str | None) -> Page[WorkflowRecord]:
        """See ``ports.WorkflowStore``."""
        return self.workflows.list(tenant, limit, after)

    def swap(self, new: WorkflowRecord) -> WorkflowRecord | None:
        """See ``ports.WorkflowStore``."""
        return _swapped("workflow", new.name, new, self.workflows.swap(new))

    def keep(self, version: WorkflowVersion) -> WorkflowVersion:
        """See ``ports.WorkflowStore``."""
        return self.workflows.keep(version)

    def version(self, tenant: str, name: str, digest: str) -> WorkflowVersion | None:
        """See ``ports.WorkflowStore``."""
        return self.workflows.version(tenant, name, digest)

    def versions(self, tenant: str, name: str, limit: int, before: str | None) -> Page[VersionRow]:
        """See ``ports.WorkflowStore``."""
        return self.workflows.versions(tenant, name, limit, before)
