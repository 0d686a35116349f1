"""Every call that the flows make is granted, and nothing is granted that none of them makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws

from tests.infra.test_permissions import ALLOWED, ALLOWED_IN_ECONOMY, DEAD_LETTERS, LOGS, TARGETS
from tests.support.held import holding
from tests.support.memory_stack import START_MS, PumpedClock, every
from tests.support.partiql import parsed
from tests.support.polling import until
from tests.support.tables import make_bucket, make_queues, make_tables
from tests.support.world_examples import an_audit_row
from tidewheel.adapters.aws import clients, deadlines
from tidewheel.adapters.aws.dynamodb import together
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.jobs import DynamoJobs
from tidewheel.adapters.aws.dynamodb.locks import DynamoLocks
from tidewheel.adapters.aws.logs import S3Logs
from tidewheel.adapters.memory import InlineExecutor, SettableClock
from tidewheel.domain import keys
from tidewheel.domain.access.audit import AuditFilter
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.transitions import ended_unrun, opened, with_wait_reason
from tidewheel.domain.fleet.route import ROUTES
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Target
from tidewheel.domain.jobs.listing import JobFilter
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.limits import HOUR_MS, LEASE_MS, MAX_RETURNS, MINUTE_MS, WRITES_AT_ONCE
from tidewheel.domain.permits.line import Announced, LineEntry
from tidewheel.domain.permits.permit import Permit
from tidewheel.domain.quotas.limit import Limit
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.levels import RINGS
from tidewheel.domain.wheel.pace import ECONOMY, LOOP, Pace
from tidewheel.engine.access.keys import NewKey
from tidewheel.engine.api.services import ApiServices
from tidewheel.engine.api.workflows.definitions import NewDefinition
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.ends.undeliverable import Undeliverable
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.limiter import NoPermit
from tidewheel.engine.recovery.dead_letter_handler import DeadLetter
from tidewheel.ports import Call, Received, Refused, Secrets
from tidewheel.settings import (
    ApiSettings,
    DeadLetterHandlerSettings,
    ReconcilerSettings,
    SchedulerSettings,
    SignIn,
    WatchdogSettings,
    WorkerSettings,
)
from tidewheel.wire.message import dump
from tidewheel.wire.workflows.body import document_of
from tidewheel.wire.workflows.convert import workflow_of
from tidewheel.wire.workflows.reading import read_workflow
from tidewheel.wiring import dead_letter_handler, reconciler, scheduler, watchdog, worker
from tidewheel.wiring.api import app as api
from tidewheel.wiring.api.services import services_of
from tidewheel.wiring.callers import Callers

BY_LAMBDA = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"}  # the worker's event source mapping's own calls
TENANT = "default"


def _actions(operation: str, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What IAM asks for a call: the action, and the table, queue or bucket (Service Authorization Reference)."""
    match operation:
        case "TransactWriteItems":
            yield from (
                (f"{kind}Item", body["TableName"]) for item in params["TransactItems"] for kind, body in item.items()
            )
        case "BatchWriteItem" | "BatchGetItem":
            yield from ((operation, table) for table in params["RequestItems"])
        case "BatchExecuteStatement":
            yield from map(_of_statement, params["Statements"])
        case "SendMessageBatch":
            yield "SendMessage", params["QueueUrl"].rpartition("/")[2]
        case "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch" | "GetQueueAttributes":
            yield operation.removesuffix("Batch"), params["QueueUrl"].rpartition("/")[2]
        case "ListObjectsV2":
            yield "ListBucket", params["Bucket"]
        case "GetObject" | "PutObject":
            yield operation, f"{params['Bucket']}/*"
        case "Invoke":
            yield "InvokeFunction", params["FunctionName"]
        case _:
            yield operation, _place(params)


def _of_statement(asked: dict[str, Any]) -> tuple[str, str]:
    write = parsed(asked["Statement"], asked["Parameters"])
    return "PartiQLInsert" if write.expected is None else "PartiQLUpdate", write.table


