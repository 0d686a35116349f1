"""What an execution costs its worker: CPU of its own code and with boto3, and what AWS bills for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import boto3

from tests.support.billing import Bill
from tests.support.billing_bench import Target
from tests.support.calls import a_lease_renewer, an_admission
from tests.support.engines import ministack
from tests.support.runners import a_runner
from tests.support.tables import drop_queues, drop_tables, make_queues, make_tables
from tests.support.world import Backend, Cloud, cloud_backend, memory
from tests.support.world_examples import NOW_MS, ROUTE, TENANT, a_job
from tidewheel.adapters.memory import CountedEntropy, RecordingTelemetry, SettableClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.lease_renewer import HIDDEN_MS
from tidewheel.ports import SEND_BATCH, Received
from tidewheel.wire.message import dump, load


def _consumer(backend: Backend, clock: SettableClock) -> Consumer:
    telemetry = RecordingTelemetry()
    runner = a_runner(
        jobs=backend.jobs,
        executions=backend.executions,
        wheel=backend.wheel,
        queue=backend.queue,
        callers={"http": Target()},
        clock=clock,
        entropy=CountedEntropy(),
        telemetry=telemetry,
        layouts=LayoutCache(backend.layouts, clock, 1),
        locks=backend.locks,
        lease_renewer=a_lease_renewer(backend.executions, clock, telemetry),
        admission=an_admission(clock, telemetry, backend.circuits),
    )
    return Consumer(runner, backend.queue, telemetry, load)


def _dispatches(job: str, count: int) -> list[Dispatch]:
    due = [NOW_MS + number * SECOND_MS for number in range(count)]
    return [Dispatch(TENANT, str(ExecutionId(job, at_ms)), 1, 1, at_ms, recorded=False) for at_ms in due]


def _tens(dispatches: Sequence[Dispatch]) -> list[Sequence[Dispatch]]:
    return [dispatches[start : start + SEND_BATCH] for start in range(0, len(dispatches), SEND_BATCH)]


def _as_lambda(backend: Backend, consumer: Consumer, dispatches: Sequence[Dispatch]) -> None:
    """Ten messages in each invocation; Lambda's poller receives and deletes them."""
    for ten in _tens(dispatches):
        messages = [Received(str(n), str(n), dump(one), ROUTE, 1, NOW_MS) for n, one in enumerate(ten)]
        assert not consumer.handle(messages)


def _in_pool(backend: Backend, consumer: Consumer, dispatches: Sequence[Dispatch]) -> None:
    """The same, and the queue's requests are the worker's own."""
    for ten in _tens(dispatches):
        backend.queue.send(ROUTE, ten)
        messages = backend.queue.receive(ROUTE, SEND_BATCH, HIDDEN_MS)
        assert len(messages) == len(ten)
        assert not consumer.handle(messages)
        backend.queue.delete(ROUTE, [message.receipt for message in messages])


def _measured(backend: Backend, bill: Bill, count: int, work: Any) -> dict[str, Any]:
    clock = SettableClock(NOW_MS + count * SECOND_MS)
    job = a_job(0)
    assert backend.jobs.create(job, None, None)
    consumer = _consumer(backend, clock)
    dispatches = _dispatches(job.id, count + SEND_BATCH)
    work(backend, consumer, dispatches[:SEND_BATCH])  # connections and caches
    bill.clear()
    before = time.process_time()
    work(backend, consumer, dispatches[SEND_BATCH:])
    used_s = time.process_time() - before
    return {"samples": count, "cpu_ms_per_execution": round(used_s / count * 1e3, 3)}


def per_execution(own: int, deployed: int) -> dict[str, Any]:
    """The accounts.

    Args:
        own: Executions over stores in memory.
        deployed: Executions over the AWS adapters on the emulator, for each way to work.
    """
    with memory() as backend:
        found = {"own code, stores in memory": _measured(backend, Bill(), own, _as_lambda)}
    with ministack() as endpoint:
        for name, work in (("on Lambda", _as_lambda), ("in a pool", _in_pool)):
            bill = Bill()
            dynamodb, sqs = (bill.watch(boto3.client(kind, endpoint_url=endpoint)) for kind in ("dynamodb", "sqs"))
            cloud = Cloud(dynamodb, sqs, make_tables(dynamodb), make_queues(sqs))
            figures = _measured(cloud_backend("ministack", cloud), bill, deployed, work)
            figures["write_units"] = round(bill.written("wheel", "executions", "jobs") / deployed, 3)
            figures["sqs_requests"] = round(
                sum(bill.count(name) for name in ("ReceiveMessage", "DeleteMessageBatch")) / deployed, 3
            )
            found[name] = figures
            drop_tables(dynamodb, cloud.tables)
            drop_queues(sqs, cloud.urls)
    return found
