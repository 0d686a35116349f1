"""What the lists of jobs cost: reading a page, and writing the rows; the figures of shared/docs/design/lists.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from tests.support.billing import Bill
from tests.support.tables import drop_tables, make_queues, make_tables
from tests.support.world import Backend, Cloud, cloud_backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, closing
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.jobs.listing import ACTIVE, ALL, PAUSED, JobFilter, Listing, tagged
from tidewheel.domain.limits import DAY_MS, LIST_BUCKETS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At

RARE = tagged("rare", "1")
ONCE = Schedule(At(NOW_MS + DAY_MS))


@pytest.fixture
def world() -> Iterator[tuple[Backend, Bill]]:
    with mock_aws():
        dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
        bill = Bill()
        yield cloud_backend("moto", Cloud(bill.watch(dynamodb), sqs, make_tables(dynamodb), make_queues(sqs))), bill


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        (Listing(PAUSED), 1),
        (Listing(RARE), 1),
        (JobFilter(name_prefix="x-").listing(NOW_MS), 1),
        (JobFilter(owner="key:k1").listing(NOW_MS), 1),
        (Listing(ALL), 25),
        (Listing(ACTIVE), 25),
    ],
)
def test_a_page_costs_eight_units_for_rows_and_one_for_each_job(
    world: tuple[Backend, Bill], listing: Listing, found: int
) -> None:
    """However many other jobs there are: the match is the oldest of two hundred."""
    backend, bill = world
    for number in range(200):
        backend.jobs.create(a_job(number, name="other"), None, None)
    rare = replace(
        a_job(999, name="x-ray", tags={"rare": "1"}), created_ms=NOW_MS - 1, state=JobState.PAUSED, created_by="key:k1"
    )
    backend.jobs.create(rare, None, None)
    bill.clear()
    page = backend.jobs.listed(TENANT, listing, 25, None)
    assert len(page.items) == found
    assert bill.reads["jobs", "Query"] == LIST_BUCKETS
    assert bill.reads["jobs", "BatchGetItem"] == found
    assert sum(bill.requests.values()) == LIST_BUCKETS + 1


@pytest.fixture
def billed(ministack_endpoint: str) -> Iterator[tuple[Backend, Bill]]:
    dynamodb, bill = boto3.client("dynamodb", endpoint_url=ministack_endpoint), Bill()
    cloud = Cloud(bill.watch(dynamodb), None, make_tables(dynamodb))
    yield cloud_backend("ministack", cloud), bill
    drop_tables(dynamodb, cloud.tables)


@pytest.mark.ministack
@pytest.mark.parametrize(
    ("job", "units"),
    [
        (a_job(), 3),
        (a_job(tags={"a": "1", "b": "2"}), 5),
        (a_job(schedule=ONCE), 4),
        (a_job(schedule=None), 3),
        (replace(a_job(), created_by="key:k1"), 4),
    ],
)
def test_the_rows_of_a_new_job(billed: tuple[Backend, Bill], job: Job, units: int) -> None:
    backend, bill = billed
    backend.jobs.create(job, None, None)
    assert bill.writes["jobs", "BatchWriteItem"] == units


def _transacted(bill: Bill) -> float:
    """Write units of the transactions since the last look."""
    units = bill.writes["jobs", "TransactWriteItems"]
    bill.clear()
    return units


@pytest.mark.ministack
def test_an_edit_pays_for_the_rows_that_it_changes(billed: tuple[Backend, Bill]) -> None:
    backend, bill = billed
    job = a_job(tags={"a": "1"})
    backend.jobs.create(job, None, None)
    bill.clear()

    def edited(before: Job, after: Job) -> float:
        assert backend.jobs.replace(after, before, None)
        return _transacted(bill)

    same = job.edited(job.definition, JobState.ACTIVE, NOW_MS)
    without_rows = edited(job, same)
    named = same.edited(replace(job.definition, name="another"), JobState.ACTIVE, NOW_MS)
    assert edited(same, named) - without_rows == 4
    untagged = named.edited(replace(named.definition, tags={}), JobState.ACTIVE, NOW_MS)
    assert edited(named, untagged) - without_rows == 2
    paused = untagged.edited(untagged.definition, JobState.PAUSED, NOW_MS)
    assert edited(untagged, paused) - without_rows == 4
    assert backend.jobs.delete(paused, paused.generation, closing(paused))