def _place(params: dict[str, Any]) -> str:
    """A table, an index, or the deployment under which a secret lies."""
    if "SecretId" in params:
        return "/".join(str(params["SecretId"]).split("/")[:2])
    index = params.get("IndexName")
    return params["TableName"] + (f"/index/{index}" if index else "")


class Deployment:
    """The flows as wired for AWS, on moto, with every client call recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pace: Pace = LOOP) -> None:
        self.used: set[tuple[str, str]] = set()
        dynamodb, sqs, s3 = clients.dynamodb(), clients.sqs(), clients.s3()
        secretsmanager: Any = clients.secretsmanager()
        self.tables, self.urls, self.bucket = make_tables(dynamodb), make_queues(sqs), make_bucket(s3)
        made = {"dynamodb": dynamodb, "sqs": sqs, "s3": s3, "secretsmanager": secretsmanager}
        for name, client in made.items():
            client.meta.events.register(f"provide-client-params.{name}", self._note)
            monkeypatch.setattr(clients, name, lambda *_, client=client, **__: client)
        self.clock = PumpedClock(START_MS)
        monkeypatch.setattr(deadlines, "_CLOCK", self.clock)
        monkeypatch.setattr(together, "_CLOCK", SettableClock(0))  # behind a slow request nobody waits; none is slow
        self.names = {
            "jobs_table": self.tables.jobs,
            "wheel_table": self.tables.wheel,
            "executions_table": self.tables.executions,
        }
        stores = {
            **self.names,
            "queues": self.urls,
            "shards": 1,
            "control_table": self.tables.control,
            "deployment": "tidewheel",
            "lean_transport": True,
        }
        control = {"control_table": self.tables.control, "deployment": "tidewheel"}
        version = {"scheduler_function": "scheduler", "code_version": "v", "schedulers": 1}
        limits = {
            Limit.EXECUTIONS_PER_DAY: 10**6,
            Limit.REQUESTS_PER_SECOND: 10**3,
            Limit.ACTIVE_JOBS: 10**3,
            Limit.RUNNING_AT_ONCE: 9,
        }
        tenants = {"access_table": self.tables.access, "plans": {"default": limits}}
        api_ports = api.ports_of(
            ApiSettings(
                **stores,
                **tenants,
                pace=pace,
                logs_bucket=self.bucket,
                allow_kinds={},
                audit_table=self.tables.audit,
                sign_in=SignIn.GATEWAY,
            )
        )
        layouts = LayoutCache(api_ports.layouts.store, self.clock, 1)
        self.api_ports = replace(api_ports, clock=self.clock, layouts=layouts)
        self.api = services_of(self.api_ports)
        self.job_service, self.executions = self.api.jobs, self.api_ports.executions
        began = {
            "circuit_failures": 5,
            "circuit_open": 600,
            "tenant_concurrency": {TENANT: 9},
            "least_log": 0,
            "writes_together": WRITES_AT_ONCE,
        }
        self.consumer = worker.consumer(
            WorkerSettings(
                **stores,
                **began,
                pace=pace,
                logs_bucket=self.bucket,
                allowed_networks=(),
                allow_kinds={},
                **tenants,
            )
        )
        scheduler_loop = scheduler.scheduler_loop(
            SchedulerSettings(
                **stores, **tenants, **version, pace=pace, tenant_concurrency=began["tenant_concurrency"]
            ),
            "owner",
            0,
        )
        layouts = LayoutCache(scheduler_loop.layouts.store, self.clock, 1)  # as another process knows it
        self.scheduler_loop = replace(scheduler_loop, clock=self.clock, executor=InlineExecutor(), layouts=layouts)
        self.reconcile = replace(reconciler.reconciler(ReconcilerSettings(**stores)), clock=self.clock)
        self.dead_letter_handler = replace(
            dead_letter_handler.dead_letter_handler(DeadLetterHandlerSettings(**stores, pace=pace)), clock=self.clock
        )
        self.watch = replace(watchdog.watchdog(WatchdogSettings(**control, **version)), clock=self.clock)

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.used |= set(_actions(model.name, params))

    def builder(self, schedule: Schedule | None) -> Any:
        return lambda *_: Definition("n", schedule, Target("http", {}), overlap=Overlap.QUEUE)

    def scheduled(self, unturned_ms: int = 6_000) -> None:
        """A history that needs every call of the scheduler's."""
        paused, deleted = self.job(), self.job()
        self.job()  # goes on, and is armed
        self.job_service.create(TENANT, self.builder(Schedule(At(START_MS + 40_000))))
        self.clock.advance(unturned_ms)
        self.job_service.pause(TENANT, paused)  # its entry stands for what was due before: the history is read
        self.job_service.delete(TENANT, deleted)  # its record is missing: it is read again
        self.clock.advance(20_000)  # an outage, with instants that will not run

    def job(self) -> str:
        return self.job_service.create(TENANT, self.builder(Schedule(every(5_000)))).id

    def run_of_two_steps(self) -> str:
        """A run that a worker has begun."""
        step = {"target": {"kind": "http", "url": "https://example.com/hook"}}
        steps = {"extract": step, "load": {**step, "needs": ["extract"]}}
        body = read_workflow({"name": "flow", "steps": steps})
        self.api.workflows.put(TENANT, NewDefinition(workflow_of(body), document_of(body)))
        queued = self.api.workflow_runs.start(TENANT, "flow", {}).run
        record = self.executions.get(TENANT, queued.id)
        assert record is not None
        assert record.run is not None
        self.executions.swap(opened(record, record.run, START_MS, START_MS, None), record.version)
        return queued.id


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with mock_aws():
        yield Deployment(monkeypatch)


