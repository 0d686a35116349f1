"""Executions that several threads write at once: statements of one request, each with a condition of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import pytest

from tests.contract.test_repeats import lost_answers
from tests.support.billing import Bill
from tests.support.held import Held, holding
from tests.support.polling import until
from tests.support.world import Backend, cloud_backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, execution, full_execution
from tidewheel.adapters.aws.dynamodb import together
from tidewheel.adapters.aws.dynamodb.execution_items import execution_key
from tidewheel.adapters.aws.dynamodb.executions import DynamoExecutions
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.ports import Fenced

pytestmark = pytest.mark.needs("statements")

JOB = a_job()
FIRST = execution(JOB)
RUNS = [execution(JOB, NOW_MS + n * MINUTE_MS) for n in range(1, 6)]
Writes = Sequence[tuple[Execution, int | None]]
GROUPED = ["PutItem", "BatchExecuteStatement"]


def after(record: Execution, holder: str = "me") -> Execution:
    return replace(record, version=record.version + 1, state=State.RUNNING, attempt=1, holder=holder)


@contextmanager
def writing(backend: Backend, writes: Writes) -> Iterator[tuple[Held, list[Future[Execution | None]]]]:
    """One write is under way; then the others come, one after another, and then it goes on."""
    executions = backend.executions
    assert backend.cloud is not None
    assert isinstance(executions, DynamoExecutions)
    assert executions.swaps is not None
    asking = executions.swaps.together
    with (
        pytest.MonkeyPatch.context() as patch,
        ThreadPoolExecutor(8) as threads,
        holding(backend.cloud.dynamodb, "PutItem") as held,
    ):
        patch.setattr(together, "_CLOCK", SettableClock(0))  # no request is slow
        first = threads.submit(executions.swap, FIRST, None)
        held.waits.wait()
        futures = []
        for number, (new, expected) in enumerate(writes):
            futures.append(threads.submit(executions.swap, new, expected))
            until(lambda number=number: asking.waiting > number, f"the write of {new.id} waits")
        held.let_go()
        assert first.result() is None
        yield held, futures


def stored(backend: Backend, *records: Execution) -> None:
    for record in records:
        assert backend.executions.swap(record, None) is None


def found(backend: Backend, *records: Execution) -> list[Execution | None]:
    return [backend.executions.get(TENANT, record.id) for record in records]


def test_what_comes_together_is_one_request(backend: Backend) -> None:
    stored(backend, *RUNS[:2])
    writes: Writes = [(after(RUNS[0]), 1), (RUNS[2], None), (after(RUNS[1]), 1), (RUNS[3], None)]
    with writing(backend, writes) as (held, futures):
        assert [future.result() for future in futures] == [None] * 4
    assert held.sent == GROUPED
    assert found(backend, *(new for new, _ in writes)) == [new for new, _ in writes]


def test_an_item_is_replaced_with_every_attribute(backend: Backend) -> None:
    """None is left of the one before, and the index follows."""
    full = full_execution()
    bare = replace(execution(JOB, NOW_MS + 9), id=full.id, tenant=full.tenant, version=full.version + 1)
    waits = replace(RUNS[0], state=State.RETRYING, next_ms=NOW_MS - 1)
    stored(backend, full, waits)
    part = waits.waiting_part
    assert list(backend.executions.overdue(part, NOW_MS, 9, None).items) == [waits]
    claimed = replace(after(waits), next_ms=None)
    asks = replace(RUNS[1], state=State.RETRYING, next_ms=NOW_MS - 2)
    with writing(backend, [(bare, full.version), (claimed, 1), (asks, None)]) as (held, futures):
        assert [future.result() for future in futures] == [None] * 3
    assert held.sent == GROUPED
    assert backend.executions.get(bare.tenant, bare.id) == bare
    assert list(backend.executions.overdue(part, NOW_MS, 9, None).items) == [asks] * (asks.waiting_part == part)
    filled = replace(full, version=bare.version + 1)
    with writing(backend, [(filled, bare.version), (RUNS[2], None)]) as (held, futures):
        assert [future.result() for future in futures] == [None, None]
    assert held.sent == GROUPED
    by_statement = _raw(backend, filled)
    backend.executions.swap(replace(filled, version=filled.version + 1), filled.version)  # alone, as a put
    assert _raw(backend, filled) == {**by_statement, "ver": {"N": str(filled.version + 1)}}


def _raw(backend: Backend, record: Execution) -> Any:
    assert backend.cloud is not None
    key = execution_key(record.tenant, record.id)
    return backend.cloud.dynamodb.get_item(TableName=backend.cloud.tables.executions, Key=key)["Item"]


def test_a_conflict_in_the_middle_fails_its_own_write_alone(backend: Backend) -> None:
    theirs = after(RUNS[1], "another")
    stored(backend, RUNS[0], RUNS[1], RUNS[2], RUNS[4])
    assert backend.executions.swap(theirs, 1) is None
    writes: Writes = [
        (after(RUNS[0]), 1),
        (after(RUNS[1]), 1),  # another one was faster
        (RUNS[2], None),  # it is there, and the same
        (after(RUNS[3]), 1),  # there is none
        (replace(RUNS[4], holder="me"), None),  # another one is there
    ]
    with writing(backend, writes) as (held, futures):
        assert [futures[n].result() for n in (0, 1, 2, 4)] == [None, theirs, None, RUNS[4]]
        with pytest.raises(Fenced, match=RUNS[3].id):
            futures[3].result()
    assert held.sent[:2] == GROUPED
    assert set(held.sent[2:]) == {"GetItem"}
    assert found(backend, *RUNS) == [after(RUNS[0]), theirs, RUNS[2], None, RUNS[4]]


def test_two_writes_of_one_execution_never_go_together(backend: Backend) -> None:
    """As a renewal and a finish: the second one finds what the first one wrote."""
    stored(backend, RUNS[0], RUNS[1])
    renewed, finished = after(RUNS[0]), replace(after(RUNS[0]), state=State.SUCCEEDED)
    with writing(backend, [(renewed, 1), (after(RUNS[1]), 1), (finished, 1)]) as (held, futures):
        assert [future.result() for future in futures] == [None, None, renewed]
    assert held.sent == [*GROUPED, "PutItem"]
    assert found(backend, RUNS[0]) == [renewed]


def test_a_large_record_goes_alone_and_waits_for_nobody(backend: Backend) -> None:
    large = replace(RUNS[0], checkpoint="x" * 100_000)
    with writing(backend, []) as (held, _):
        assert backend.executions.swap(large, None) is None
    assert held.sent == ["PutItem", "PutItem"]
    assert found(backend, large) == [large]


def test_answers_that_are_lost(backend: Backend) -> None:
    """Each request is sent twice: the second finds what the first has written."""
    stored(backend, RUNS[0], RUNS[1])
    with lost_answers(backend) as sent, writing(backend, [(after(RUNS[0]), 1), (RUNS[2], None)]) as (_, futures):
        assert [future.result() for future in futures] == [None, None]
    assert sent == [*GROUPED, *["GetItem"] * (len(sent) - 2)]
    assert len(sent) <= 4
    assert found(backend, RUNS[0], RUNS[2]) == [after(RUNS[0]), RUNS[2]]


def test_a_statement_costs_what_a_put_does(backend: Backend) -> None:
    """A unit for each kilobyte, and as much for the place in the index; a condition that failed costs one."""
    assert backend.cloud is not None
    bill = Bill()
    client = boto3.client("dynamodb", endpoint_url=backend.cloud.dynamodb.meta.endpoint_url)
    billed = cloud_backend(backend.name, replace(backend.cloud, dynamodb=bill.watch(client)))
    waits = replace(RUNS[1], state=State.RETRYING, next_ms=NOW_MS)
    large = replace(RUNS[2], checkpoint="x" * 1_500)
    stored(billed, RUNS[0], waits, large)
    assert bill.writes["executions", "PutItem"] == 1 + 2 + 2
    bill.clear()
    others = replace(waits, id=RUNS[3].id)
    writes: Writes = [(after(RUNS[0]), 1), (others, None), (after(large), 1), (replace(RUNS[4], version=5), 4)]
    with writing(billed, writes) as (_, futures):
        assert [type(future.exception()).__name__ for future in futures] == [*["NoneType"] * 3, "Fenced"]
    assert bill.writes["executions", "BatchExecuteStatement"] == 1 + 2 + 2 + 1
    assert bill.count("BatchExecuteStatement") == 1
    assert bill.written("executions") == 1 + 1 + 2 + 2 + 1


def test_two_writers_with_many_threads_write_each_version_once(backend: Backend) -> None:
    """Each thread raises the version of whichever execution it finds behind, as long as it can."""
    assert backend.cloud is not None
    writers = [backend, cloud_backend(backend.name, backend.cloud)]
    versions, won = 20, []
    stored(backend, *RUNS)

    def raising(number: int) -> None:
        executions, holder = writers[number % 2].executions, f"h{number}"
        for start in RUNS:
            known = start
            while known.version < versions:
                new = after(known, holder)
                standing = executions.swap(new, known.version)
                if standing is None:
                    won.append((new.id, new.version, holder))
                known = standing or new

    threads = [threading.Thread(target=raising, args=(number,)) for number in range(12)]
    with holding(backend.cloud.dynamodb, "none") as held:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted((id, version) for id, version, _ in won) == sorted(
        (run.id, version) for run in RUNS for version in range(2, versions + 1)
    )
    last = {id: holder for id, version, holder in won if version == versions}
    assert {record.id: record.holder for record in found(backend, *RUNS) if record} == last
    assert "BatchExecuteStatement" in held.sent
