"""``ports.Jobs``: what is written together, and on which condition."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, asked, execution, full_job, minute, schedule_entry
from tidewheel.domain.jobs.job import Generation, Job, JobState
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.wheel.levels import late
from tidewheel.ports import NameTaken


def deleted(job: Job) -> Generation:
    return Generation.of(job.edited(job.definition, JobState.DELETED, NOW_MS + 5))


def edited(job: Job, name: str = "edited") -> Job:
    return job.edited(replace(job.definition, name=name), job.state, NOW_MS + 1)


def placed(job: Job, nominal_ms: int = NOW_MS) -> Placed:
    return Placed(minute(), schedule_entry(job, nominal_ms))


def test_create_stores_record_generation_entry_and_execution(backend: Backend) -> None:
    job = a_job()
    entry, queued = asked(job)
    assert backend.jobs.create(job, entry, queued) is True
    assert backend.jobs.get(TENANT, job.id, consistent=True) == job
    assert backend.jobs.generations(TENANT, job.id, 1) == {1: Generation.of(job)}
    assert backend.wheel.load(late(0)).singles == {entry.key: entry.entry}
    assert backend.executions.get(TENANT, queued.id) == queued


def test_create_without_entry_or_execution(backend: Backend) -> None:
    job = a_job()
    assert backend.jobs.create(job, None, None) is True
    assert backend.jobs.get(TENANT, job.id, consistent=True) == job
    assert not backend.wheel.load(minute()).singles


def test_create_of_a_taken_id_writes_nothing_anywhere(backend: Backend) -> None:
    first, second = a_job(), a_job(name="another")
    assert backend.jobs.create(first, None, None)
    entry, queued = asked(second)
    assert backend.jobs.create(second, entry, queued) is False
    assert backend.jobs.get(TENANT, first.id, consistent=True) == first
    assert not backend.wheel.load(late(0)).singles
    assert backend.executions.get(TENANT, queued.id) is None


def test_an_id_is_never_used_again_after_a_delete(backend: Backend) -> None:
    job = a_job()
    assert backend.jobs.create(job, None, None)
    assert backend.jobs.delete(job, 1, deleted(job))
    assert backend.jobs.create(job, placed(job), execution(job)) is False
    assert backend.jobs.get(TENANT, job.id, consistent=True) is None
    assert not backend.wheel.load(minute()).singles
    assert backend.executions.get(TENANT, execution(job).id) is None


def test_the_same_id_in_two_tenants_is_two_jobs(backend: Backend) -> None:
    ours, theirs = a_job(), a_job(tenant="other", name="theirs")
    assert backend.jobs.create(ours, None, None)
    assert backend.jobs.create(theirs, None, None)
    assert backend.jobs.get("other", theirs.id, consistent=True) == theirs
    assert backend.jobs.get(TENANT, ours.id, consistent=True) == ours


def test_replace_stores_the_next_generation_and_its_entry(backend: Backend) -> None:
    job = a_job()
    new = edited(job)
    backend.jobs.create(job, None, None)
    assert backend.jobs.replace(new, job, placed(new)) is True
    assert backend.jobs.get(TENANT, job.id, consistent=True) == new
    assert backend.jobs.generations(TENANT, job.id, 1) == {1: Generation.of(job), 2: Generation.of(new)}
    assert list(backend.wheel.load(minute()).singles.values()) == [schedule_entry(new)]


@pytest.mark.parametrize("expected", [0, 3])
def test_replace_of_another_generation_writes_nothing_anywhere(backend: Backend, expected: int) -> None:
    job = a_job()
    new = edited(job)
    backend.jobs.create(job, None, None)
    assert backend.jobs.replace(new, replace(job, generation=expected), placed(new)) is False
    assert backend.jobs.get(TENANT, job.id, consistent=True) == job
    assert backend.jobs.generations(TENANT, job.id, 1) == {1: Generation.of(job)}
    assert not backend.wheel.load(minute()).singles


def test_replace_of_what_is_absent_or_deleted_writes_nothing(backend: Backend) -> None:
    job = a_job()
    assert backend.jobs.replace(edited(job), job, placed(edited(job))) is False
    backend.jobs.create(job, None, None)
    backend.jobs.delete(job, 1, deleted(job))
    assert backend.jobs.replace(edited(job), job, placed(edited(job))) is False
    assert backend.jobs.get(TENANT, job.id, consistent=True) is None
    assert not backend.wheel.load(minute()).singles


def test_one_of_two_edits_of_the_same_generation_wins(backend: Backend) -> None:
    job = a_job()
    backend.jobs.create(job, None, None)
    assert backend.jobs.replace(edited(job, "first"), job, None) is True
    assert backend.jobs.replace(edited(job, "second"), job, None) is False
    stored = backend.jobs.get(TENANT, job.id, consistent=True)
    assert stored is not None
    assert stored.definition.name == "first"


def test_delete_removes_the_record_and_keeps_the_history(backend: Backend) -> None:
    job = a_job()
    backend.jobs.create(job, None, None)
    assert backend.jobs.delete(job, 1, deleted(job)) is True
    assert backend.jobs.get(TENANT, job.id, consistent=True) is None
    assert backend.jobs.generations(TENANT, job.id, 1) == {1: Generation.of(job), 2: deleted(job)}
    assert backend.jobs.list(TENANT, 10, None).items == []


@pytest.mark.parametrize("expected", [0, 2])
def test_delete_of_another_generation_writes_nothing(backend: Backend, expected: int) -> None:
    job = a_job()
    backend.jobs.create(job, None, None)
    assert backend.jobs.delete(job, expected, deleted(job)) is False
    assert backend.jobs.get(TENANT, job.id, consistent=True) == job
    assert backend.jobs.generations(TENANT, job.id, 1) == {1: Generation.of(job)}


def test_a_second_delete_finds_nothing(backend: Backend) -> None:
    job = a_job()
    backend.jobs.create(job, None, None)
    assert backend.jobs.delete(job, 1, deleted(job)) is True
    assert backend.jobs.delete(job, 1, deleted(job)) is False


def test_enqueue_stores_execution_and_entry(backend: Backend) -> None:
    entry, queued = asked(a_job())
    assert backend.jobs.enqueue(entry, queued, "") is None
    assert backend.executions.get(TENANT, queued.id) == queued
    assert backend.wheel.load(late(0)).singles == {entry.key: entry.entry}


def test_enqueue_under_a_used_key_names_the_first_run_and_writes_nothing(backend: Backend) -> None:
    job = a_job()
    (entry, queued), (entry2, queued2) = asked(job), asked(job, NOW_MS + 7)
    assert backend.jobs.enqueue(entry, queued, "once") is None
    assert backend.jobs.enqueue(entry2, queued2, "once") == queued.id
    assert backend.executions.get(TENANT, queued2.id) is None
    assert backend.wheel.load(late(0)).singles == {entry.key: entry.entry}


def test_keys_belong_to_their_job_and_tenant(backend: Backend) -> None:
    jobs = [a_job(1), a_job(2), a_job(1, tenant="other")]
    runs = [asked(job) for job in jobs]
    assert [backend.jobs.enqueue(*run, "once") for run in runs] == [None, None, None]


def test_other_keys_and_no_key_never_repeat(backend: Backend) -> None:
    runs = [asked(a_job(), NOW_MS + n) for n in range(4)]
    answers = [backend.jobs.enqueue(*run, key) for run, key in zip(runs, ["a", "A", "", ""], strict=True)]
    assert answers == [None] * 4
    assert all(backend.executions.get(TENANT, queued.id) == queued for _, queued in runs)


@pytest.mark.parametrize("key", ["ключ ☂", "a#b/c", "x" * 512])
def test_a_key_may_be_any_text(backend: Backend, key: str) -> None:
    (entry, queued), again = asked(a_job()), asked(a_job(), NOW_MS + 1)
    assert backend.jobs.enqueue(entry, queued, key) is None
    assert backend.jobs.enqueue(*again, key) == queued.id


def test_every_field_comes_back(backend: Backend) -> None:
    job = full_job()
    backend.jobs.create(job, None, None)
    assert backend.jobs.get(TENANT, job.id, consistent=True) == job
    assert backend.jobs.batch([(TENANT, job.id)]) == {(TENANT, job.id): job}
    assert backend.jobs.list(TENANT, 1, None).items == [job]
    assert backend.jobs.generations(TENANT, job.id, 1) == {4: Generation.of(job)}


@pytest.mark.needs("threads")
def test_of_many_creators_of_one_id_exactly_one_succeeds(backend: Backend) -> None:
    answers: list[bool] = []
    jobs = [a_job(name=f"by {n}") for n in range(4)]
    threads = [
        threading.Thread(target=lambda j=job: answers.append(backend.jobs.create(j, None, None))) for job in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False, False, False, True]


# --- redrive ------------------------------------------------------------------------------------------------


def test_requeue_stores_the_execution_and_its_entry(backend: Backend) -> None:
    placed, queued = asked(a_job())
    assert backend.executions.swap(queued, None) is None
    again = replace(queued, version=2, uncounted_attempts=3, attempt=3)
    assert backend.jobs.requeue(placed, again) is True
    assert backend.executions.get(TENANT, queued.id) == again
    assert list(backend.wheel.load(placed.slot).singles.values()) == [placed.entry]


@pytest.mark.parametrize("version", [None, 1, 3])
def test_requeue_over_another_version_or_nothing_writes_nothing(backend: Backend, version: int | None) -> None:
    placed, queued = asked(a_job())
    stands = None if version is None else replace(queued, version=version)
    if stands is not None:
        backend.executions.swap(stands, None)
    assert backend.jobs.requeue(placed, replace(queued, version=3)) is False
    assert backend.executions.get(TENANT, queued.id) == stands
    assert not backend.wheel.load(placed.slot).singles


# --- unique names -------------------------------------------------------------------------------------------


def unique(number: int, name: str = "mine", tenant: str = TENANT) -> Job:
    return a_job(number, name=name, unique_name=True, tenant=tenant)


def test_a_name_that_a_job_has_for_itself_is_refused_to_others_that_ask_for_it(backend: Backend) -> None:
    assert backend.jobs.create(unique(1), None, None)
    with pytest.raises(NameTaken) as raised:
        backend.jobs.create(unique(2), placed(unique(2)), None)
    assert raised.value.holder == unique(1).id
    assert backend.jobs.get(TENANT, unique(2).id, consistent=True) is None
    assert not backend.wheel.load(minute()).singles
    assert backend.jobs.create(unique(1), None, None) is False  # a taken id says more
    assert backend.jobs.create(a_job(3, name="mine"), None, None)  # it does not ask
    assert backend.jobs.create(unique(4, "Mine"), None, None)
    assert backend.jobs.create(unique(5, tenant="other"), None, None)


def test_a_unique_name_follows_edits_and_deletion(backend: Backend) -> None:
    job, other = unique(1), unique(2, "other")
    assert backend.jobs.create(job, None, None)
    assert backend.jobs.create(other, None, None)
    renamed = job.edited(replace(job.definition, name="yours"), JobState.PAUSED, NOW_MS + 1)
    assert backend.jobs.replace(renamed, job, None)
    with pytest.raises(NameTaken):
        backend.jobs.replace(other.edited(replace(other.definition, name="yours"), other.state, NOW_MS), other, None)
    assert backend.jobs.get(TENANT, other.id, consistent=True) == other
    again = renamed.edited(renamed.definition, JobState.ACTIVE, NOW_MS + 2)
    assert backend.jobs.replace(again, renamed, None)
    assert backend.jobs.create(unique(3), None, None)
    shared = again.edited(replace(again.definition, unique_name=False), again.state, NOW_MS + 3)
    assert backend.jobs.replace(shared, again, None)
    taker = other.edited(replace(other.definition, name="yours"), other.state, NOW_MS + 4)
    assert backend.jobs.replace(taker, other, None)
    assert backend.jobs.delete(taker, 2, deleted(taker))
    assert backend.jobs.create(unique(6, "yours"), None, None)


def test_an_outdated_edit_says_so_rather_than_that_its_name_is_taken(backend: Backend) -> None:
    job = unique(1, "a")
    backend.jobs.create(job, None, None)
    backend.jobs.create(unique(2, "b"), None, None)
    new = job.edited(replace(job.definition, name="b"), job.state, NOW_MS)
    assert backend.jobs.replace(new, replace(job, generation=9), None) is False