@pytest.fixture
def economy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with mock_aws():
        yield Deployment(monkeypatch, ECONOMY)


Either = tuple[Deployment, Mapping[str, Mapping[str, str]]]


@pytest.fixture(params=["deployment", "economy"])
def either(request: pytest.FixtureRequest) -> Either:
    """A deployment at each pace, and what it is granted."""
    allowed = {"deployment": ALLOWED, "economy": ALLOWED_IN_ECONOMY}
    return request.getfixturevalue(request.param), allowed[request.param]


def _granted(
    role: str, deployment: Deployment, allowed: Mapping[str, Mapping[str, str]] = ALLOWED
) -> set[tuple[str, str]]:
    """The table of ``test_permissions`` with this deployment's names; what is invoked or called is left to it."""
    named = {f"dynamodb:table/tidewheel-{role}": name for role, name in vars(deployment.tables).items()}
    named["dynamodb:table/tidewheel-jobs/index/by_tenant"] = f"{deployment.tables.jobs}/index/by_tenant"
    named["dynamodb:table/tidewheel-executions/index/by_failure"] = f"{deployment.tables.executions}/index/by_failure"
    named |= {LOGS: deployment.bucket, f"{LOGS}/*": f"{deployment.bucket}/*"}
    named["secretsmanager:secret:tidewheel/tidewheel/*"] = "tidewheel/tidewheel"
    queue = deployment.urls[ROUTES[2]].rpartition("/")[2]  # the jobs of these tests all go to one
    return {
        (action, queue if resource.startswith("<Queue") else named[resource])
        for resource, actions in allowed[role].items()
        if "lambda:" not in resource and resource != DEAD_LETTERS and resource not in TARGETS
        for action in actions.split()
        if role not in ("worker", "dead_letter_handler") or action not in BY_LAMBDA
    }


