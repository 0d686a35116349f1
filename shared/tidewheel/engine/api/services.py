"""The API's services, one for each resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidewheel.engine.access.keys import KeyService
from tidewheel.engine.access.tenants import TenantService
from tidewheel.engine.api.audit.service import AuditService
from tidewheel.engine.api.callers import CallerService
from tidewheel.engine.api.circuits import CircuitService
from tidewheel.engine.api.dead_letters import DeadLetterService
from tidewheel.engine.api.executions import ExecutionService
from tidewheel.engine.api.health.service import HealthService
from tidewheel.engine.api.jobs import JobService
from tidewheel.engine.api.ledger import LedgerService
from tidewheel.engine.api.limits.service import LimitService
from tidewheel.engine.api.logs import LogService
from tidewheel.engine.api.requests.repeats import Repeats
from tidewheel.engine.api.runs.service import RunService
from tidewheel.engine.api.searches.executions import RunSearch
from tidewheel.engine.api.workflows.definitions import WorkflowService


@dataclass(frozen=True, slots=True)
class ApiServices:
    """What the routes call.

    Args:
        callers: Who requests are made by.
        keys: API keys.
        tenants: Tenants.
        jobs: Jobs.
        executions: Executions.
        runs: Executions across jobs.
        workflow_runs: Runs of workflows.
        dead_letters: Dead letters.
        circuits: Circuits.
        ledger: The ledger of a job.
        logs: The logs of attempts.
        limits: What tenants may use, and what they have used.
        repeats: What requests under idempotency keys came to.
        health: The deployment's health.
        audit: The audit log.
        workflows: Definitions of workflows.
        now_ms: The instant as of which an answer describes what it holds (ms since the epoch).
        flush: Hands on the counts that were gathered; called once after each request.
    """

    callers: CallerService
    keys: KeyService
    tenants: TenantService
    jobs: JobService
    executions: ExecutionService
    runs: RunSearch
    workflow_runs: RunService
    dead_letters: DeadLetterService
    circuits: CircuitService
    ledger: LedgerService
    logs: LogService
    limits: LimitService
    repeats: Repeats
    health: HealthService
    audit: AuditService
    workflows: WorkflowService
    now_ms: Callable[[], int]
    flush: Callable[[], None]
