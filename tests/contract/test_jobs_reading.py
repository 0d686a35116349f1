"""``ports.Jobs``: how jobs and their generations are read back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, asked, schedule_entry, some_id
from tidewheel.adapters.aws.dynamodb.items import item_key
from tidewheel.adapters.aws.dynamodb.job_items import job_key
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.jobs.job import Generation, Job, JobState
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.domain.wheel.load import Load
from tidewheel.engine.scheduler.shard.records import resolve


def stored(backend: Backend, count: int, tenant: str = TENANT) -> list[Job]:
    jobs = [a_job(number, tenant=tenant) for number in range(count)]
    for job in jobs:
        assert backend.jobs.create(job, None, None)
    return jobs


def generation_key(job: str) -> dict[str, Any]:
    """The key of a job's first generation row."""
    return item_key(keys.job_partition(TENANT, job), keys.generation_sort(1))


def damage(backend: Backend, key: dict[str, Any], name: str = "d", value: str = "{") -> None:
    """Spoils an attribute of an item behind the adapter's back."""
    assert backend.cloud is not None
    backend.cloud.dynamodb.update_item(
        TableName=backend.cloud.tables.jobs,
        Key=key,
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": name},
        ExpressionAttributeValues={":v": {"S": value}},
    )


@pytest.mark.parametrize("consistent", [True, False])
def test_get_of_what_is_absent(backend: Backend, consistent: bool) -> None:
    assert backend.jobs.get(TENANT, some_id(5), consistent=consistent) is None


def test_generations_come_in_order_from_the_first_asked_for(backend: Backend) -> None:
    job = a_job()
    backend.jobs.create(job, None, None)
    rows = {1: Generation.of(job)}
    for n in range(2, 13):
        before, job = job, job.edited(job.definition, JobState.PAUSED if n % 2 else JobState.ACTIVE, NOW_MS + n)
        assert backend.jobs.replace(job, before, None)
        rows[n] = Generation.of(job)
    assert list(backend.jobs.generations(TENANT, job.id, 1).items()) == list(rows.items())
    assert list(backend.jobs.generations(TENANT, job.id, 9)) == [9, 10, 11, 12]
    assert backend.jobs.generations(TENANT, job.id, 13) == {}


def test_generations_belong_to_one_job(backend: Backend) -> None:
    one, _two = stored(backend, 2)
    stored(backend, 1, tenant="other")
    assert backend.jobs.generations(TENANT, one.id, 1) == {1: Generation.of(one)}
    assert backend.jobs.generations(TENANT, some_id(9), 1) == {}


def test_generations_do_not_see_other_rows_beside_the_job(backend: Backend) -> None:
    (job,) = stored(backend, 1)
    backend.jobs.enqueue(*asked(job), "key")
    assert backend.jobs.generations(TENANT, job.id, 1) == {1: Generation.of(job)}


def test_batch_answers_what_is_there(backend: Backend) -> None:
    jobs = stored(backend, 3)
    keys = [(TENANT, job.id) for job in jobs]
    assert backend.jobs.batch([*keys, (TENANT, some_id(99)), ("other", jobs[0].id)]) == dict(
        zip(keys, jobs, strict=True)
    )
    assert backend.jobs.batch([]) == {}


def test_batch_takes_any_iterable_and_repeated_keys(backend: Backend) -> None:
    jobs = stored(backend, 2)
    wanted = [(TENANT, job.id) for job in jobs]
    assert backend.jobs.batch(key for key in [*wanted, *wanted]) == dict(zip(wanted, jobs, strict=True))


def test_batch_over_a_hundred_keys(backend: Backend) -> None:
    jobs = stored(backend, 130)
    found = backend.jobs.batch((TENANT, job.id) for job in jobs)
    assert found == {(TENANT, job.id): job for job in jobs}


@pytest.mark.needs("damage")
@pytest.mark.parametrize(
    ("name", "value"), [("d", "{"), ("d", "[]"), ("d", "{}"), ("st", "sleeping"), ("gen", "one"), ("ef", "soon")]
)
def test_an_unreadable_record_is_a_value_in_a_batch_and_raised_by_get(backend: Backend, name: str, value: str) -> None:
    bad, good = stored(backend, 2)
    damage(backend, job_key(TENANT, bad.id), name, value)
    found = backend.jobs.batch([(TENANT, bad.id), (TENANT, good.id)])
    assert isinstance(found[TENANT, bad.id], Unreadable)
    assert found[TENANT, good.id] == good
    with pytest.raises(Unreadable, match=bad.id):
        backend.jobs.get(TENANT, bad.id, consistent=True)


@pytest.mark.needs("damage")
def test_an_unreadable_generation_is_raised(backend: Backend) -> None:
    (job,) = stored(backend, 1)
    damage(backend, generation_key(job.id), "s", '{"sometimes": 1}')
    with pytest.raises(Unreadable, match=job.id):
        backend.jobs.generations(TENANT, job.id, 1)


