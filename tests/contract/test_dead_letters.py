"""``ports.Executions.dead``: the sparse list of what ended without success."""

from __future__ import annotations

import boto3
import pytest

from tests.support.billing import Bill
from tests.support.tables import drop_tables, make_tables
from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, execution
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State


def ended(number: int, state: State = State.DEAD, after_ms: int = 0, tenant: str = TENANT) -> Execution:
    """An execution of one nominal time per number, that ended so long after now."""
    return execution(a_job(tenant=tenant), NOW_MS + number, state=state, version=2, finished_ms=NOW_MS + after_ms)


def store(backend: Backend, *records: Execution) -> None:
    for record in records:
        assert backend.executions.swap(record, None) is None


def test_nothing_is_dead_at_first(backend: Backend) -> None:
    page = backend.executions.dead(TENANT, 5, None)
    assert (list(page.items), page.cursor) == ([], None)


@pytest.mark.parametrize("state", State)
def test_those_that_ended_without_success_are_listed_and_no_others(backend: Backend, state: State) -> None:
    record = ended(1, state)
    store(backend, record)
    listed = list(backend.executions.dead(TENANT, 5, None).items)
    assert listed == ([record] if state in {State.DEAD, State.FAILED, State.TIMED_OUT} else [])


def test_the_last_to_end_comes_first_whatever_its_nominal_time(backend: Backend) -> None:
    records = [ended(1, after_ms=30), ended(2, after_ms=10), ended(3, after_ms=20)]
    store(backend, *records)
    assert list(backend.executions.dead(TENANT, 5, None).items) == [records[0], records[2], records[1]]


def test_pages(backend: Backend) -> None:
    records = [ended(number, after_ms=number // 2) for number in range(5)]  # two end at once
    store(backend, *records)
    seen: list[Execution] = []
    cursor = None
    for _ in range(4):
        page = backend.executions.dead(TENANT, 2, cursor)
        assert len(page.items) <= 2
        seen += page.items
        cursor = page.cursor
        if cursor is None:
            break
        assert cursor == page.items[-1].failure_key
    assert seen == records[::-1]


def test_tenants_see_their_own(backend: Backend) -> None:
    store(backend, ended(1), ended(1, tenant="other"))
    assert [one.tenant for one in backend.executions.dead("other", 5, None).items] == ["other"]


@pytest.mark.ministack
@pytest.mark.parametrize(("state", "most"), [(State.SUCCEEDED, 1), (State.DEAD, 2)])
def test_the_list_costs_a_unit_for_each_that_dies_and_nothing_for_others(
    ministack_endpoint: str, state: State, most: int
) -> None:
    dynamodb, bill = boto3.client("dynamodb", endpoint_url=ministack_endpoint), Bill()
    tables = make_tables(dynamodb)
    bill.watch(dynamodb)
    assert DynamoExecutions(dynamodb, tables.executions).swap(ended(1, state), None) is None
    assert 1 <= bill.written("executions") <= most
    drop_tables(dynamodb, tables)