def test_the_api(either: Either) -> None:
    deployment, allowed = either
    services, table = deployment.api, deployment.tables.control
    job_service, executions, store = services.jobs, services.executions, deployment.executions
    job_service.create(TENANT, deployment.builder(None), "key", "print")
    job = deployment.job()
    job_service.edit(TENANT, job, deployment.builder(Schedule(At(START_MS + 10**6))))
    job_service.pause(TENANT, job)
    execution = executions.run(TENANT, job, "key")
    executions.get(TENANT, execution.id)
    executions.history(TENANT, job, 5, None)
    services.ledger.report(TENANT, job, None, None)
    dead = replace(ended_unrun(executions.get(TENANT, execution.id), State.DEAD, "given up", START_MS), attempt=1)
    store.swap(dead, 1)
    S3Logs(deployment.bucket, lambda: boto3.client("s3")).append(TENANT, dead.id, 1, 0, b"what its worker wrote")
    assert services.logs.read(TENANT, dead.id).text == "what its worker wrote"
    plan = services.dead_letters.planned(TENANT, [dead.id], 1, 0)
    assert services.dead_letters.redrive(TENANT, plan).ids == [dead.id]
    started = services.repeats.begin(TENANT, "redriveDeadLetters key", "digest", str(plan))
    services.repeats.fulfil_planned(started, "answer")
    assert services.repeats.found(TENANT, started.name, "digest") == started.fulfilled("answer")
    services.dead_letters.listed(TENANT, job, 5, None)
    waiter = str(ExecutionId(job, START_MS + 10**6))
    store.swap(with_wait_reason(Dispatch(TENANT, waiter, 1, 2, START_MS, recorded=False).blank(), "waits"), None)
    again = executions.run(TENANT, job)
    deployment.api_ports.locks.swap(Lock(TENANT, job, again.id, waiter, 1, START_MS))
    assert executions.cancel(TENANT, again.id).state is State.CANCELLED  # and calls the one that waits
    job_service.listed(TENANT, JobFilter(), 5, None)
    assert job_service.meant(TENANT, job[:8]) == job
    job_service.delete(TENANT, job)
    services.limits.admit(TENANT)
    claim = keys.claim_name(again.id, "h")
    assert deployment.api_ports.permits.take(Permit(TENANT, 0, claim, START_MS + LEASE_MS, 1), START_MS)
    services.limits.usage(TENANT)
    _administered(services)
    assert deployment.used == _granted("api", deployment, allowed)
    assert ("UpdateItem", table) in deployment.used  # the wheel's origin, written when the flow was wired


def _administered(services: ApiServices) -> None:
    """A key and a tenant are made, and the audit log is written and read."""
    who = Principal(TENANT, "key:k1", Role.PLATFORM_ADMIN)
    made = services.keys.create(who, NewKey("reader", Role.VIEWER))
    assert [key.id for key in services.keys.listed(who, 5, None).items] == [made.key.id]
    services.tenants.create(who, Tenant("acme"))
    row = an_audit_row(at_ms=START_MS)
    services.audit.tried(row)
    services.audit.ended(replace(row, number=1, status=201))
    asked = AuditFilter(row.at_ms - HOUR_MS, row.at_ms + HOUR_MS)
    assert [one.status for one in services.audit.listed(row.tenant, asked, 5, None).items] == [201]


def _held(grants: PermitGrants, job: str, count: int) -> list[Permit]:
    """So many permits of the tenant are held, and an execution waits for one."""
    now = grants.clock.now_ms()
    ids = [str(ExecutionId(job, START_MS + HOUR_MS + n)) for n in range(count + 1)]
    held = [Permit(TENANT, n, keys.claim_name(ids[n], f"c{n}"), now + LEASE_MS, 1, 0, now) for n in range(count)]
    before = {row.number: row.holder for row in grants.permits.all(TENANT)}
    assert all(grants.permits.take(permit, now, before.get(permit.number, "")) for permit in held)
    grants.lines.announce(Announced(TENANT, count + 1, grants.token()))
    grants.lines.join(LineEntry(TENANT, ids[count], 1, 2, now, 0, 1, now, ROUTES[2], grants.token()))
    return held


def _guard_the_line(deployment: Deployment, job: str) -> None:
    """The scheduler gives a permit to who waits in line."""
    assert deployment.scheduler_loop.line_guard is not None
    guard = deployment.scheduler_loop.line_guard()
    guard._grants = grants = replace(guard._grants, clock=deployment.clock)
    _held(grants, job, 1)
    guard.look()
    assert not grants.lines.head(TENANT, 1)


def _give_on(deployment: Deployment, job: str) -> None:
    """The worker finds no permit, and gives its own to who waits in line."""
    limiter = deployment.consumer.runner.admission.limiter
    grants = limiter._grants
    limit = limiter.limit(TENANT)
    assert limit is not None
    first, *_ = _held(grants, job, limit)
    (waiting,) = grants.lines.head(TENANT, 1)
    limiter.join(waiting, NoPermit(behind=False, seen_ms=0))
    limiter.give_back(first, void=True)
    assert not grants.lines.head(TENANT, 1)


