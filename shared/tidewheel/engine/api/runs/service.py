"""Runs of workflows: started by the workflow's name, read, listed, and directed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tidewheel.domain.errors import Conflict, Invalid, NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.ids import job_id
from tidewheel.domain.jobs.job import Definition, Job, JobState, Target
from tidewheel.domain.workflows.runs.control import RunControl
from tidewheel.domain.workflows.runs.limits import MAX_CONTROL_BYTES
from tidewheel.domain.workflows.runs.version import WORKFLOW_KIND, Version
from tidewheel.domain.workflows.runs.view import NodeState, RunView
from tidewheel.engine.api.first_entry import FirstEntry
from tidewheel.engine.api.lists import Listed, report_unreadable
from tidewheel.engine.api.lookup import existing_job
from tidewheel.engine.api.runs.directing import RunDirector
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.ports import Clock, Executions, Jobs, Telemetry

_DELETED_MOST = 100
"""How often the job of a workflow's requested runs is looked for under another id, as each was deleted."""


@dataclass(frozen=True, slots=True)
class StepSeen:
    """Where a step of a run stands.

    Args:
        name: Its name.
        state: As its record says; else ``skipped``, ``upstream_failed``, ``ready`` or ``undecided``.
        record: Its record, of whatever generation; None if it has none.
    """

    name: str
    state: str
    record: Execution | None


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run, and where its steps stand.

    Args:
        run: Its record.
        control: What users ask of it.
        steps: Its steps, each after those that it waits for; empty if its workflow's version is gone, or not asked for.
    """

    run: Execution
    control: RunControl
    steps: tuple[StepSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class RunService:
    """What users do with runs. Every method raises ``PortError`` when a store fails.

    Args:
        jobs: The store of jobs; it writes a requested run and its entry in one transaction.
        executions: The records of runs and of steps.
        versions: The versions of workflows.
        first_entry: Makes the entry of a requested run.
        director: Carries out what is asked of a run that has begun.
        clock: Time.
        telemetry: Told of records that cannot be read.
    """

    jobs: Jobs
    executions: Executions
    versions: VersionCache
    first_entry: FirstEntry
    director: RunDirector
    clock: Clock
    telemetry: Telemetry

    def start(self, tenant: str, name: str, params: Mapping[str, Any], digest: str = "", key: str = "") -> RunSeen:
        """Starts a run of a workflow now.

        Args:
            tenant: Whose.
            name: The workflow's name.
            params: The run's parameters.
            digest: Which version; empty for the newest.
            key: The idempotency key, or empty.

        Returns:
            The queued run, or the one that the same idempotency key made before, as it stands now.

        Raises:
            NotFound: There is no such workflow, or version.
            Invalid: Its parameters do not fit, or it has steps that this release does not run.
        """
        version = self.versions.named(tenant, name, digest)
        if version is None:
            raise NotFound("workflow", tenant, f"{name} {digest}".strip())
        size = len(json.dumps(params, separators=(",", ":")).encode())
        if size > MAX_CONTROL_BYTES:
            raise Invalid("params", f"they have {size} bytes, more than {MAX_CONTROL_BYTES}", "keep large data in S3")
        refusal = version.refusal(params)
        if refusal:
            raise Invalid("params", refusal, f"look at version {version.digest[:12]} of the workflow")
        job, now = self._job(tenant, name), self.clock.now_ms()
        entry, bare = self.first_entry.of_run(job, now)
        assert bare is not None
        queued = replace(bare, run=RunControl(name, version.digest, params))
        before = self.first_entry.write(
            job, entry, lambda placed: self.jobs.enqueue(placed, queued, key), written=lambda other: other is None
        )
        return self.get(tenant, before) if before is not None else _seen(queued)

    def get(self, tenant: str, id: str) -> RunSeen:
        """A run, and where its steps stand.

        Raises:
            NotFound: There is no such run.
        """
        run = self.executions.get(tenant, id)
        if run is None or run.run is None or run.node is not None:
            raise NotFound("run", tenant, id)
        version = self.versions.of_run(run) if run.attempt else None
        return _seen(run, self._steps(run, run.run, version) if version else ())

    def history(self, tenant: str, name: str, limit: int, before: str | None) -> Listed[Execution | Missed]:
        """A page of the runs that were started by the workflow's name, the newest first.

        Runs that a job starts are listed with that job's executions.

        Raises:
            NotFound: There is no such workflow.
        """
        if self.versions.named(tenant, name) is None:
            raise NotFound("workflow", tenant, name)
        job = self._found(tenant, name)
        if isinstance(job, str):
            return Listed([], None, lambda item: item.id)
        page = self.executions.list(tenant, job.id, limit, before)
        report_unreadable(page, self.telemetry)
        return Listed(page.items, page.cursor, lambda item: item.id)

    def _steps(self, run: Execution, control: RunControl, version: Version) -> tuple[StepSeen, ...]:
        """The records are read after the control; one that is newer belongs to a clear that came between."""
        graph = version.graph
        records = {
            one.node: one for one in self.executions.nodes(run.tenant, run.id, len(graph)) if one.node is not None
        }
        current = {node: one for node, one in records.items() if one.generation <= control.generation_of(node)}
        view = RunView(graph, control, current.get)
        return tuple(_step(view, node, records.get(node)) for node in graph.order)

    def _job(self, tenant: str, name: str) -> Job:
        """The job whose executions are the requested runs of a workflow; it is made when it is first needed.

        It is paused and has no schedule: it never fires, and stays for ever. One that a user deleted is replaced.
        """
        found = self._found(tenant, name)
        if not isinstance(found, str):
            return found
        now = self.clock.now_ms()
        spec = {"kind": WORKFLOW_KIND, "workflow": name, "version": "latest", "params": {}}
        definition = Definition(f"runs of {name}", None, Target(WORKFLOW_KIND, spec))
        job = Job(tenant, found, definition, JobState.PAUSED, 1, now, now, now)
        if self.jobs.create(job, None, None):
            return job
        return existing_job(self.jobs, tenant, found)  # another request made it at the same time

    def _found(self, tenant: str, name: str) -> Job | str:
        """The job of a workflow's requested runs; or the id that it is to have. What was deleted keeps its id for ever.

        Raises:
            Conflict: It was deleted too often.
        """
        for turn in range(_DELETED_MOST):
            id = job_id(hashlib.sha256(f"workflow\0{tenant}\0{name}\0{turn}".encode()).digest())
            found = self.jobs.get(tenant, id) or self.jobs.get(tenant, id, consistent=True)
            if found is not None:
                return found
            if not self.jobs.generations(tenant, id, 1):
                return id
        problem = f"the job of its runs was deleted {_DELETED_MOST} times"
        raise Conflict("workflow", name, problem, "start it by a job of your own")


def _step(view: RunView, node: int, record: Execution | None) -> StepSeen:
    current, state = view.current(node), view.state(node)
    shown = str(current.state) if current is not None else str(state)
    if state is NodeState.STARTED and record is not None:
        shown = str(record.state)
    return StepSeen(view.graph.nodes[node].name, shown, record)


def _seen(run: Execution, steps: tuple[StepSeen, ...] = ()) -> RunSeen:
    assert run.run is not None
    return RunSeen(run, run.run, steps)
