"""``ports.Locks``: the conditional write that decides whose turn it is, beside the executions but in no list."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, execution
from tidewheel.adapters.aws.dynamodb.locks import lock_item, lock_key
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.limits import LOCK_RETENTION_MS, MAX_DELAY_MS, MINUTE_MS, RETENTION_MS
from tidewheel.ports import Fenced

JOB = a_job()
FREE = Lock(TENANT, JOB.id)
ONE, TWO, THREE = (execution(JOB, NOW_MS + n * MINUTE_MS).id for n in range(3))


def test_get_of_what_nobody_took(backend: Backend) -> None:
    assert backend.locks.get(TENANT, JOB.id) is None


def test_a_lock_is_taken_awaited_transferred_and_freed(backend: Backend) -> None:
    lock = FREE
    for step in (
        lambda lock: lock.given(ONE, NOW_MS),
        lambda lock: lock.awaited(TWO, NOW_MS + 1),
        lambda lock: lock.given(TWO, NOW_MS + 2),
        lambda lock: lock.given("", NOW_MS + 3),
    ):
        lock = step(lock)
        assert backend.locks.swap(lock) is None
        assert backend.locks.get(TENANT, JOB.id) == lock
    assert lock.version == 4


def test_a_first_write_where_a_lock_stands_returns_that_and_writes_nothing(backend: Backend) -> None:
    taken = FREE.given(ONE, NOW_MS)
    backend.locks.swap(taken)
    assert backend.locks.swap(FREE.given(TWO, NOW_MS)) == taken
    assert backend.locks.get(TENANT, JOB.id) == taken


def test_a_write_over_another_version_returns_what_stands(backend: Backend) -> None:
    first = FREE.given(ONE, NOW_MS)
    second = first.awaited(TWO, NOW_MS)
    backend.locks.swap(first)
    backend.locks.swap(second)
    assert backend.locks.swap(first.given("", NOW_MS + 1)) == second
    assert backend.locks.swap(second.given("", NOW_MS).given(THREE, NOW_MS)) == second
    assert backend.locks.get(TENANT, JOB.id) == second


def test_a_repeat_of_an_applied_write_succeeds(backend: Backend) -> None:
    first = FREE.given(ONE, NOW_MS)
    second = first.awaited(TWO, NOW_MS)
    for lock in (first, first, second, second):
        assert backend.locks.swap(lock) is None
    assert backend.locks.get(TENANT, JOB.id) == second


def test_of_many_takers_exactly_one_succeeds(backend: Backend) -> None:
    won: list[str] = []

    def take(holder: str) -> None:
        if backend.locks.swap(FREE.given(holder, NOW_MS)) is None:
            won.append(holder)

    threads = [threading.Thread(target=take, args=(f"{ONE}{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = backend.locks.get(TENANT, JOB.id)
    assert stored is not None
    assert won == [stored.holder]


def test_a_lock_that_is_gone_is_lost(backend: Backend) -> None:
    with pytest.raises(Fenced):
        backend.locks.swap(FREE.given(ONE, NOW_MS).given("", NOW_MS))
    assert backend.locks.get(TENANT, JOB.id) is None


def test_tenants_and_jobs_are_apart(backend: Backend) -> None:
    locks = [FREE, replace(FREE, tenant="other"), replace(FREE, job=a_job(2).id)]
    for number, lock in enumerate(locks):
        assert backend.locks.swap(lock.given(ONE, NOW_MS + number)) is None
    found = [backend.locks.get(lock.tenant, lock.job) for lock in locks]
    assert [lock and lock.written_ms for lock in found] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]


def test_neither_the_list_nor_the_ledger_shows_a_lock(backend: Backend) -> None:
    run = execution(JOB)
    row = Missed(TENANT, JOB.id, 1, NOW_MS - MINUTE_MS, NOW_MS - MINUTE_MS, 1, Reason.SKIPPED, NOW_MS)
    backend.locks.swap(FREE.given(run.id, NOW_MS))
    backend.executions.swap(run, None)
    backend.executions.account(row)
    page = backend.executions.list(TENANT, JOB.id, 100, None)
    assert (list(page.items), list(page.unreadable), page.cursor) == ([run, row], [], None)
    assert list(backend.executions.missed(TENANT, JOB.id, 0, 10**14)) == [row]
    assert backend.executions.get(TENANT, run.id) == run


@pytest.mark.needs("damage")
def test_a_damaged_lock_says_so(backend: Backend) -> None:
    assert backend.cloud is not None
    backend.locks.swap(FREE.given(ONE, NOW_MS))
    backend.cloud.dynamodb.update_item(
        TableName=backend.cloud.tables.executions,
        Key=lock_key(TENANT, JOB.id),
        UpdateExpression="REMOVE wr",
    )
    with pytest.raises(Unreadable, match=JOB.id):
        backend.locks.get(TENANT, JOB.id)


def test_a_lock_lives_as_long_as_it_may_be_held_and_no_longer() -> None:
    held, free = FREE.given(ONE, NOW_MS), FREE.given("", NOW_MS)
    assert int(lock_item(held)["ttl"]["N"]) * 1_000 == NOW_MS + LOCK_RETENTION_MS
    assert int(lock_item(free)["ttl"]["N"]) * 1_000 < NOW_MS + 2 * 24 * 60 * MINUTE_MS
    two_tries = 2 * MAX_DELAY_MS + 14 * 24 * 60 * MINUTE_MS  # jitter, and the queue's retention
    assert two_tries < LOCK_RETENTION_MS - RETENTION_MS