def _set_aside(deployment: Deployment, job: str) -> None:
    """The scheduler meets a message that no queue takes."""
    loop = deployment.scheduler_loop
    stores = loop.stores
    flow = Undeliverable(stores.jobs, stores.executions, stores.wheel, loop.clock, loop.telemetry, loop.ends)
    id = str(ExecutionId(job, START_MS + 3_600_000))
    refusal = Refused("queue.send", "", "InvalidMessageContents", mendable=False)
    assert flow.set_aside(Dispatch(TENANT, id, 1, 1, START_MS, recorded=False), ROUTES[2], refusal) is None


def test_the_scheduler(deployment: Deployment) -> None:
    deployment.scheduled()
    job = deployment.job()
    deployment.used.clear()
    until = START_MS + 130_000
    deployment.scheduler_loop.run(lambda: until - deployment.clock.now_ms())
    _set_aside(deployment, job)
    _guard_the_line(deployment, job)
    assert deployment.used == _granted("scheduler", deployment)


class Fails:
    """A target that asks for a secret in vain, and then fails."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets

    def call(self, call: Call) -> Answer:
        with pytest.raises(LookupError):
            self.secrets.get(call.tenant, "token")
        call.progress.write(b"a line of the log\n" * 20)
        return Answer(Result.FAILED, 500)


def _read_together(deployment: Deployment, *wanted: str) -> None:
    """What the worker asks when several threads read jobs at once."""
    jobs = deployment.consumer.runner.reader.jobs
    assert isinstance(jobs, DynamoJobs)
    assert jobs.gets is not None
    asking = jobs.gets.together
    with ThreadPoolExecutor(3) as threads, holding(jobs.client, "GetItem") as held:
        threads.submit(jobs.get, TENANT, wanted[0])
        held.waits.wait()
        found = [threads.submit(jobs.get, TENANT, job) for job in wanted]
        until(lambda: asking.waiting == len(wanted), "reads that wait")
        held.let_go()
        assert all(future.result() for future in found)


def _write_together(deployment: Deployment, job: str) -> None:
    """What the worker asks when several threads write at once; moto knows no statements, so it is not asked."""
    executions = deployment.consumer.runner.executions
    assert isinstance(executions, DynamoExecutions)
    assert executions.swaps is not None
    client: Any = executions.client
    asking = executions.swaps.together
    first, *others = (Dispatch(TENANT, str(ExecutionId(job, n)), 1, 1, n, recorded=False).blank() for n in (1, 2, 3))
    answer = SimpleNamespace(status_code=200), {"Responses": [{}, {}]}
    client.meta.events.register("before-call.dynamodb.BatchExecuteStatement", lambda **_: answer)
    with ThreadPoolExecutor(3) as threads, holding(client, "PutItem") as held:
        threads.submit(executions.swap, first, None)
        held.waits.wait()
        written = [
            threads.submit(executions.swap, replace(record, version=version), version - 1 or None)
            for version, record in enumerate(others, 1)
        ]
        until(lambda: asking.waiting == len(others), "writes that wait")
        held.let_go()
        assert [future.result() for future in written] == [None, None]


def test_the_worker(either: Either) -> None:
    deployment, allowed = either
    later = RetryPolicy(3, base_ms=10**6, cap_ms=10**6)  # waits on the wheel at any pace
    lazy = deployment.job_service.create(TENANT, lambda *_: replace(deployment.builder(None)(), retry=later)).id
    job = deployment.job()
    deployment.job_service.pause(TENANT, job)
    deployment.clock.advance(60_000)
    deployment.job_service.resume(TENANT, job)
    runner = deployment.consumer.runner
    fails = Fails(cast(Callers, runner.calls.callers).surroundings.secrets)
    consumer = replace(
        deployment.consumer,
        runner=replace(runner, calls=replace(runner.calls, callers={"http": fails})),
        _threads=InlineExecutor(),  # what goes together is left to chance on several threads
    )
    deployment.used.clear()
    _read_together(deployment, lazy, job)
    _write_together(deployment, lazy)
    dispatches = [
        Dispatch(TENANT, str(ExecutionId(job, START_MS + 5_000 * n)), 1, generation, START_MS, recorded=recorded)
        for n, generation, recorded in ((1, 1, False), (20, 3, False), (21, 3, True))
    ]
    dispatches.append(Dispatch(TENANT, str(ExecutionId(lazy, START_MS)), 1, 1, START_MS, recorded=False))
    bodies = [*map(dump, dispatches), "nonsense"]
    consumer.handle([Received(str(n), "receipt", body, ROUTES[2], 1) for n, body in enumerate(bodies)])
    _give_on(deployment, job)
    assert deployment.used == _granted("worker", deployment, allowed)


def test_the_watchdog(deployment: Deployment) -> None:
    deployment.used.clear()
    deployment.api_ports.clock.sleep(1)
    lease = deployment.watch.leases.take(None, "owner", "v")
    assert lease is not None
    deployment.used.clear()
    beats = deployment.clock.sleep
    deployment.clock.sleep = lambda ms: (deployment.scheduler_loop.stores.leases.renew(lease), beats(ms))  # type: ignore[method-assign,assignment]
    assert deployment.watch.look() == 0
    assert deployment.used - {("UpdateItem", deployment.tables.control)} == _granted("watchdog", deployment)


def test_the_reconciler(deployment: Deployment) -> None:
    at = START_MS + 10 * MINUTE_MS  # nobody turns the wheel, and yet its cursors pass
    deployment.job_service.create(TENANT, deployment.builder(Schedule(At(at))))
    ownership = deployment.scheduler_loop.stores.ownership
    assert ownership.claim(0, None, 0, 1) is not None
    deployment.clock.advance(HOUR_MS)
    ownership.advance(0, 1, {ring.level: deployment.clock.now_ms() for ring in RINGS})
    deployment.used.clear()
    assert deployment.reconcile.run().repaired == 1
    higher = deployment.urls[ROUTES[1]].rpartition("/")[2]  # what is late may wait there
    assert deployment.used - {("GetQueueAttributes", higher)} == _granted("reconciler", deployment)


def test_the_dead_letter_handler(deployment: Deployment) -> None:
    job, at = deployment.job(), START_MS + 5_000
    running, waiter = (Dispatch(TENANT, str(ExecutionId(job, at + n)), 1, 1, at, recorded=False) for n in (0, 5_000))
    locks = DynamoLocks(clients.dynamodb(), deployment.tables.executions)
    locks.swap(Lock(TENANT, job, running.execution, waiter.execution, 1, at))
    deployment.executions.swap(with_wait_reason(waiter.blank(), "waits"), None)
    step = Dispatch(TENANT, ExecutionId.parse(deployment.run_of_two_steps()).of_node(0), 1, 1, at, recorded=False)
    deployment.used.clear()
    bodies = [*(dump(replace(one, returns=MAX_RETURNS)) for one in (running, step)), dump(waiter), "nonsense"]
    assert deployment.dead_letter_handler.handle([DeadLetter(str(n), body) for n, body in enumerate(bodies)]) == []
    never = Dispatch(TENANT, str(ExecutionId(job, at + 10_000)), 1, 1, at, recorded=False)
    handler = deployment.dead_letter_handler
    handler.undeliverable.set_aside(never, ROUTES[2], Refused("queue.send", "", "AccessDenied", mendable=False))
    assert deployment.used == _granted("dead_letter_handler", deployment)


def test_the_scheduler_in_economy_mode(economy: Deployment) -> None:
    economy.job_service.create(TENANT, economy.builder(Schedule(At(START_MS + 600_000))))  # lies in a slot, as a single
    economy.scheduled(400_000)
    economy.api.executions.run(TENANT, job := economy.job())
    economy.used.clear()
    for _ in range(12):
        until = economy.clock.now_ms() + 60_000
        economy.scheduler_loop.run(lambda until=until: until - economy.clock.now_ms())
        economy.clock.advance(60_000)
    _set_aside(economy, job)
    _guard_the_line(economy, job)
    assert economy.used == _granted("scheduler", economy, ALLOWED_IN_ECONOMY)