@pytest.mark.needs("damage")
def test_an_unreadable_generation_stops_nobody_elses_entry(backend: Backend) -> None:
    """The scheduler would end with anything that is no ``PortError``."""
    bad, good = stored(backend, 2)
    backend.jobs.replace(bad.edited(bad.definition, bad.state, NOW_MS + MINUTE_MS), bad, None)
    damage(backend, generation_key(bad.id), "s", "{")
    loaded = resolve(backend.jobs, Load(packs={"p#1": [schedule_entry(bad), schedule_entry(good)]}))
    assert list(loaded.unreadable) == [(TENANT, bad.id)]
    assert loaded.jobs[TENANT, good.id] == good


def pages(backend: Backend, tenant: str, limit: int) -> list[list[Job]]:
    found, cursor = [], None
    while True:
        page = backend.jobs.list(tenant, limit, cursor)
        found.append(list(page.items))
        if page.cursor is None:
            return found
        cursor = page.cursor


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_a_list_is_paged_by_id_without_gaps_or_doubles(backend: Backend, limit: int) -> None:
    jobs = stored(backend, 7)
    found = pages(backend, TENANT, limit)
    assert all(len(page) <= limit for page in found)
    assert [job for page in found for job in page] == jobs


def test_a_list_begins_after_the_id_given(backend: Backend) -> None:
    jobs = stored(backend, 4)
    assert backend.jobs.list(TENANT, 2, jobs[0].id).items == jobs[1:3]
    assert backend.jobs.list(TENANT, 2, jobs[3].id).items == []


def test_lists_of_tenants_are_apart(backend: Backend) -> None:
    ours, theirs = stored(backend, 2), stored(backend, 3, tenant="other")
    assert list(backend.jobs.list(TENANT, 10, None).items) == ours
    assert list(backend.jobs.list("other", 10, None).items) == theirs
    assert list(backend.jobs.list("acm", 10, None).items) == []


def test_a_list_shows_edits_and_no_rows_beside_the_jobs(backend: Backend) -> None:
    job, other = stored(backend, 2)
    new = job.edited(job.definition, JobState.PAUSED, NOW_MS + 1)
    backend.jobs.replace(new, job, None)
    assert list(backend.jobs.list(TENANT, 10, None).items) == [new, other]


@pytest.mark.needs("damage")
def test_a_damaged_record_hides_none_of_its_neighbours_in_a_list(backend: Backend) -> None:
    jobs = stored(backend, 3)
    damage(backend, job_key(TENANT, jobs[1].id))
    page = backend.jobs.list(TENANT, 2, None)
    assert list(page.items) == jobs[:1]
    assert [error.what for error in page.unreadable] == ["job"]
    assert list(backend.jobs.list(TENANT, 2, page.cursor).items) == jobs[2:]


def swept(backend: Backend, limit: int) -> list[Job]:
    found: list[Job] = []
    cursor, pages_seen = None, 0
    while pages_seen == 0 or cursor is not None:
        page = backend.jobs.sweep(cursor, limit)
        assert len(page.items) + len(page.unreadable) <= limit
        found += page.items
        cursor, pages_seen = page.cursor, pages_seen + 1
        assert pages_seen < 30
    return found


def in_order(jobs: list[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: (job.tenant, job.id))


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_sweep_meets_each_job_of_each_tenant_once_and_no_rows_beside_them(backend: Backend, limit: int) -> None:
    jobs = [*stored(backend, 4), *stored(backend, 3, tenant="other"), *stored(backend, 2, tenant="a-b_c")]
    backend.jobs.enqueue(*asked(jobs[0]), "key")
    edited = jobs[1].edited(jobs[1].definition, JobState.PAUSED, NOW_MS + 1)
    assert backend.jobs.replace(edited, jobs[1], None)
    gone = jobs[2].edited(jobs[2].definition, JobState.DELETED, NOW_MS + 5)
    assert backend.jobs.delete(jobs[2], 1, Generation.of(gone))
    assert in_order(swept(backend, limit)) == in_order([jobs[0], edited, *jobs[3:]])


def test_a_sweep_of_nothing_is_over(backend: Backend) -> None:
    page = backend.jobs.sweep(None, 10)
    assert (list(page.items), page.cursor, list(page.unreadable)) == ([], None, [])


def test_a_sweep_goes_on_with_a_cursor_that_was_kept(backend: Backend) -> None:
    stored(backend, 6)
    first = backend.jobs.sweep(None, 2)
    assert first.cursor is not None
    rest = backend.jobs.sweep(first.cursor, 10)
    assert len(first.items) == 2
    assert len(rest.items) == 4
    assert len({job.id for job in [*first.items, *rest.items]}) == 6
    assert backend.jobs.sweep(first.cursor, 10).items == rest.items


@pytest.mark.needs("damage")
def test_a_damaged_record_hides_none_of_its_neighbours_in_a_sweep(backend: Backend) -> None:
    jobs = stored(backend, 3)
    damage(backend, job_key(TENANT, jobs[1].id))
    page = backend.jobs.sweep(None, 10)
    assert in_order(list(page.items)) == [jobs[0], jobs[2]]
    assert [error.what for error in page.unreadable] == ["job"]
    assert in_order(swept(backend, 1)) == [jobs[0], jobs[2]]
