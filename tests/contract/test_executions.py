"""``ports.Executions``: the conditional write that decides what runs, and the list of executions."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, a_run_control, execution, full_execution, some_id
from tidewheel.adapters.aws.dynamodb.execution_items import execution_key
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.limits import MINUTE_MS, WAITING_PARTS
from tidewheel.domain.workflows.runs.limits import NODES_TOGETHER
from tidewheel.ports import Fenced

JOB = a_job()
FIRST = execution(JOB)


def after(record: Execution, holder: str = "me") -> Execution:
    return replace(record, version=record.version + 1, state=State.RUNNING, attempt=1, holder=holder)


def test_get_of_what_is_absent(backend: Backend) -> None:
    assert backend.executions.get(TENANT, FIRST.id) is None


def test_a_first_write(backend: Backend) -> None:
    assert backend.executions.swap(FIRST, None) is None
    assert backend.executions.get(TENANT, FIRST.id) == FIRST


def test_a_write_over_the_expected_version(backend: Backend) -> None:
    backend.executions.swap(FIRST, None)
    assert backend.executions.swap(after(FIRST), 1) is None
    assert backend.executions.get(TENANT, FIRST.id) == after(FIRST)


def test_a_first_write_where_a_record_stands_returns_that_and_writes_nothing(backend: Backend) -> None:
    backend.executions.swap(after(FIRST), None)
    assert backend.executions.swap(FIRST, None) == after(FIRST)
    assert backend.executions.get(TENANT, FIRST.id) == after(FIRST)


@pytest.mark.parametrize("expected", [0, 2, 3])
def test_a_write_over_another_version_returns_what_stands(backend: Backend, expected: int) -> None:
    backend.executions.swap(FIRST, None)
    new = replace(after(FIRST), version=expected + 1)
    assert backend.executions.swap(new, expected) == FIRST
    assert backend.executions.get(TENANT, FIRST.id) == FIRST


def test_the_standing_record_comes_back_with_every_field(backend: Backend) -> None:
    full = full_execution()
    backend.executions.swap(full, None)
    assert backend.executions.get(TENANT, full.id) == full
    assert backend.executions.swap(after(full), 3) == full


def test_a_repeat_of_an_applied_write_succeeds(backend: Backend) -> None:
    assert backend.executions.swap(FIRST, None) is None
    assert backend.executions.swap(FIRST, None) is None
    assert backend.executions.swap(after(FIRST), 1) is None
    assert backend.executions.swap(after(FIRST), 1) is None
    assert backend.executions.get(TENANT, FIRST.id) == after(FIRST)


def test_two_claims_of_one_version_do_not_both_succeed(backend: Backend) -> None:
    """They differ in nothing but the holder, as two workers' claims within a millisecond do."""
    backend.executions.swap(FIRST, None)
    assert backend.executions.swap(after(FIRST, "one"), 1) is None
    assert backend.executions.swap(after(FIRST, "two"), 1) == after(FIRST, "one")


