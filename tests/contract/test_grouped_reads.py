"""Jobs that several threads read at once: one request for what comes while another one is under way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import ANY, Stubber

from tests.support.held import Held, holding
from tests.support.polling import until
from tests.support.world import Backend
from tests.support.world_examples import TENANT, a_job, some_id
from tidewheel.adapters.aws.dynamodb import calls, together
from tidewheel.adapters.aws.dynamodb.grouped_gets import GroupedGets
from tidewheel.adapters.aws.dynamodb.job_items import job_item, job_key
from tidewheel.adapters.aws.dynamodb.jobs import DynamoJobs
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import PortError, Refused, Throttled

JOBS = [a_job(number) for number in range(4)]
CLIENT = boto3.client("dynamodb")


@pytest.fixture(autouse=True)
def _no_request_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_CLOCK", SettableClock(0))


@contextmanager
def reading(client: Any, jobs: Any, first: str, others: Sequence[str]) -> Iterator[tuple[Held, list[Future[Any]]]]:
    """One read is under way; then the others come, one after another, and then it goes on."""
    assert isinstance(jobs, DynamoJobs)
    assert jobs.gets is not None
    asking = jobs.gets.together
    with ThreadPoolExecutor(8) as threads, holding(client, "GetItem") as held:
        futures = [threads.submit(jobs.get, TENANT, first)]
        held.waits.wait()
        for number, job in enumerate(others):
            futures.append(threads.submit(jobs.get, TENANT, job))
            until(lambda number=number: asking.waiting > number, f"the read of {job} waits")
        held.let_go()
        yield held, futures


@pytest.mark.needs("requests")
def test_reads_that_come_together_are_one_request(backend: Backend) -> None:
    assert backend.cloud is not None
    for job in JOBS[:3]:
        assert backend.jobs.create(job, None, None)
    others = [JOBS[1].id, JOBS[2].id, JOBS[1].id, some_id(77)]  # two for one job, and one that is not there
    with reading(backend.cloud.dynamodb, backend.jobs, JOBS[0].id, others) as (held, futures):
        found = [future.result() for future in futures]
    assert found == [JOBS[0], JOBS[1], JOBS[2], JOBS[1], None]
    assert held.sent == ["GetItem", "BatchGetItem"]


@pytest.mark.needs("requests")
def test_a_consistent_read_goes_alone(backend: Backend) -> None:
    assert backend.cloud is not None
    assert backend.jobs.create(JOBS[0], None, None)
    with reading(backend.cloud.dynamodb, backend.jobs, JOBS[0].id, []) as (held, _):
        assert backend.jobs.get(TENANT, JOBS[0].id, consistent=True) == JOBS[0]
    assert held.sent == ["GetItem", "GetItem"]


@pytest.mark.needs("damage")
def test_a_damaged_job_fails_nobody_else(backend: Backend) -> None:
    assert backend.cloud is not None
    for job in JOBS[:3]:
        assert backend.jobs.create(job, None, None)
    backend.cloud.dynamodb.update_item(
        TableName=backend.cloud.tables.jobs,
        Key=job_key(TENANT, JOBS[1].id),
        UpdateExpression="SET d = :v",
        ExpressionAttributeValues={":v": {"S": "{"}},
    )
    with reading(backend.cloud.dynamodb, backend.jobs, JOBS[0].id, [JOBS[1].id, JOBS[2].id]) as (_, futures):
        with pytest.raises(Unreadable, match=JOBS[1].id):
            futures[1].result()
        assert futures[2].result() == JOBS[2]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """What the service will answer, in turn; all of it must be asked for. Pauses pass at once."""
    monkeypatch.setattr(calls, "_CLOCK", SettableClock(0))
    with Stubber(CLIENT) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def one(job: Job) -> dict[str, Any]:
    return {"Item": job_item(job)}


def many(jobs: Sequence[Job], left: Sequence[Job] = ()) -> dict[str, Any]:
    unprocessed = {"j": {"Keys": [job_key(TENANT, job.id) for job in left]}} if left else {}
    return {"Responses": {"j": [job_item(job) for job in jobs]}, "UnprocessedKeys": unprocessed}


def keys(jobs: Sequence[Job]) -> dict[str, Any]:
    return {"RequestItems": {"j": {"Keys": [job_key(TENANT, job.id) for job in jobs]}}}


@contextmanager
def three_more() -> Iterator[list[Future[Any]]]:
    """The futures of three reads that go together."""
    jobs = DynamoJobs(CLIENT, "j", "w", "e", "2026a", GroupedGets(CLIENT, "jobs.get", "j"))
    with reading(CLIENT, jobs, JOBS[0].id, [job.id for job in JOBS[1:]]) as (_, futures):
        assert futures[0].result() == JOBS[0]
        yield futures[1:]


def test_what_was_left_unprocessed_is_read_again(stub: Stubber) -> None:
    stub.add_response("get_item", one(JOBS[0]))
    stub.add_response("batch_get_item", many(JOBS[1:2], left=JOBS[2:]), keys(JOBS[1:]))
    stub.add_response("batch_get_item", many(JOBS[2:3], left=JOBS[3:]), keys(JOBS[2:]))
    stub.add_response("batch_get_item", many(JOBS[3:]), keys(JOBS[3:]))
    with three_more() as futures:
        assert [future.result() for future in futures] == JOBS[1:]


def test_what_stays_unprocessed_is_throttled_and_the_rest_is_not(stub: Stubber) -> None:
    stub.add_response("get_item", one(JOBS[0]))
    stub.add_response("batch_get_item", many(JOBS[1:3], left=JOBS[3:]))
    for _ in range(4):
        stub.add_response("batch_get_item", many([], left=JOBS[3:]))
    with three_more() as futures:
        assert [future.result() for future in futures[:2]] == JOBS[1:3]
        with pytest.raises(Throttled, match=f"jobs.get {JOBS[3].id}"):
            futures[2].result()


def test_no_further_try_begins_that_could_outlast_the_bound(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SettableClock(0)
    monkeypatch.setattr(calls, "_CLOCK", clock)

    def slow(**_: Any) -> None:
        clock.advance(2 * SECOND_MS)

    CLIENT.meta.events.register("before-parameter-build.dynamodb.BatchGetItem", slow)
    stub.add_response("get_item", one(JOBS[0]))
    stub.add_response("batch_get_item", many(JOBS[1:3], left=JOBS[3:]))
    try:
        with three_more() as futures:
            assert futures[0].result() == JOBS[1]
            with pytest.raises(Throttled):
                futures[2].result()
    finally:
        CLIENT.meta.events.unregister("before-parameter-build.dynamodb.BatchGetItem", slow)


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"])
def test_what_is_refused_together_is_read_alone(stub: Stubber, code: str) -> None:
    """A key that the service does not take, or a role that may not read several."""
    stub.add_response("get_item", one(JOBS[0]))
    stub.add_client_error("batch_get_item", code)
    for _ in JOBS[1:3]:
        stub.add_response("get_item", one(JOBS[1]), {"TableName": "j", "Key": ANY, "ConsistentRead": False})
    stub.add_client_error("get_item", code)
    with three_more() as futures:
        failed = [future.exception() for future in futures]
    assert sorted(type(error).__name__ for error in failed) == ["NoneType", "NoneType", "Refused"]
    assert [str(error) for error in failed if isinstance(error, Refused) and error.operation != "jobs.get"] == []


def test_a_request_that_fails_is_the_error_of_each(stub: Stubber) -> None:
    stub.add_response("get_item", one(JOBS[0]))
    stub.add_client_error("batch_get_item", "InternalServerError")
    with three_more() as futures:
        errors = [future.exception() for future in futures]
    assert [type(error) for error in errors] == [PortError] * 3
    assert [error.subject for error in errors if isinstance(error, PortError)] == [job.id for job in JOBS[1:]]
    assert len({id(error) for error in errors}) == 3


def test_a_request_without_an_answer_is_the_error_of_each(stub: Stubber) -> None:
    def lost(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    stub.add_response("get_item", one(JOBS[0]))
    CLIENT.meta.events.register_first("before-call.dynamodb.BatchGetItem", lost)
    try:
        with three_more() as futures:
            assert {type(future.exception()) for future in futures} == {PortError}
    finally:
        CLIENT.meta.events.unregister("before-call.dynamodb.BatchGetItem", lost)
