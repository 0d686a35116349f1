"""Every port on every backend that the contract suite knows, and what a backend lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from os import environ
from threading import RLock
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from tests.support.tables import Tables, drop_bucket, drop_queues, drop_tables, make_bucket, make_queues, make_tables
from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb.access.api_keys import DynamoApiKeys
from tidewheel.adapters.aws.dynamodb.access.tenants import DynamoTenants
from tidewheel.adapters.aws.dynamodb.audit import DynamoAudit
from tidewheel.adapters.aws.dynamodb.circuits import DynamoCircuits
from tidewheel.adapters.aws.dynamodb.control.health import DynamoHealth
from tidewheel.adapters.aws.dynamodb.control.layouts import DynamoLayouts
from tidewheel.adapters.aws.dynamodb.control.leases import DynamoLeases
from tidewheel.adapters.aws.dynamodb.control.ownership import DynamoOwnership
from tidewheel.adapters.aws.dynamodb.control.sweeps import DynamoSweeps
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.aws.dynamodb.grouped_gets import GroupedGets
from tidewheel.adapters.aws.dynamodb.grouped_swaps import GroupedSwaps
from tidewheel.adapters.aws.dynamodb.jobs import DynamoJobs
from tidewheel.adapters.aws.dynamodb.locks import DynamoLocks
from tidewheel.adapters.aws.dynamodb.permit_lines import DynamoPermitLines
from tidewheel.adapters.aws.dynamodb.permits import DynamoPermits
from tidewheel.adapters.aws.dynamodb.quotas.counters import DynamoCounters
from tidewheel.adapters.aws.dynamodb.quotas.tallies import DynamoTallies
from tidewheel.adapters.aws.dynamodb.requests import DynamoRequests
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.dynamodb.workflows.definitions import DynamoWorkflows
from tidewheel.adapters.aws.logs import S3Logs
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.memory import (
    MemoryApiKeys,
    MemoryAudit,
    MemoryCircuits,
    MemoryControl,
    MemoryCounters,
    MemoryExecutions,
    MemoryJobs,
    MemoryLocks,
    MemoryLogs,
    MemoryPermitLines,
    MemoryPermits,
    MemoryQueue,
    MemoryRequests,
    MemoryTallies,
    MemoryTenants,
    MemoryWheel,
    MemoryWorkflows,
    SettableClock,
    World,
)
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.limits import WRITES_AT_ONCE
from tidewheel.ports import (
    ApiKeys,
    Audit,
    Circuits,
    Counters,
    Executions,
    HealthStore,
    Jobs,
    LayoutStore,
    LeaseStore,
    Locks,
    Logs,
    PermitLines,
    Permits,
    Queue,
    Requests,
    ShardOwnership,
    SweepStore,
    Tallies,
    Tenants,
    Wheel,
    WorkflowStore,
)

LACKS: Mapping[str, Mapping[str, str]] = {
    "memory": {
        "damage": "it keeps objects, which cannot be damaged",
        "requests": "nothing goes over a wire that could be repeated",
        "statements": "it has no requests that could hold several",
    },
    "moto": {
        "tokens": "it ignores ClientRequestToken: a repeated transaction is judged anew",
        "threads": "its transactions are not isolated from other threads",
        "statements": "its PartiQL reports conditions that failed as success",
    },
    "ministack": {},
}
"""What a backend cannot show, with the reason; tests name what they need by ``@needs``."""


@dataclass(frozen=True)
class Cloud:
    """The raw side of an AWS backend."""

    dynamodb: Any
    sqs: Any
    tables: Tables
    urls: Mapping[Route, str] = field(default_factory=dict)
    s3: Any = None
    bucket: str = "logs"


Received = list[tuple[str, str]]
"""Receipt and body of messages."""


@dataclass(frozen=True)
class Backend:
    """The ports of one world.

    Args:
        name: Which one, as in ``LACKS``.
        receive: Takes up to ten messages from a route without hiding them.
        cloud: What lies beneath, or None in memory.
    """

    name: str
    jobs: Jobs
    executions: Executions
    locks: Locks
    circuits: Circuits
    permits: Permits
    tenants: Tenants
    api_keys: ApiKeys
    requests: Requests
    counters: Counters
    tallies: Tallies
    audit: Audit
    permit_lines: PermitLines
    wheel: Wheel
    layouts: LayoutStore
    leases: LeaseStore
    ownership: ShardOwnership
    sweeps: SweepStore
    health: HealthStore
    queue: Queue
    logs: Logs
    receive: Callable[[Route], Received]
    workflows: WorkflowStore
    cloud: Cloud | None = None
    world: World | None = None


@cache
def clients_at(endpoint: str) -> tuple[Any, Any, Any]:
    """DynamoDB, SQS and S3 clients with the product's own settings; an empty endpoint is moto's to catch.

    Requests to a real endpoint go as those of deployed functions do; moto stands beside the SDK's own transport.
    """
    lean = bool(endpoint)
    if endpoint:
        environ["AWS_ENDPOINT_URL"] = endpoint
    try:
        return clients.dynamodb(lean=lean), clients.sqs(lean=lean), clients.s3()
    finally:
        environ.pop("AWS_ENDPOINT_URL", None)


def cloud_backend(name: str, cloud: Cloud) -> Backend:
    """The AWS adapters over raw clients."""
    tables, dynamodb = cloud.tables, cloud.dynamodb
    control = ControlTable(dynamodb, tables.control)
    gets = GroupedGets(dynamodb, "jobs.get", tables.jobs)
    most = 1 if "statements" in LACKS.get(name, {}) else WRITES_AT_ONCE
    swaps = GroupedSwaps(dynamodb, "executions.swap", tables.executions, most)

    def receive(route: Route) -> Received:
        answer = cloud.sqs.receive_message(
            QueueUrl=cloud.urls[route], MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0
        )
        return [(message["ReceiptHandle"], message["Body"]) for message in answer.get("Messages", [])]

    return Backend(
        name,
        DynamoJobs(dynamodb, tables.jobs, tables.wheel, tables.executions, "2026a", gets),
        DynamoExecutions(dynamodb, tables.executions, swaps),
        DynamoLocks(dynamodb, tables.executions),
        DynamoCircuits(dynamodb, tables.executions),
        DynamoPermits(dynamodb, tables.executions),
        DynamoTenants(dynamodb, tables.access),
        DynamoApiKeys(dynamodb, tables.access),
        DynamoRequests(dynamodb, tables.jobs),
        DynamoCounters(dynamodb, tables.executions),
        DynamoTallies(dynamodb, tables.jobs),
        DynamoAudit(dynamodb, tables.audit),
        DynamoPermitLines(dynamodb, tables.executions),
        DynamoWheel(dynamodb, tables.wheel),
        DynamoLayouts(control),
        DynamoLeases(control),
        DynamoOwnership(control),
        DynamoSweeps(control),
        DynamoHealth(control),
        SqsQueue(cloud.sqs, cloud.urls),
        S3Logs(cloud.bucket, lambda: cloud.s3),
        receive,
        DynamoWorkflows(dynamodb, tables.jobs),
        cloud,
    )


@contextmanager
def memory() -> Iterator[Backend]:
    """Everything in memory."""
    world, control, clock = World(), MemoryControl(), SettableClock(1_795_000_000_000)
    queue = MemoryQueue(clock, visibility_ms=0)
    yield Backend(
        "memory",
        MemoryJobs(world, clock),
        MemoryExecutions(world),
        MemoryLocks(world),
        MemoryCircuits(world),
        MemoryPermits(world),
        MemoryTenants(world),
        MemoryApiKeys(world),
        MemoryRequests(world),
        MemoryCounters(world),
        MemoryTallies(world),
        MemoryAudit(world),
        MemoryPermitLines(world),
        MemoryWheel(world, clock),
        control,
        control,
        control,
        control,
        control,
        queue,
        MemoryLogs(),
        lambda route: [(message.receipt, message.body) for message in queue.take(route)],
        MemoryWorkflows(world),
        world=world,
    )


@contextmanager
def moto() -> Iterator[Backend]:
    """AWS imitated in this process; nothing of it outlives the block.

    moto checks a condition and writes in two steps, between which another thread may write; AWS does not.
    So its calls are served one at a time.
    """
    serve, turn = BotocoreStubber.process_request, RLock()

    def in_turn(stubber: BotocoreStubber, request: Any) -> Any:
        with turn:
            return serve(stubber, request)

    with mock_aws(), patch.object(BotocoreStubber, "process_request", in_turn):
        dynamodb, sqs, s3 = clients_at("")
        yield cloud_backend("moto", Cloud(dynamodb, sqs, make_tables(dynamodb), make_queues(sqs), s3, make_bucket(s3)))


@contextmanager
def ministack_world(endpoint: str) -> Iterator[Backend]:
    """Tables, queues and a bucket of its own on a running MiniStack."""
    dynamodb, sqs, s3 = clients_at(endpoint)
    cloud = Cloud(dynamodb, sqs, make_tables(dynamodb), make_queues(sqs), s3, make_bucket(s3))
    try:
        yield cloud_backend("ministack", cloud)
    finally:
        drop_tables(dynamodb, cloud.tables)
        drop_queues(sqs, cloud.urls)
        drop_bucket(s3, cloud.bucket)