def test_of_many_claimers_exactly_one_succeeds(backend: Backend) -> None:
    backend.executions.swap(FIRST, None)
    won: list[str] = []

    def claim(holder: str) -> None:
        if backend.executions.swap(after(FIRST, holder), 1) is None:
            won.append(holder)

    threads = [threading.Thread(target=claim, args=(f"h{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = backend.executions.get(TENANT, FIRST.id)
    assert stored is not None
    assert won == [stored.holder]


@pytest.mark.parametrize("expected", [0, 1])
def test_a_record_that_is_gone_is_lost(backend: Backend, expected: int) -> None:
    with pytest.raises(Fenced):
        backend.executions.swap(after(FIRST), expected)
    assert backend.executions.get(TENANT, FIRST.id) is None


def test_tenants_are_apart(backend: Backend) -> None:
    theirs = replace(FIRST, tenant="other", output="theirs")
    assert backend.executions.swap(FIRST, None) is None
    assert backend.executions.swap(theirs, None) is None
    assert backend.executions.get("other", FIRST.id) == theirs
    assert backend.executions.get(TENANT, FIRST.id) == FIRST


def row(first: int = 1, last: int = 3, **changes: Any) -> Missed:
    """A ledger row for the instants of some minutes."""
    at = NOW_MS + first * MINUTE_MS
    made = Missed(TENANT, JOB.id, 2, at, NOW_MS + last * MINUTE_MS, last - first + 1, Reason.COALESCED, NOW_MS)
    return replace(made, **changes)


def test_a_ledger_row_lies_among_the_executions_by_its_first_instant(backend: Backend) -> None:
    runs = history(backend, 3)
    backend.executions.account(row(1, 9))
    backend.executions.account(row(0, 0, reason=Reason.SKIPPED, count=None))
    page = backend.executions.list(TENANT, JOB.id, 10, None)
    first = row(0, 0, reason=Reason.SKIPPED, count=None)
    assert page.items == [runs[0], runs[1], row(1, 9), runs[2], first]  # a run's id sorts after a row's
    assert backend.executions.list(TENANT, JOB.id, 2, row(1, 9).id).items == page.items[3:5]


def test_a_ledger_row_is_written_again_without_harm_and_touches_no_execution(backend: Backend) -> None:
    backend.executions.swap(FIRST, None)
    for noted in (NOW_MS, NOW_MS + 5):
        backend.executions.account(row(0, 2, noted_ms=noted))
    assert list(backend.executions.missed(TENANT, JOB.id, NOW_MS, NOW_MS)) == [row(0, 2, noted_ms=NOW_MS + 5)]
    assert backend.executions.get(TENANT, FIRST.id) == FIRST


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [(0, 0, []), (0, 1, [0]), (2, 2, [0]), (3, 5, [0, 1]), (6, 6, [1]), (9, 12, []), (0, 99, [0, 1, 2])],
)
def test_rows_that_reach_into_a_stretch_of_time_are_found_wherever_they_begin(
    backend: Backend, first: int, last: int, found: list[int]
) -> None:
    rows = [row(1, 3), row(4, 8), row(20, 20)]
    for one in (*rows, row(0, 99, job=some_id(9)), row(0, 99, tenant="other")):
        backend.executions.account(one)
    reached = backend.executions.missed(TENANT, JOB.id, NOW_MS + first * MINUTE_MS, NOW_MS + last * MINUTE_MS)
    assert list(reached) == [rows[n] for n in found]


def test_ledger_rows_are_paged_with_the_executions(backend: Backend) -> None:
    history(backend, 3)
    backend.executions.account(row(1, 9))
    backend.executions.account(row(2, 9))
    whole = backend.executions.list(TENANT, JOB.id, 10, None).items
    found, before = [], None
    while len(found) < 9:
        page = backend.executions.list(TENANT, JOB.id, 1, before)
        found += page.items
        before = page.cursor
        if before is None:
            break
    assert found == list(whole)
    assert len(found) == 5


@pytest.mark.needs("damage")
def test_an_unreadable_record_is_raised_by_whoever_meets_it(backend: Backend) -> None:
    assert backend.cloud is not None
    backend.executions.swap(FIRST, None)
    backend.cloud.dynamodb.update_item(
        TableName=backend.cloud.tables.executions,
        Key=execution_key(TENANT, FIRST.id),
        UpdateExpression="SET st = :v",
        ExpressionAttributeValues={":v": {"S": "dreaming"}},
    )
    with pytest.raises(Unreadable, match=FIRST.id):
        backend.executions.get(TENANT, FIRST.id)
    with pytest.raises(Unreadable, match=FIRST.id):
        backend.executions.swap(FIRST, None)


def history(backend: Backend, count: int) -> list[Execution]:
    """A job's executions, newest first, among those of others."""
    runs = [execution(JOB, NOW_MS + n * MINUTE_MS) for n in range(count)]
    for run in [*runs, execution(a_job(2)), execution(a_job(0)), execution(a_job(1, tenant="other"))]:
        assert backend.executions.swap(run, None) is None
    return runs[::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_a_list_is_paged_newest_first_without_gaps_or_doubles(backend: Backend, limit: int) -> None:
    runs = history(backend, 5)
    found: list[Execution] = []
    cursor = None
    while True:
        page = backend.executions.list(TENANT, JOB.id, limit, cursor)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert found == runs


def test_a_list_begins_before_the_id_given(backend: Backend) -> None:
    runs = history(backend, 4)
    assert backend.executions.list(TENANT, JOB.id, 2, runs[0].id).items == runs[1:3]
    assert backend.executions.list(TENANT, JOB.id, 2, runs[3].id).items == []


def test_a_list_orders_by_nominal_time_whatever_the_origin(backend: Backend) -> None:
    asked = execution(JOB, NOW_MS + 1, Origin.RUN)
    named, later = execution(JOB, NOW_MS), execution(JOB, NOW_MS + 2)
    for run in (later, asked, named):
        backend.executions.swap(run, None)
    assert backend.executions.list(TENANT, JOB.id, 10, None).items == [later, asked, named]


def test_a_list_of_an_unknown_job_is_empty(backend: Backend) -> None:
    page = backend.executions.list(TENANT, some_id(9), 10, None)
    assert (list(page.items), page.cursor) == ([], None)


def test_of_many_those_are_present_that_have_a_record(backend: Backend) -> None:
    other = execution(a_job(2, tenant="other"))
    runs = [execution(JOB, NOW_MS + n * MINUTE_MS) for n in range(4)]
    for record in (*runs[:2], other):
        backend.executions.swap(record, None)
    asked_for = [(TENANT, record.id) for record in runs] + [("other", other.id), (TENANT, other.id)]
    found = backend.executions.present([*asked_for, *asked_for])
    assert set(found) == {(TENANT, runs[0].id), (TENANT, runs[1].id), ("other", other.id)}
    assert not backend.executions.present([])


def test_present_over_a_hundred(backend: Backend) -> None:
    runs = [execution(JOB, NOW_MS + n * MINUTE_MS) for n in range(120)]
    for record in runs:
        backend.executions.swap(record, None)
    assert len(backend.executions.present((TENANT, record.id) for record in runs)) == 120


@pytest.mark.needs("damage")
def test_a_record_that_cannot_be_read_is_present_nonetheless(backend: Backend) -> None:
    assert backend.cloud is not None
    item = {**execution_key(TENANT, FIRST.id), "st": {"S": "asleep"}}
    backend.cloud.dynamodb.put_item(TableName=backend.cloud.tables.executions, Item=item)
    assert set(backend.executions.present([(TENANT, FIRST.id)])) == {(TENANT, FIRST.id)}


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_the_heads_of_many_jobs_are_the_first_pages_of_their_lists(backend: Backend, limit: int) -> None:
    jobs = [a_job(number) for number in range(12)]
    for number, job in enumerate(jobs):
        for n in range(number % 4):
            assert backend.executions.swap(execution(job, NOW_MS + n), None) is None
    before = {job.id: keys.execution_bound(job.id, NOW_MS + 2) for job in jobs}
    expected = {job.id: backend.executions.list(TENANT, job.id, limit, before[job.id]) for job in jobs}
    assert backend.executions.heads(TENANT, before, limit) == expected
    assert backend.executions.heads(TENANT, {jobs[3].id: before[jobs[3].id]}, 1) == {
        jobs[3].id: backend.executions.list(TENANT, jobs[3].id, 1, before[jobs[3].id])
    }
    assert backend.executions.heads(TENANT, {}, limit) == {}


def waits(number: int, next_ms: int) -> Execution:
    return execution(a_job(1), NOW_MS + number, state=State.RETRYING, next_ms=next_ms)


def test_those_that_wait_are_listed_by_their_next_attempt_until_they_are_claimed(backend: Backend) -> None:
    records = [waits(number, NOW_MS - number) for number in range(4)]
    for record in [*records, waits(9, NOW_MS + 1)]:
        backend.executions.swap(record, None)
    part = records[0].waiting_part
    first = backend.executions.overdue(part, NOW_MS + 1, 3, None)
    assert list(first.items) == records[:0:-1]
    assert first.cursor == records[1].waiting_key
    assert list(backend.executions.overdue(part, NOW_MS + 1, 3, first.cursor).items) == records[:1]
    claimed = replace(records[3], state=State.RUNNING, version=2, next_ms=None)
    assert backend.executions.swap(claimed, 1) is None
    assert list(backend.executions.overdue(part, NOW_MS + 1, 9, None).items) == records[2::-1]
    others = set(range(WAITING_PARTS)) - {part}
    assert not any(backend.executions.overdue(other, NOW_MS + 1, 9, None).items for other in others)
    assert not backend.executions.dead(TENANT, 9, None).items


def test_a_run_comes_back_with_all_that_is_asked_of_it(backend: Backend) -> None:
    run = execution(JOB, NOW_MS + 1, state=State.OPEN, run=a_run_control(), next_ms=NOW_MS + 5)
    assert backend.executions.swap(run, None) is None
    assert backend.executions.get(TENANT, run.id) == run


def test_the_steps_of_a_run_are_read_together_and_stand_in_no_list(backend: Backend) -> None:
    run, other = ExecutionId.parse(execution(JOB, NOW_MS + 1).id), ExecutionId.parse(execution(JOB, NOW_MS + 2).id)
    steps = [
        execution(JOB, id=run.of_node(node), generation=node + 1, guard="0.1" if node else "")
        for node in (0, 1, 10, NODES_TOGETHER, 2 * NODES_TOGETHER)
    ]
    for step in (*steps, execution(JOB, id=other.of_node(0))):
        assert backend.executions.swap(step, None) is None
    found = backend.executions.nodes(TENANT, str(run), 2 * NODES_TOGETHER + 1)
    assert sorted(found, key=lambda one: one.node or 0) == steps
    assert backend.executions.nodes(TENANT, str(run), 1) != []
    assert backend.executions.get(TENANT, steps[-1].id) == steps[-1]
    assert backend.executions.present([(TENANT, steps[1].id), (TENANT, run.of_node(5))]) == {(TENANT, steps[1].id)}
    assert not backend.executions.list(TENANT, JOB.id, 10, None).items


def test_a_step_is_written_on_a_condition_as_every_execution_is(backend: Backend) -> None:
    step = execution(JOB, id=ExecutionId.parse(FIRST.id).of_node(3))
    assert backend.executions.swap(step, None) is None
    assert backend.executions.swap(after(step), 1) is None
    assert backend.executions.swap(after(step, "you"), 1) == after(step)


def test_an_open_run_is_listed_by_when_it_is_looked_at(backend: Backend) -> None:
    run = execution(JOB, NOW_MS + 1, state=State.OPEN, run=a_run_control(), next_ms=NOW_MS + 5)
    backend.executions.swap(run, None)
    assert [one.id for one in backend.executions.overdue(run.waiting_part, NOW_MS + 6, 10, None).items] == [run.id]
    assert not backend.executions.overdue(run.waiting_part, NOW_MS + 5, 10, None).items
