"""What the reconciler's sweep costs, by job: it is a safeguard, and its price is part of the design."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.support.billing import Bill
from tests.support.tables import make_queues, make_tables
from tests.support.world import Backend, Cloud, cloud_backend
from tests.support.world_examples import NOW_MS, a_job, execution
from tidewheel.adapters.memory import RecordingTelemetry, SettableClock
from tidewheel.domain.executions.states import State
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import DAY_MS, MINUTE_MS, RECONCILE_PAGE, WAITING_PARTS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.wheel.levels import RINGS
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.recovery.reconciler import Reconciler

JOBS = RECONCILE_PAGE + 20
DAILY = Schedule(Cron("0 0 * * *", "UTC"))


@pytest.fixture
def world() -> Iterator[tuple[Backend, Bill]]:
    with mock_aws():
        dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
        bill = Bill()
        yield (
            cloud_backend("moto", Cloud(bill.watch(dynamodb), sqs, make_tables(dynamodb), make_queues(sqs))),
            bill,
        )


def test_a_sweep_reads_less_than_a_unit_for_each_job(world: tuple[Backend, Bill]) -> None:
    backend, bill = world
    midnight = DAILY.first_from(NOW_MS)
    assert midnight is not None
    for number in range(JOBS):
        _ran(backend, a_job(number, schedule=DAILY), midnight)
    assert backend.ownership.claim(0, None, 0, 1) is not None
    clock = SettableClock(midnight + 20 * MINUTE_MS)
    backend.layouts.establish(Layout.first(NOW_MS, 1))
    backend.ownership.advance(0, 1, dict.fromkeys((ring.level for ring in RINGS), midnight + DAY_MS))
    bill.clear()
    tally = Reconciler(
        backend.jobs,
        backend.executions,
        backend.wheel,
        backend.sweeps,
        backend.ownership,
        backend.queue,
        clock,
        RecordingTelemetry(),
        LayoutCache(backend.layouts, clock, 1),
        backend.permit_lines,
    ).run()
    assert (tally.looked, tally.repaired) == (JOBS, 0)
    for line in bill.lines(JOBS):
        print(line)  # noqa: T201
    assert sum(bill.reads.values()) <= 0.75 * JOBS
    assert sum(bill.writes.values()) <= 0.02 * JOBS
    # two pages, each in three, what a run reads at its beginning, and one look at each part of what waits
    assert sum(bill.requests.values()) <= 10 + WAITING_PARTS


def _ran(backend: Backend, job: Job, nominal_ms: int) -> None:
    """Twice edited, once run: the rows beside the record must not be paid for."""
    backend.jobs.create(job, None, None)
    for _ in range(2):
        before, job = job, job.edited(job.definition, job.state, NOW_MS)
        backend.jobs.replace(job, before, None)
    backend.executions.swap(execution(job, nominal_ms, state=State.SUCCEEDED), None)
