"""``ports.Tallies``, and what writes of jobs change in them: all is stored, or nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, closing
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.limits import DAY_MS, FOREVER_MS, HOUR_MS
from tidewheel.domain.quotas.exceeded import Exceeded
from tidewheel.domain.quotas.limit import Limit
from tidewheel.domain.quotas.tally import Tally, TallyChange
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.engine.api.limits.active_jobs import ActiveJobs
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.common.token_leaser import TokenLeaser
from tidewheel.ports import Fenced, NameTaken, TallyMoved, Throttled

TALLY = Tally(TENANT, 4, NOW_MS, NOW_MS + DAY_MS, NOW_MS - 5, NOW_MS - 9, 5, version=1)
ENDLESS = Schedule(Every(HOUR_MS, NOW_MS))


def stored(backend: Backend, tally: Tally = TALLY) -> Tally:
    assert backend.tallies.swap(tally) is None
    return tally


def test_a_tally_is_there_once_it_was_written(backend: Backend) -> None:
    assert backend.tallies.get(TENANT) is None
    stored(backend)
    assert backend.tallies.get(TENANT) == TALLY
    assert backend.tallies.get("other") is None
    forever = replace(TALLY, ends_ms=FOREVER_MS, version=2)
    assert backend.tallies.swap(forever) is None
    assert backend.tallies.get(TENANT) == forever


def test_of_two_writers_of_a_version_one_succeeds(backend: Backend) -> None:
    stored(backend)
    assert backend.tallies.swap(TALLY) is None  # a repeat
    other = replace(TALLY, count=9)
    assert backend.tallies.swap(other) == TALLY
    with pytest.raises(Fenced):
        backend.tallies.swap(replace(TALLY, tenant="gone", version=4))


def test_a_job_and_its_tally_are_written_together(backend: Backend) -> None:
    job = a_job(schedule=ENDLESS)
    stored(backend)
    assert backend.jobs.create(job, None, None, TallyChange(TALLY, 1, 5))
    assert backend.tallies.get(TENANT) == replace(TALLY, count=5, version=2)
    paused = job.edited(job.definition, JobState.PAUSED, NOW_MS + 1)
    assert backend.jobs.replace(paused, job, None, TallyChange(TALLY, -1, 5))
    again = paused.edited(job.definition, JobState.ACTIVE, NOW_MS + 2)
    change = TallyChange(TALLY, 1, 5, NOW_MS + HOUR_MS)
    assert backend.jobs.replace(again, paused, None, change)
    assert backend.jobs.delete(again, 3, closing(again), TallyChange(TALLY, -1, 5))
    assert backend.tallies.get(TENANT) == replace(TALLY, ends_ms=NOW_MS + HOUR_MS, version=5)


@pytest.mark.parametrize(
    "change",
    [
        TallyChange(TALLY, 1, 4),
        TallyChange(replace(TALLY, as_of_ms=NOW_MS - 1), 1, 9),
        TallyChange(replace(TALLY, as_of_ms=NOW_MS - 1), -1, 9),
        TallyChange(replace(TALLY, as_of_ms=NOW_MS - 1), 0, 9),
        TallyChange(replace(TALLY, ends_ms=NOW_MS), 1, 9, NOW_MS - 1),
        TallyChange(replace(TALLY, tenant="without"), 1, 9),
    ],
    ids=["full", "moved", "moved, one less", "moved, as many", "another end", "none"],
)
def test_a_change_that_is_refused_stands_against_all_of_it(backend: Backend, change: TallyChange) -> None:
    stored(backend)
    job = a_job(schedule=ENDLESS, unique_name=True)
    with pytest.raises(TallyMoved):
        backend.jobs.create(job, None, None, change)
    assert backend.jobs.get(TENANT, job.id, consistent=True) is None
    assert backend.tallies.get(TENANT) == TALLY
    assert backend.jobs.create(job, None, None)
    with pytest.raises(TallyMoved):
        backend.jobs.replace(job.edited(job.definition, JobState.PAUSED, NOW_MS), job, None, change)
    with pytest.raises(TallyMoved):
        backend.jobs.delete(job, 1, closing(job), change)
    assert backend.jobs.get(TENANT, job.id, consistent=True) == job


def test_what_stands_against_a_write_besides_is_said_first(backend: Backend) -> None:
    stored(backend)
    refused = TallyChange(TALLY, 1, 4)
    named = a_job(1, schedule=ENDLESS, unique_name=True)
    assert backend.jobs.create(named, None, None)
    assert backend.jobs.create(named, None, None, refused) is False
    with pytest.raises(NameTaken):
        backend.jobs.create(a_job(2, schedule=ENDLESS, unique_name=True), None, None, refused)
    outrun = replace(named, generation=7)
    assert backend.jobs.replace(replace(named, generation=8), outrun, None, refused) is False


def limited(backend: Backend, most: int, clock: SettableClock) -> ActiveJobs:
    """The limit as another process knows it."""
    plans = {"default": {Limit.ACTIVE_JOBS: most}}
    quota = Quota(TenantCache(backend.tenants, clock), plans, TokenLeaser(backend.counters, clock))
    return ActiveJobs(quota, backend.jobs, backend.tallies, clock)


def test_jobs_that_were_there_before_the_limit_count_and_those_that_end_do_not(backend: Backend) -> None:
    clock, owner = SettableClock(NOW_MS), "default"
    ends = (HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS, None)
    for number, end_ms in enumerate(ends):
        schedule = ENDLESS if end_ms is None else Schedule(At(NOW_MS + end_ms))
        assert backend.jobs.create(replace(a_job(number, schedule=schedule), tenant=owner), None, None)
    for number, schedule in ((10, None), (11, Schedule(At(NOW_MS - 1)))):
        assert backend.jobs.create(replace(a_job(number, schedule=schedule), tenant=owner), None, None)
    found = limited(backend, 4, clock)
    assert found.used(owner) == 4
    one = replace(a_job(20, schedule=ENDLESS), tenant=owner)
    assert found.refused(owner, None, one) == Exceeded(Limit.ACTIVE_JOBS, 4, 4)
    clock.advance(HOUR_MS - 1)
    assert found.used(owner) == 4
    clock.advance(HOUR_MS + 2)
    assert found.used(owner) == 1
    assert found.stored(owner, None, one, lambda tally: backend.jobs.create(one, None, None, tally)) is True
    assert limited(backend, 4, clock).used(owner) == 2


@pytest.mark.needs("threads")
def test_of_eight_clients_at_once_as_many_get_in_as_there_are_places(backend: Backend) -> None:
    clock, most = SettableClock(NOW_MS), 12
    processes = [limited(backend, most, clock) for _ in range(8)]

    def create(number: int) -> str:
        job: Job = replace(a_job(number, schedule=ENDLESS), tenant="default")
        try:
            found = processes[number % 8].stored(
                "default", None, job, lambda tally: backend.jobs.create(job, None, None, tally)
            )
        except Throttled:
            return "busy"
        return "refused" if isinstance(found, Exceeded) else "made"

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(create, range(40)))
    assert made.count("made") == processes[0].used("default") == most
    assert made.count("busy") == 0
