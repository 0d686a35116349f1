"""What an hour of a deployment in economy mode without a single job takes: calls counted, time measured."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3

from tests.bench.units import billed
from tests.support.billing_bench import Bench, NoLauncher
from tests.support.ends import ends_of
from tests.support.tables import drop_queues, drop_tables, make_queues, make_tables
from tests.support.world import Backend, Cloud, cloud_backend
from tests.support.world_examples import NOW_MS
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import InlineExecutor, RecordingTelemetry, SettableClock
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.wheel.pace import ECONOMY
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.scheduler.context import Stores
from tidewheel.engine.scheduler.handover import LAST_CALL_MS
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.engine.scheduler.term import End
from tidewheel.ports import Clock

_RUNS = 60
_TIMED = 20
_THREADS = 32  # as wiring/scheduler.py gives it


@dataclass
class _Leaping(SystemClock):
    """The system's clock, moved on by what lies between two runs."""

    leapt_ms: int = field(default=0)

    def now_ms(self) -> int:
        return super().now_ms() + self.leapt_ms

    def sleep_until(self, instant_ms: int) -> None:
        super().sleep_until(instant_ms - self.leapt_ms)


def _run(backend: Backend, clock: Clock, executor: Executor, shards: int) -> None:
    layouts = LayoutCache(backend.layouts, clock, shards)
    stores = Stores(backend.wheel, backend.jobs, backend.executions, backend.leases, backend.ownership, backend.health)
    telemetry = RecordingTelemetry()
    ends = ends_of(
        backend.executions,
        backend.locks,
        backend.wheel,
        backend.queue,
        layouts,
        clock,
        telemetry,
        backend.jobs,
        ECONOMY,
    )
    scheduler_loop = SchedulerLoop(
        stores, backend.queue, NoLauncher(), clock, telemetry, executor, layouts, ends, "bench", "v1", pace=ECONOMY
    )
    assert scheduler_loop.run(lambda: LAST_CALL_MS + 30 * SECOND_MS) is End.DONE
    assert not telemetry.errors


def _units(bench: Bench) -> dict[str, float]:
    return {
        "write_units": sum(bench.bill.writes.values()) / _RUNS,
        "read_units": sum(bench.bill.reads.values()) / _RUNS,
        "sqs_requests": bench.bill.count("SendMessageBatch") / _RUNS,
    }


def counted(endpoint: str, shards: int) -> dict[str, float]:
    """What one of an hour's runs is billed on average."""
    with billed(endpoint, NOW_MS, shards) as bench:
        clock = SettableClock(NOW_MS)
        _run(bench.backend, clock, InlineExecutor(), shards)
        bench.bill.clear()
        for _ in range(_RUNS):
            clock.advance(MINUTE_MS - clock.now_ms() % MINUTE_MS)
            _run(bench.backend, clock, InlineExecutor(), shards)
        return _units(bench)


def timed(endpoint: str, shards: int) -> dict[str, Any]:
    """How long a run takes on this machine, over the emulator (s)."""
    dynamodb, sqs = (boto3.client(kind, endpoint_url=endpoint) for kind in ("dynamodb", "sqs"))
    cloud = Cloud(dynamodb, sqs, make_tables(dynamodb), make_queues(sqs))
    backend, clock, took = cloud_backend("ministack", cloud), _Leaping(), []
    with ThreadPoolExecutor(_THREADS) as executor:
        for _ in range(_TIMED + 1):
            begin = time.perf_counter()
            _run(backend, clock, executor, shards)
            took.append(time.perf_counter() - begin)
            clock.leapt_ms += MINUTE_MS
    drop_tables(dynamodb, cloud.tables)
    drop_queues(sqs, cloud.urls)
    return {"seconds": round(statistics.median(took[1:]), 3), "longest": round(max(took[1:]), 3), "samples": _TIMED}


def run(endpoint: str, shards: int) -> dict[str, Any]:
    """One run: what it is billed, and how long it takes."""
    return {"shards": shards, "samples": _RUNS, **counted(endpoint, shards), "lambda": timed(endpoint, shards)}
