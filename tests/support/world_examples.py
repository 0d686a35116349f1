"""Examples of everything that a store keeps, and hypothesis strategies for all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tidewheel.domain.access.api_key import ApiKey, ApiToken
from tidewheel.domain.access.audit import AuditRow, Change
from tidewheel.domain.access.roles import Role
from tidewheel.domain.access.tenant import Tenant, TenantState
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.fleet.route import PRIORITIES, Route
from tidewheel.domain.ids import ExecutionId, Origin, job_id
from tidewheel.domain.jobs.job import Definition, Generation, Job, JobState, Target
from tidewheel.domain.jobs.policies import Misfire, Overlap, Policy, RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import Level, Slot, late
from tidewheel.domain.workflows.definition import digest_of
from tidewheel.domain.workflows.records import VersionRow, WorkflowRecord, WorkflowVersion
from tidewheel.domain.workflows.runs.control import RunControl, RunStop

NOW_MS = 1_794_999_960_000  # a whole minute in November 2026
TENANT = "acme"
ROUTE = Route("lambda", "normal")
HOOK = Target("http", {"method": "POST", "url": "https://example.com/hook", "headers": {"X-A": "b"}, "body": None})
EVERY_MINUTE = Schedule(Every(MINUTE_MS, NOW_MS))


def some_id(number: int) -> str:
    """A job id; ids sort as their numbers do."""
    return job_id(number.to_bytes(10))


def a_job(number: int = 1, *, tenant: str = TENANT, generation: int = 1, **changes: Any) -> Job:
    """An active job; ``changes`` go to its definition."""
    definition = replace(Definition("hourly report", EVERY_MINUTE, HOOK), **changes)
    return Job(tenant, some_id(number), definition, JobState.ACTIVE, generation, NOW_MS, NOW_MS, NOW_MS)


def full_job() -> Job:
    """A job with no field at its default."""
    definition = Definition(
        name="bericht für Zoë ☂",
        schedule=Schedule(Cron("0 9 * * 1-5", "Europe/Paris"), NOW_MS, NOW_MS + 10 * MINUTE_MS),
        target=Target("lambda", {"function": "report", "payload": {"deep": [1, 2.5, None, {"x": "é"}], "on": True}}),
        priority="critical",
        precision=Precision.HIGH,
        pool="lambda",
        jitter_ms=5_000,
        timeout_ms=90_000,
        retry=RetryPolicy(7, Strategy.FIBONACCI, 1_500, 60_000, 0.25),
        tags={"team": "billing", "empty": ""},
        misfire=Misfire(Policy.ALL, 25_000, 7),
        overlap=Overlap.QUEUE,
        window_ms=7_200_000,
        unique_name=True,
    )
    return Job(TENANT, some_id(77), definition, JobState.PAUSED, 4, NOW_MS + 3, NOW_MS + 1, NOW_MS + 2, "fingerprint")


def closing(job: Job) -> Generation:
    """The generation row that ends a job's history when it is deleted."""
    return Generation.of(job.edited(job.definition, JobState.DELETED, job.updated_ms + 1))


def schedule_entry(job: Job, nominal_ms: int = NOW_MS, delay_ms: int = 0) -> ScheduleEntry:
    """An occurrence entry."""
    return ScheduleEntry(job.tenant, job.id, job.generation, nominal_ms, nominal_ms + delay_ms)


def execution(job: Job, nominal_ms: int = NOW_MS, origin: Origin = Origin.SCHEDULE, **changes: Any) -> Execution:
    """A queued execution."""
    nonce = "" if origin is Origin.SCHEDULE else "1"
    id = str(ExecutionId(job.id, nominal_ms, origin, nonce))
    return replace(Execution(job.tenant, id, State.QUEUED, nominal_ms, job.generation), **changes)


