"""The API's services, built from whatever implements their ports."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from tidewheel.domain.fleet.kinds import AllowedKinds
from tidewheel.domain.fleet.route import POOLS
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.domain.workflows.definition import Workflow
from tidewheel.domain.workflows.records import WorkflowVersion
from tidewheel.engine.access.keys import KeyService
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.engine.access.tenants import TenantService
from tidewheel.engine.api.audit.changes import NotedApiKeys, NotedJobs, NotedTenants, NotedWorkflows
from tidewheel.engine.api.audit.refusals import RefusalCap
from tidewheel.engine.api.audit.service import AuditService
from tidewheel.engine.api.callers import CallerService
from tidewheel.engine.api.cancel import Cancel
from tidewheel.engine.api.circuits import CircuitService
from tidewheel.engine.api.dead_letters import DeadLetterService
from tidewheel.engine.api.executions import ExecutionService
from tidewheel.engine.api.first_entry import FirstEntry
from tidewheel.engine.api.health.service import HealthService
from tidewheel.engine.api.jobs import JobService
from tidewheel.engine.api.ledger import LedgerService
from tidewheel.engine.api.limits.active_jobs import ActiveJobs
from tidewheel.engine.api.limits.service import LimitService
from tidewheel.engine.api.logs import LogService
from tidewheel.engine.api.redrive import Redrive
from tidewheel.engine.api.requests.repeats import Repeats
from tidewheel.engine.api.runs.directing import RunDirector
from tidewheel.engine.api.runs.service import RunService
from tidewheel.engine.api.searches.executions import RunSearch
from tidewheel.engine.api.searches.jobs import JobSearch
from tidewheel.engine.api.services import ApiServices
from tidewheel.engine.api.workflows.definitions import WorkflowService
from tidewheel.engine.api.workflows.nesting import Nesting
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.orchestration.sender import NodeSender
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.engine.permits.view import LineView
from tidewheel.ports import (
    ApiKeys,
    Audit,
    Circuits,
    Clock,
    Counters,
    Entropy,
    Executions,
    HealthStore,
    Jobs,
    Locks,
    Logs,
    PermitLines,
    Permits,
    Queue,
    Requests,
    Tallies,
    Telemetry,
    Tenants,
    Wheel,
    WorkflowStore,
)
from tidewheel.wire.targets import allowed_kinds
from tidewheel.wire.workflows.convert import stored_workflow
from tidewheel.wiring.ends import end_handler
from tidewheel.wiring.wheel_writer import wheel_writer

_NONE_ALLOWED = allowed_kinds({})


@dataclass(frozen=True, slots=True)
class ApiPorts:
    """What the services are built from; on AWS by ``wiring.api``, in tests from memory.

    Args:
        quota: What this process knows of tenants and their limits, and its tokens of them.
        counters: What all processes have leased of them.
        pace: How often the wheel is turned; it decides what has to be sent at once.
        pools: The names of the pools that have workers.
        kinds: Which kinds of target they run: no privileged one, unless it is allowed.
        sign_in_here: Whether the API signs callers in itself, since the gateway has no authorizer.
        versions: The versions of workflows that this process has read.
        refusals: How many refusals this process has written down lately.
    """

    jobs: Jobs
    executions: Executions
    wheel: Wheel
    queue: Queue
    clock: Clock
    entropy: Entropy
    telemetry: Telemetry
    layouts: LayoutCache
    logs: Logs
    locks: Locks
    circuits: Circuits
    health: HealthStore
    requests: Requests
    tenants: Tenants
    api_keys: ApiKeys
    quota: Quota
    counters: Counters
    audit: Audit
    permits: Permits
    permit_lines: PermitLines
    tallies: Tallies
    workflows: WorkflowStore
    versions: VersionCache
    pace: Pace = LOOP
    pools: Collection[str] = POOLS
    kinds: AllowedKinds = _NONE_ALLOWED
    sign_in_here: bool = False
    refusals: RefusalCap = field(default_factory=RefusalCap)


def services_of(ports: ApiPorts) -> ApiServices:
    """Builds the services; what several of them need is built once."""
    ports = replace(
        ports,
        jobs=NotedJobs(ports.jobs),
        tenants=NotedTenants(ports.tenants),
        api_keys=NotedApiKeys(ports.api_keys),
        workflows=NotedWorkflows(ports.workflows),
    )
    writer = wheel_writer(ports.wheel, ports.queue, ports.layouts, ports.clock, ports.telemetry, ports.pace)
    first_entry = FirstEntry(writer, ports.entropy)
    ends, redriver = _ends(ports, writer), _redriver(ports, writer)
    canceller = Cancel(ports.jobs, ports.executions, ends, ports.clock, ports.telemetry)
    jobs, executions, clock, telemetry = ports.jobs, ports.executions, ports.clock, ports.telemetry
    line = LineView(ports.permits, ports.permit_lines, executions, ports.quota.of, clock)
    search = JobSearch(jobs, executions, telemetry)
    tenants = ports.quota.tenants
    limits = LimitService(
        ports.quota, ports.counters, clock, telemetry, line, ActiveJobs(ports.quota, jobs, ports.tallies, clock)
    )
    return ApiServices(
        callers=CallerService(SignIn(ports.api_keys, clock), tenants, clock, ports.sign_in_here),
        keys=KeyService(ports.api_keys, ports.tenants, clock, ports.entropy),
        tenants=TenantService(ports.tenants, tenants, clock),
        jobs=JobService(
            jobs, first_entry, clock, ports.entropy, telemetry, ports.pace, ports.pools, ports.kinds, search, limits
        ),
        executions=ExecutionService(jobs, executions, first_entry, canceller, clock, telemetry, line),
        runs=RunSearch(jobs, executions, telemetry),
        workflow_runs=_run_service(ports, ends, writer),
        dead_letters=DeadLetterService(executions, redriver, telemetry),
        circuits=CircuitService(ports.circuits, clock, telemetry),
        ledger=LedgerService(jobs, executions, clock, line),
        logs=LogService(executions, ports.logs),
        limits=limits,
        repeats=Repeats(ports.requests, clock),
        health=HealthService(ports.health, clock, telemetry, is_measured=ports.pace.loops),
        audit=AuditService(ports.audit, clock, telemetry, ports.refusals),
        workflows=WorkflowService(
            ports.workflows,
            Nesting(ports.workflows, _read_version),
            clock,
            telemetry,
            ports.pace,
            ports.pools,
            ports.kinds,
            limits,
        ),
        now_ms=clock.now_ms,
        flush=telemetry.flush,
    )


def _read_version(version: WorkflowVersion) -> Workflow:
    return stored_workflow(version.document, version.name, version.row.digest)


def _ends(ports: ApiPorts, writer: WheelWriter) -> EndHandler:
    return end_handler(
        ports.executions,
        ports.locks,
        ports.clock,
        writer,
        ports.telemetry,
        ports.jobs,
        ports.queue,
        ports.versions,
    )


def _run_service(ports: ApiPorts, ends: EndHandler, writer: WheelWriter) -> RunService:
    jobs, executions, versions = ports.jobs, ports.executions, ports.versions
    clock, telemetry = ports.clock, ports.telemetry
    sender = NodeSender(ports.queue, clock, writer.put)
    director = RunDirector(executions, jobs, versions, ends, sender, clock, telemetry)
    first_entry = FirstEntry(writer, ports.entropy)
    return RunService(jobs, executions, versions, first_entry, director, clock, telemetry)


def _redriver(ports: ApiPorts, writer: WheelWriter) -> Redrive:
    return Redrive(ports.jobs, ports.clock, ports.telemetry, writer)
