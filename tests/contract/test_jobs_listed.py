"""``ports.Jobs``: the lists of jobs, by creation, name, tag, state and last instant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, closing
from tidewheel.adapters.aws.dynamodb.job_items import job_key, row_item, row_key
from tidewheel.domain import keys
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.jobs.listing import (
    ACTIVE,
    ALL,
    ENDING,
    NAMED,
    PAUSED,
    JobFilter,
    Listing,
    Row,
    place_of,
    rows_of,
    tagged,
)
from tidewheel.domain.limits import LIST_BUCKETS, MINUTE_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At


def made(number: int, *, age: int = 0, tenant: str = TENANT, **changes: Any) -> Job:
    """A job that was created some time (ms) ago."""
    return replace(a_job(number, tenant=tenant, **changes), created_ms=NOW_MS - age)


def stored(backend: Backend, *jobs: Job) -> None:
    assert all(backend.jobs.create(job, None, None) for job in jobs)


def listed(backend: Backend, listing: Listing, limit: int = 100, tenant: str = TENANT) -> list[Job]:
    """A whole list, page by page."""
    found: list[Job] = []
    cursor: str | None = None
    while True:
        page = backend.jobs.listed(tenant, listing, limit, cursor)
        assert len(page.items) <= limit
        found += page.items
        if page.cursor is None:
            return found
        cursor = page.cursor


@pytest.mark.parametrize("limit", [1, 2, 7, 8, 9, 100])
def test_the_newest_come_first_without_gaps_or_doubles(backend: Backend, limit: int) -> None:
    jobs = [made(number, age=number % 5 * MINUTE_MS) for number in range(17)]
    stored(backend, *jobs)
    newest = sorted(jobs, key=lambda job: (job.created_ms, job.id), reverse=True)
    assert listed(backend, Listing(ALL), limit) == newest
    assert backend.jobs.listed(TENANT, Listing(ALL), 17, None).cursor is None
    assert place_of(newest[15], ALL) == backend.jobs.listed(TENANT, Listing(ALL), 16, None).cursor


def test_a_match_behind_two_thousand_others_is_on_the_first_page(backend: Backend) -> None:
    if backend.name != "memory":
        pytest.skip("the rows are the same for fewer jobs")
    stored(backend, made(0, tags={"team": "billing"}), *(made(number) for number in range(1, 2_000)))
    page = backend.jobs.listed(TENANT, Listing(tagged("team", "billing")), 1, None)
    assert ([job.definition.tags for job in page.items], page.cursor) == ([{"team": "billing"}], None)


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_names_are_found_by_their_beginning_in_order(backend: Backend, limit: int) -> None:
    names = ["report", "report b", "reports", "réport", "rep", "Report", "report ☂", "report#1/x~"]
    stored(backend, *(made(number, name=name) for number, name in enumerate(names)))

    def found(beginning: str) -> list[str]:
        listing = JobFilter(name_prefix=beginning).listing(NOW_MS)
        return [job.definition.name for job in listed(backend, listing, limit)]

    assert found("report") == ["report", "report b", "report ☂", "report#1/x~", "reports"]
    assert found("report ") == ["report b", "report ☂"]
    assert found("Rep") == ["Report"]
    assert found("x") == []


def test_jobs_of_one_name_stand_in_order_of_their_ids(backend: Backend) -> None:
    jobs = [made(number, name="same") for number in range(10)]
    stored(backend, *jobs)
    assert listed(backend, JobFilter(name_prefix="same").listing(NOW_MS), 3) == jobs


def test_lists_follow_every_edit(backend: Backend) -> None:
    job, other = made(1, tags={"team": "billing"}), made(2, age=1, tags={"team": "sales"})
    stored(backend, job, other)
    renamed = replace(job.definition, name="another", tags={"team": "sales"}, schedule=Schedule(At(NOW_MS + MINUTE_MS)))
    new = job.edited(renamed, JobState.ACTIVE, NOW_MS + 1)
    assert backend.jobs.replace(new, job, None)
    assert listed(backend, Listing(tagged("team", "billing"))) == []
    assert listed(backend, Listing(tagged("team", "sales"))) == [new, other]
    assert listed(backend, JobFilter(name_prefix="hourly").listing(NOW_MS)) == [other]
    assert listed(backend, JobFilter(name_prefix="another").listing(NOW_MS)) == [new]
    assert listed(backend, Listing(ENDING)) == [new]
    paused = new.edited(new.definition, JobState.PAUSED, NOW_MS + 2)
    assert backend.jobs.replace(paused, new, None)
    assert listed(backend, Listing(PAUSED)) == [paused]
    assert listed(backend, Listing(ACTIVE)) == [other]
    assert listed(backend, Listing(ENDING)) == []
    assert backend.jobs.delete(paused, 3, closing(paused))
    assert listed(backend, Listing(PAUSED)) == []
    assert listed(backend, Listing(ALL)) == [other]


def test_an_edit_that_is_refused_moves_nothing(backend: Backend) -> None:
    job = made(1, tags={"team": "billing"})
    stored(backend, job)
    other = job.edited(replace(job.definition, tags={"team": "sales"}), JobState.PAUSED, NOW_MS + 1)
    assert not backend.jobs.replace(other, replace(job, generation=7), None)
    assert listed(backend, Listing(tagged("team", "billing"))) == [job]
    assert listed(backend, Listing(PAUSED)) == []


def test_what_ends_first_is_last_among_what_ends(backend: Backend) -> None:
    jobs = [made(number, schedule=Schedule(At(NOW_MS + number * MINUTE_MS))) for number in range(5)]
    stored(backend, *jobs, made(9))
    assert listed(backend, Listing(ENDING), 2) == jobs[::-1]
    assert listed(backend, JobFilter(JobState.COMPLETED).listing(NOW_MS + 2 * MINUTE_MS - 1), 2) == [jobs[1], jobs[0]]


def test_lists_of_tenants_are_apart(backend: Backend) -> None:
    ours, theirs = made(1), made(1, tenant="other")
    stored(backend, ours, theirs)
    assert listed(backend, Listing(ALL)) == [ours]
    assert listed(backend, Listing(ALL), tenant="other") == [theirs]
    assert listed(backend, Listing(ALL), tenant="acm") == []


def test_jobs_are_listed_by_who_created_them(backend: Backend) -> None:
    mine, other, nobodys = made(1), made(2), made(3)
    mine = replace(mine, created_by="https://id.example.com#ada")
    other = replace(other, created_by="https://id.example.com#ad")
    stored(backend, mine, other, nobodys)
    asked = JobFilter(owner=mine.created_by).listing(NOW_MS)
    assert listed(backend, asked) == [mine]
    edited = mine.edited(mine.definition, JobState.PAUSED, NOW_MS + 1, "key:k2")
    assert backend.jobs.replace(edited, mine, None)
    assert listed(backend, asked) == [edited]
    assert (edited.created_by, edited.updated_by) == (mine.created_by, "key:k2")
    assert backend.jobs.delete(edited, 2, closing(edited))
    assert listed(backend, asked) == []


@pytest.mark.needs("damage")
def test_rows_that_outlived_what_they_say_are_passed_over(backend: Backend) -> None:
    """A process that died between rows and job leaves such rows, and so does a record that expired first."""
    assert backend.cloud is not None
    job, gone = made(1), made(2)
    stored(backend, job)
    untrue = [(gone, row) for row in rows_of(gone)]
    untrue += [(job, Row(PAUSED, keys.listed_at(job.created_ms, job.id), None))]
    untrue += [(job, Row(ALL, keys.listed_at(job.created_ms + 5, job.id), None))]
    untrue += [(job, Row(NAMED, keys.listed_name("another", job.id), None))]
    for owner, row in untrue:
        backend.cloud.dynamodb.put_item(TableName=backend.cloud.tables.jobs, Item=row_item(owner, row))
    assert listed(backend, Listing(ALL), 1) == [job]
    assert listed(backend, Listing(PAUSED)) == []
    assert listed(backend, Listing(NAMED, descending=False), 1) == [job]
    backend.cloud.dynamodb.delete_item(TableName=backend.cloud.tables.jobs, Key=job_key(TENANT, job.id))
    assert listed(backend, Listing(ALL), 1) == []


@pytest.mark.needs("damage")
def test_rows_follow_every_edit_and_none_is_left_behind(backend: Backend) -> None:
    assert backend.cloud is not None
    dynamodb, table = backend.cloud.dynamodb, backend.cloud.tables.jobs
    job = made(1, tags={"team": "billing", "tier": "1"})
    stored(backend, job)

    def rows() -> set[tuple[str, str]]:
        items = dynamodb.scan(TableName=table)["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]) for item in items if item["pk"]["S"].startswith("#")}

    def expected(job: Job) -> set[tuple[str, str]]:
        made = [row_key(job, row) for row in rows_of(job)]
        return {(key["pk"]["S"], key["sk"]["S"]) for key in made}

    assert rows() == expected(job)
    new = job.edited(replace(job.definition, name="b", tags={"team": "sales"}), JobState.PAUSED, NOW_MS + 1)
    assert backend.jobs.replace(new, job, None)
    assert rows() == expected(new)
    assert backend.jobs.delete(new, 2, closing(new))
    assert rows() == set()


def test_rows_of_many_jobs_lie_in_all_buckets() -> None:
    partitions = {row_key(made(n), row)["pk"]["S"] for n in range(200) for row in rows_of(made(n)) if row.list == ALL}
    assert len(partitions) == LIST_BUCKETS