def full_execution() -> Execution:
    """An execution with no field at its default, but ``next_ms`` and those after it, which came later."""
    return execution(
        full_job(),
        origin=Origin.RUN,
        state=State.RETRYING,
        version=9,
        attempt=2,
        holder="0123abcd",
        lease_until_ms=NOW_MS + 90_000,
        claimed_ms=NOW_MS + 10,
        started_ms=NOW_MS + 12,
        finished_ms=NOW_MS + 500,
        lateness_ms=12,
        output='{"ok": "☂"}',
        reason="HTTP 503",
        attempts=(
            Attempt(1, NOW_MS, NOW_MS + 5, Result.WORKER_LOST, reason="its worker's lease ended"),
            Attempt(2, NOW_MS + 12, NOW_MS + 500, Result.FAILED, 503),
        ),
        uncounted_attempts=1,
        redriven_ms=NOW_MS + 9,
        cancel="someone cancelled it",
        cancel_ms=NOW_MS + 400,
        checkpoint="page 7",
        sent_ms=NOW_MS + 3,
        received_ms=NOW_MS + 8,
        left="a worker without the task 'f'",
        left_ms=NOW_MS + 1,
    )


def a_run_control() -> RunControl:
    """What users ask of a run, with no field at its default."""
    control = RunControl("nightly", "d" * 64, {"day": "monday"}).cleared([0, 3]).cleared([3], resumed=True)
    return replace(control, stop=RunStop.CANCELLED, paused=True)


def waiting_execution() -> Execution:
    """An execution that says when its retry is expected."""
    return execution(a_job(), NOW_MS + 3, state=State.RETRYING, attempt=1, next_ms=NOW_MS + 2_000)


def declined_execution() -> Execution:
    """One that waits, and says which permit it declined."""
    return replace(waiting_execution(), permit="tok", declined_ms=NOW_MS + 30_000)


def waiting(execution: Execution, attempt: int = 1, due_ms: int = NOW_MS) -> ExecutionEntry:
    """An entry for an attempt of an execution on record."""
    return ExecutionEntry(
        execution.tenant, execution.id, attempt, execution.generation, due_ms, ROUTE, Precision.NORMAL
    )


def minute(start_ms: int = NOW_MS, shard: int = 0) -> Slot:
    """A slot of the minutes level."""
    return Slot(Level.MINUTES, start_ms, shard)


def asked(job: Job, nominal_ms: int = NOW_MS) -> tuple[Placed, Execution]:
    """A run by hand, as the API writes it: a queued execution and its late entry."""
    queued = execution(job, nominal_ms, Origin.RUN)
    return Placed(late(0), waiting(queued, due_ms=nominal_ms)), queued


def dispatch(number: int = 1, nominal_ms: int = NOW_MS) -> Dispatch:
    """What a message says."""
    return Dispatch(TENANT, str(ExecutionId(some_id(number), nominal_ms)), 1, 1, nominal_ms, recorded=False)


# --- strategies -------------------------------------------------------------------------------------------

_instants = st.integers(0, 30_000_000_000_000)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
_timings = (
    st.builds(At, _instants)
    | st.builds(Every, st.integers(1_000, 10**10), _instants)
    | st.builds(
        Cron, st.sampled_from(["* * * * *", "30 2 * * 0", "0 0 1-7 * */7"]), st.sampled_from(["UTC", "Asia/Tokyo"])
    )
)
_schedules = st.none() | st.builds(Schedule, _timings, st.none() | _instants, st.none() | _instants)
_ids = st.integers(0, 2**80 - 1).map(some_id)
_tenants = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,31}\Z")
_counts = st.integers(0, 10**6)

definitions = st.builds(
    Definition,
    name=st.text(),
    schedule=_schedules,
    target=st.builds(Target, st.text(), st.dictionaries(st.text(), _json, max_size=3)),
    priority=st.sampled_from(PRIORITIES),
    precision=st.sampled_from(Precision),
    jitter_ms=_instants,
    timeout_ms=_instants,
    retry=st.builds(RetryPolicy, _counts, st.sampled_from(Strategy), _instants, _instants, st.floats(0, 1)),
    tags=st.dictionaries(st.text(), st.text(), max_size=3),
    misfire=st.builds(Misfire, st.sampled_from(Policy), _instants, _counts),
    overlap=st.sampled_from(Overlap),
    window_ms=_instants,
)
jobs = st.builds(
    Job,
    tenant=_tenants,
    id=_ids,
    definition=definitions,
    state=st.sampled_from([JobState.ACTIVE, JobState.PAUSED]),
    generation=st.integers(1, 10**8 - 1),
    effective_from_ms=_instants,
    created_ms=_instants,
    updated_ms=_instants,
    request=st.text(),
    created_by=st.text(),
    updated_by=st.text(),
)
_attempts = st.builds(Attempt, _counts, _instants, _instants, st.sampled_from(Result), st.none() | _counts, st.text())
executions = st.builds(
    Execution,
    tenant=_tenants,
    id=st.builds(lambda job, nominal: str(ExecutionId(job, nominal)), _ids, _instants),
    state=st.sampled_from(State),
    due_ms=_instants,
    generation=_counts,
    version=_counts,
    attempt=_counts,
    holder=st.text(),
    lease_until_ms=_instants,
    claimed_ms=st.none() | _instants,
    started_ms=st.none() | _instants,
    finished_ms=st.none() | _instants,
    lateness_ms=st.none() | st.integers(),
    output=st.text(),
    reason=st.text(),
    attempts=st.lists(_attempts, max_size=4).map(tuple),
    uncounted_attempts=_counts,
    redriven_ms=st.none() | _instants,
    cancel=st.text(),
    cancel_ms=st.none() | _instants,
    checkpoint=st.text(),
    sent_ms=st.none() | _instants,
    received_ms=st.none() | _instants,
)


