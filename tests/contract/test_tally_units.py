"""What the limit of active jobs costs on AWS: nothing, for tenants without it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from tests.support.billing import Bill
from tests.support.tables import drop_tables, make_tables
from tests.support.world import Backend, Cloud, cloud_backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, a_tenant, closing
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.limits import HOUR_MS, LIST_BUCKETS, SECOND_MS
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit
from tidewheel.domain.quotas.tally import SETTLED_AFTER_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.engine.api.limits.active_jobs import ActiveJobs
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.common.token_leaser import TokenLeaser

MOST = 40


class Billed:
    """Jobs that are written within the limit, and what each write costs: write units, and read units."""

    def __init__(self, backend: Backend, bill: Bill, most: int | None) -> None:
        self.backend, self._bill, self.clock = backend, bill, SettableClock(NOW_MS)
        limits = {} if most is None else {Limit.ACTIVE_JOBS: most}
        assert backend.tenants.swap(a_tenant(TENANT, limits=limits)) is None
        quota = Quota(TenantCache(backend.tenants, self.clock), {}, TokenLeaser(backend.counters, self.clock))
        self.active = ActiveJobs(quota, backend.jobs, backend.tallies, self.clock)
        quota.of(TENANT)
        self._bill.clear()

    def _paid(self) -> tuple[float, float]:
        bill = self._bill
        paid = bill.writes["jobs", "TransactWriteItems"] + bill.writes["jobs", "PutItem"]
        found = sum(units for (table, _), units in bill.found.items() if table == "jobs")
        bill.clear()
        return paid, found

    def creates(self, job: Job) -> tuple[float, float]:
        stored = self.active.stored(TENANT, None, job, lambda tally: self.backend.jobs.create(job, None, None, tally))
        assert stored is True
        return self._paid()

    def pauses(self, job: Job) -> tuple[float, float]:
        new = job.edited(job.definition, JobState.PAUSED, NOW_MS + 1)
        assert self.active.stored(TENANT, job, new, lambda tally: self.backend.jobs.replace(new, job, None, tally))
        return self._paid()

    def deletes(self, job: Job) -> tuple[float, float]:
        last = closing(job)
        assert self.active.stored(TENANT, job, None, lambda tally: self.backend.jobs.delete(job, 1, last, tally))
        return self._paid()

    def is_refused(self) -> tuple[float, float]:
        assert isinstance(self.active.refused(TENANT, None, a_job(999)), Exceeded)
        return self._paid()


@pytest.fixture
def billed(ministack_endpoint: str) -> Iterator[tuple[Backend, Bill]]:
    dynamodb, bill = boto3.client("dynamodb", endpoint_url=ministack_endpoint), Bill()
    cloud = Cloud(bill.watch(dynamodb), None, make_tables(dynamodb))
    yield cloud_backend("ministack", cloud), bill
    drop_tables(dynamodb, cloud.tables)


def plainly(backend: Backend, bill: Bill) -> tuple[float, float]:
    """The write units of a job that is created, and of one that is paused, without a limit."""
    job = a_job(900)
    backend.jobs.create(job, None, None)
    created = bill.writes["jobs", "TransactWriteItems"]
    bill.clear()
    backend.jobs.replace(job.edited(job.definition, JobState.PAUSED, NOW_MS + 1), job, None)
    return created, bill.writes["jobs", "TransactWriteItems"]


@pytest.mark.ministack
def test_a_tenant_without_the_limit_pays_nothing(billed: tuple[Backend, Bill]) -> None:
    created, replaced = plainly(*billed)
    free = Billed(*billed, None)
    assert free.creates(a_job(1)) == (created, 0)
    assert free.pauses(a_job(1)) == (replaced, 0)
    assert free.backend.tallies.get(TENANT) is None


@pytest.mark.ministack
def test_with_it_a_job_that_is_created_paused_or_deleted_pays_two_writes_and_a_read(
    billed: tuple[Backend, Bill],
) -> None:
    created, replaced = plainly(*billed)
    limited = Billed(*billed, MOST)
    assert limited.creates(a_job(1))[0] == created + 3  # the first one has all counted, and writes the tally
    assert limited.creates(a_job(2)) == (created + 2, 1)
    assert limited.pauses(a_job(1)) == (replaced + 2, 1)
    assert limited.deletes(a_job(2))[1] == 1


@pytest.mark.ministack
def test_a_refusal_costs_a_read_while_nothing_has_ended_and_what_has_is_found_by_its_end(
    billed: tuple[Backend, Bill],
) -> None:
    limited = Billed(*billed, MOST)
    for number in range(MOST - 1):
        limited.creates(a_job(number))
    limited.creates(a_job(MOST, schedule=Schedule(At(NOW_MS + HOUR_MS // 2))))
    limited.clock.advance(SETTLED_AFTER_MS)
    assert limited.active.used(TENANT) == MOST
    limited.is_refused()
    assert limited.is_refused() == (0, 1)
    limited.clock.advance(HOUR_MS // 2 + SECOND_MS)
    _, reads = limited.creates(a_job(MOST + 1))
    assert reads <= 2 + 2 * LIST_BUCKETS + 1  # the tally twice, those that have ended, and the next that ends
    assert limited.is_refused() == (0, 1)
