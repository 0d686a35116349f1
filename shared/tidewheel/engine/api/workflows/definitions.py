"""Workflows: put under their names, read, listed with their versions, and deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidewheel.domain.errors import Conflict, Invalid, NotFound, Outdated
from tidewheel.domain.fleet import pools
from tidewheel.domain.fleet.kinds import AllowedKinds
from tidewheel.domain.wheel.pace import Pace
from tidewheel.domain.workflows.definition import Step, Workflow, digest_of, is_digest, is_workflow_name
from tidewheel.domain.workflows.faults import Fault, Faulty, below
from tidewheel.domain.workflows.records import VersionRow, WorkflowRecord, WorkflowVersion
from tidewheel.domain.workflows.works import Map
from tidewheel.engine.api.limits.service import LimitService
from tidewheel.engine.api.lists import Listed, report_unreadable
from tidewheel.engine.api.workflows.nesting import Nesting
from tidewheel.ports import Clock, Telemetry, WorkflowStore

_TRIES = 5


@dataclass(frozen=True, slots=True)
class NewDefinition:
    """A definition that is to be put.

    Args:
        workflow: It.
        document: Its canonical document.
    """

    workflow: Workflow
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """A workflow as it stands, or as it would.

    Args:
        record: Its record.
        version: Its latest version.
        before: The version that was the latest before; None if the workflow is new.
    """

    record: WorkflowRecord
    version: WorkflowVersion
    before: WorkflowVersion | None


@dataclass(frozen=True, slots=True)
class WorkflowService:
    """What users do with definitions of workflows.

    Every method that takes a name raises ``NotFound`` for a workflow that the tenant does not have, but for those that
    put one. Every method raises ``PortError`` when the store fails: then a version may have been kept, which is the
    latest of nothing.

    Args:
        store: Where they are.
        nesting: Looks at the workflows that a workflow runs.
        clock: Time.
        telemetry: Told of records that cannot be read.
        pace: Refuses a precision that the deployment cannot keep.
        pools: The names of the pools that have workers.
        kinds: Which kinds of target they run.
        limits: What a tenant's targets may be.
    """

    store: WorkflowStore
    nesting: Nesting
    clock: Clock
    telemetry: Telemetry
    pace: Pace
    pools: Collection[str]
    kinds: AllowedKinds
    limits: LimitService

    def put(self, tenant: str, new: NewDefinition, match: int | None = None, by: str = "") -> Standing:
        """Makes a definition the latest version of its workflow, which it may create.

        The same definition again changes nothing, whoever puts it.

        Args:
            tenant: Whose it is.
            new: The definition.
            match: The generation that the caller read, or None for whichever is newest.
            by: The name of the principal who puts it.

        Raises:
            Faulty: The deployment cannot run it, or it runs workflows that are not there, or itself.
            LimitExceeded: A target goes beyond a limit of the tenant.
            Outdated: ``match`` is not the newest generation.
            Conflict: Too many others put it meanwhile.
        """
        for _ in range(_TRIES):
            standing, stands = self._drafted(tenant, new, match, by)
            if stands is not None and stands.digest == standing.record.digest:
                return standing
            kept = self.store.keep(standing.version)
            if self.store.swap(standing.record) is None:
                return Standing(standing.record, kept, standing.before)
        raise _contended(new.workflow.name)

    def draft(self, tenant: str, new: NewDefinition, match: int | None = None, by: str = "") -> Standing:
        """The workflow that ``put`` would answer, with the same errors; nothing is written."""
        return self._drafted(tenant, new, match, by)[0]

    def _drafted(
        self, tenant: str, new: NewDefinition, match: int | None, by: str
    ) -> tuple[Standing, WorkflowRecord | None]:
        """What would stand, and the record that stands."""
        name, now_ms = new.workflow.name, self.clock.now_ms()
        record = self.store.get(tenant, name)
        stands = None if record is None or record.deleted else record
        _check_match(name, match, stands)
        self._check(tenant, new.workflow)
        before = None if stands is None else self._version(tenant, name, stands.digest)
        digest = digest_of(new.document)
        if stands is not None and before is not None and stands.digest == digest:
            return Standing(stands, before, before), stands
        row = VersionRow(digest, len(new.workflow.steps), now_ms, by)
        version = WorkflowVersion(tenant, name, row, new.document)
        return Standing(WorkflowRecord.following(record, version, now_ms, by), version, before), stands

    def _check(self, tenant: str, workflow: Workflow) -> None:
        """Refuses what this deployment, or the tenant, cannot run.

        Raises:
            Faulty: With all that the deployment refuses.
            LimitExceeded: A target goes beyond a limit of the tenant.
        """
        faults = [fault for step in workflow.steps for fault in self._faults_of(step)]
        faults += self.nesting.faults(tenant, workflow)
        if faults:
            raise Faulty(tuple(faults))
        self.limits.accepted_payloads(tenant, (step.target for step in workflow.steps if step.target))

    def _faults_of(self, step: Step) -> Iterator[Fault]:
        at = below("steps", step.name)
        if step.target is None:
            return
        kind, pool = step.target.kind, step.pool
        place = below(at, "map") if isinstance(step.work, Map) else at
        yield from _refusals(at, lambda: self.pace.refuse(step.precision))
        yield from _refusals(at, lambda: pools.refuse_call(pool, step.timeout_ms, self.pools))
        yield from _refusals(place, lambda: self.kinds.refuse(kind, pool))

    def get(self, tenant: str, name: str) -> Standing:
        """A workflow with its latest version, read with strong consistency."""
        record = self._record(tenant, name)
        version = self._version(tenant, name, record.digest)
        return Standing(record, version, version)

    def version(self, tenant: str, name: str, digest: str) -> tuple[WorkflowVersion, WorkflowRecord]:
        """One version of a workflow, and the workflow's record.

        Raises:
            NotFound: There is no such workflow, or it has no such version.
        """
        record = self._record(tenant, name)
        if not is_digest(digest):
            raise NotFound("version", tenant, digest)
        return self._version(tenant, name, digest), record

    def listed(self, tenant: str, limit: int, after: str | None) -> Listed[WorkflowRecord]:
        """A page of the tenant's workflows, by name."""
        page = self.store.list(tenant, limit, after)
        report_unreadable(page, self.telemetry)
        return Listed(page.items, page.cursor, lambda record: record.name)

    def versions(
        self, tenant: str, name: str, limit: int, before: str | None
    ) -> tuple[Listed[VersionRow], WorkflowRecord]:
        """A page of a workflow's versions, the newest first, and the workflow's record."""
        record = self._record(tenant, name)
        page = self.store.versions(tenant, name, limit, before)
        report_unreadable(page, self.telemetry)
        return Listed(page.items, page.cursor, lambda row: row.place), record

    def delete(self, tenant: str, name: str, match: int | None = None, by: str = "") -> None:
        """Deletes a workflow: nothing starts it any more. Its versions stay, for the runs that have begun.

        Raises:
            Outdated: ``match`` is not the newest generation.
            Conflict: Too many others put it meanwhile.
        """
        for _ in range(_TRIES):
            record = self._record(tenant, name)
            _check_match(name, match, record)
            if self.store.swap(record.ended(self.clock.now_ms(), by)) is None:
                return
        raise _contended(name)

    def _record(self, tenant: str, name: str) -> WorkflowRecord:
        record = self.store.get(tenant, name) if is_workflow_name(name) else None
        if record is None or record.deleted:
            raise NotFound("workflow", tenant, name)
        return record

    def _version(self, tenant: str, name: str, digest: str) -> WorkflowVersion:
        found = self.store.version(tenant, name, digest)
        if found is None:
            raise NotFound("version", tenant, digest)
        return found


def _refusals(at: str, check: Any) -> Iterator[Fault]:
    """What a check refuses, as a fault below a place."""
    try:
        check()
    except Invalid as error:
        yield Fault(below(at, error.field), error.problem, error.remedy)


def _check_match(name: str, match: int | None, stands: WorkflowRecord | None) -> None:
    if match is None or (stands is not None and stands.generation == match):
        return
    newest = "there is no such workflow" if stands is None else f"the newest is {stands.generation}"
    problem = f"generation {match} does not stand: {newest}"
    raise Outdated("workflow", name, problem, "read the workflow again and repeat the edit")


def _contended(name: str) -> Conflict:
    return Conflict("workflow", name, "it is being put by many at once", "try again")