def a_tenant(id: str = TENANT, **changes: Any) -> Tenant:
    """A tenant that was just made; its first version."""
    return Tenant(id, version=1, created_ms=NOW_MS, updated_ms=NOW_MS, **changes)


def full_tenant() -> Tenant:
    """A tenant with no field at its default."""
    return a_tenant(
        name="Zoë ☂ & Cie",
        plan="pro",
        state=TenantState.READ_ONLY,
        limits={"requests_per_second": 7},
        kinds=frozenset({"command", "sql"}),
        pools=frozenset({"lambda", "fargate"}),
        weight=3,
        networks=("10.0.0.0/8", "::1/128"),
        targets=("http:*.example.com",),
        budget_dollars=12.5,
        created_by="key:one",
        updated_by="https://issuer#zoë",
    )


def a_token(number: int = 1) -> ApiToken:
    """A token; tokens with different numbers have nothing in common."""
    return ApiToken.made(bytes((number * 31 + place * 7) % 256 for place in range(42)))


def an_api_key(number: int = 1, *, tenant: str = TENANT, role: Role = Role.EDITOR, **changes: Any) -> ApiKey:
    """The record of ``a_token(number)``."""
    token = a_token(number)
    return ApiKey(token.id, tenant, f"key {number}", token.digest, role, created_ms=NOW_MS, **changes)


def full_api_key() -> ApiKey:
    """A key with no field at its default."""
    return an_api_key(
        7,
        role=Role.OPERATOR,
        kinds=frozenset({"python", "command"}),
        tags=frozenset({("team", "billing"), ("stage", "")}),
        networks=("192.0.2.0/24",),
        created_by="arn:aws:iam::123456789012:role/deploys",
        expires_ms=NOW_MS + MINUTE_MS,
        revoked_ms=NOW_MS + 5,
        rotated_to=a_token(8).id,
        identity="arn:aws:iam::123456789012:role/deploys",
        version=1,
    )


def an_audit_row(number: int = 0, at_ms: int = NOW_MS, request: str = "r-1", **changes: Any) -> AuditRow:
    """A row of a request to create a job."""
    return AuditRow(changes.pop("tenant", TENANT), at_ms, request, number, "key:one", operation="createJob", **changes)


def full_audit_row() -> AuditRow:
    """A row with no field at its default."""
    return an_audit_row(
        3,
        key="one",
        role="admin",
        address="192.0.2.1",
        path="/v1/jobs/zoë ☂",
        subjects=("j1", "j2"),
        status=422,
        problem="invalid",
        fields=("target.url",),
        changes=(Change("job", "j1", "{}", '{"a":1}'), Change("job", "j2", "", "{}")),
        more=7,
    )


def a_workflow_version(number: int = 1, *, name: str = "nightly", tenant: str = TENANT) -> WorkflowVersion:
    """A version of a workflow; another number is another definition, written a second later."""
    steps = {"extract": {"target": {"kind": "http", "url": f"https://example.com/{number}"}}}
    document = {"name": name, "description": f"number {number}", "steps": steps}
    row = VersionRow(digest_of(document), 1, NOW_MS + 1_000 * number, "key:1")
    return WorkflowVersion(tenant, name, row, document)


def full_workflow_record(**changes: Any) -> WorkflowRecord:
    """The first record of a workflow, with every field."""
    return replace(WorkflowRecord.following(None, a_workflow_version(), NOW_MS, "key:2"), **changes)
