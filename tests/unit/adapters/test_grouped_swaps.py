"""What each writer is told of a write that went together with others', whatever became of those."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.held import Held, holding
from tests.support.partiql import FakeTable, Odds
from tests.support.pauses import Pauses
from tests.support.polling import until
from tests.support.world_examples import full_execution
from tidewheel.adapters.aws.dynamodb import grouped_swaps, together
from tidewheel.adapters.aws.dynamodb.execution_items import execution_attributes, execution_item
from tidewheel.adapters.aws.dynamodb.grouped_swaps import GroupedSwaps
from tidewheel.adapters.aws.dynamodb.items import NewItem, number, text
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.limits import GROUPED_BYTES, SECOND_MS, TRY_BOUND_MS, WRITES_AT_ONCE
from tidewheel.ports import Fenced, PortError, Refused, Throttled

CLIENT = boto3.client("dynamodb")
OPERATION = "executions.swap"


def an_item(name: str, version: int, who: str = "me") -> NewItem:
    return {"pk": text("p"), "sk": text(name), "ver": number(version), "who": text(who)}


def responses(*errors: dict[str, Any] | None) -> dict[str, Any]:
    return {"Responses": [{"Error": error} if error else {} for error in errors]}


def code(name: str) -> dict[str, Any]:
    return {"Code": name, "Message": "no"}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """No request is slow; each pause is as long as it may be."""
    monkeypatch.setattr(together, "_CLOCK", SettableClock(0))
    monkeypatch.setattr(grouped_swaps, "jitter_ms", lambda longest_ms: longest_ms)
    clock = Pauses()
    monkeypatch.setattr(grouped_swaps, "_CLOCK", clock)
    return clock


@pytest.fixture
def stub() -> Iterator[Stubber]:
    """What the service will answer, in turn; all of it must be asked for."""
    with Stubber(CLIENT) as stubber:
        stubber.add_response("put_item", {})
        yield stubber
        stubber.assert_no_pending_responses()


@contextmanager
def writing(*writes: tuple[NewItem, int | None]) -> Iterator[tuple[Held, list[Future[Any]]]]:
    """One write is under way; then the others come, one after another, and then it goes on."""
    swaps = GroupedSwaps(CLIENT, OPERATION, "t", WRITES_AT_ONCE)
    with ThreadPoolExecutor(8) as threads, holding(CLIENT, "PutItem") as held:
        first = threads.submit(swaps.swap, "first", an_item("first", 1), None)
        held.waits.wait()
        futures = []
        for number_, (item, expected) in enumerate(writes):
            futures.append(threads.submit(swaps.swap, item["sk"]["S"], item, expected))
            until(lambda number_=number_: swaps.together.waiting > number_, "a write that waits")
        held.let_go()
        assert first.result() is None
        yield held, futures


A, B, C = (an_item(name, 2) for name in "abc")
STANDING = an_item("b", 2, "another")


def test_the_statements(stub: Stubber) -> None:
    """Every attribute is named: what the item has is set, what it has not is removed. No commas between clauses."""
    insert = {
        "Statement": """INSERT INTO "t" VALUE {'pk': ?, 'sk': ?, 'ver': ?, 'who': ?}""",
        "Parameters": [text("p"), text("a"), number(2), text("me")],
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    update = {
        "Statement": 'UPDATE "t" SET "ver" = ? REMOVE "who" WHERE "pk" = ? AND "sk" = ? AND "ver" = ?',
        "Parameters": [number(2), text("p"), text("b"), number(1)],
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    stub.add_response("batch_execute_statement", responses(None, None), {"Statements": [insert, update]})
    with writing((A, None), (cast(NewItem, {**B, "who": None}), 1)) as (_, futures):
        assert [future.result() for future in futures] == [None, None]


def test_a_statement_of_an_execution_fits() -> None:
    swaps = GroupedSwaps(CLIENT, OPERATION, "t" * 255, WRITES_AT_ONCE)
    full = execution_attributes(full_execution())
    for expected in (None, 8):
        statement = swaps._statement(grouped_swaps._Write("x", full, expected))
        assert len(statement["Statement"]) < 8_192 // 4  # Amazon DynamoDB API reference, BatchStatementRequest
    assert len(str(execution_item(full_execution()))) < GROUPED_BYTES // 10


@pytest.mark.parametrize("told", [True, False], ids=["with the item", "without"])
def test_the_item_in_the_way_is_read_only_if_it_is_not_told(stub: Stubber, told: bool) -> None:
    failed = code("ConditionalCheckFailed") | ({"Item": STANDING} if told else {})
    stub.add_response("batch_execute_statement", responses(None, failed, None))
    if not told:
        expected = {"TableName": "t", "Key": {"pk": text("p"), "sk": text("b")}, "ConsistentRead": True}
        stub.add_response("get_item", {"Item": STANDING}, expected)
    with writing((A, 1), (B, 1), (C, 1)) as (_, futures):
        assert [future.result() for future in futures] == [None, STANDING, None]


def test_a_first_write_where_an_item_stands_reads_that(stub: Stubber) -> None:
    stub.add_response("batch_execute_statement", responses(None, code("DuplicateItem")))
    stub.add_response("get_item", {"Item": STANDING})
    with writing((A, None), (B, None)) as (_, futures):
        assert [future.result() for future in futures] == [None, STANDING]


def test_an_item_that_is_gone(stub: Stubber) -> None:
    stub.add_response("batch_execute_statement", responses(code("ConditionalCheckFailed"), None))
    stub.add_response("get_item", {})
    with writing((A, 1), (B, 1)) as (_, futures):
        with pytest.raises(Fenced, match=r"executions\.swap a"):
            futures[0].result()
        assert futures[1].result() is None


def test_an_item_that_was_in_the_way_of_a_first_write_and_has_expired_since(stub: Stubber) -> None:
    stub.add_response("batch_execute_statement", responses(None, code("DuplicateItem")))
    stub.add_response("get_item", {})
    stub.add_response("put_item", {})
    with writing((A, None), (B, None)) as (_, futures):
        assert [future.result() for future in futures] == [None, None]


PASSING = [
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "TransactionConflict",
    "InternalServerError",
]


@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_tried_once_more_after_a_pause(stub: Stubber, pauses: Pauses, name: str) -> None:
    stub.add_response("batch_execute_statement", responses(None, code(name)))
    stub.add_response("put_item", {})
    with writing((A, 1), (B, 1)) as (held, futures):
        assert [future.result() for future in futures] == [None, None]
    assert held.sent == ["PutItem", "BatchExecuteStatement", "PutItem"]
    assert pauses.taken == [SECOND_MS]


@pytest.mark.parametrize("name", PASSING)
def test_what_does_not_pass_is_the_error_of_its_own_write(stub: Stubber, pauses: Pauses, name: str) -> None:
    def late(**_: Any) -> None:
        pauses.advance(TRY_BOUND_MS)

    stub.add_response("batch_execute_statement", responses(None, code(name), None))
    CLIENT.meta.events.register("after-call.dynamodb.BatchExecuteStatement", late)
    try:
        with writing((A, 1), (B, 1), (C, 1)) as (_, futures):
            error = futures[1].exception()
            assert [futures[0].result(), futures[2].result()] == [None, None]
    finally:
        CLIENT.meta.events.unregister("after-call.dynamodb.BatchExecuteStatement", late)
    assert type(error) is (PortError if name == "InternalServerError" else Throttled)
    assert str(error).startswith(f"executions.swap b: {name}")
    assert pauses.taken == []  # the first try took too long for another


@pytest.mark.parametrize("name", ["ValidationError", "AccessDenied", "ResourceNotFound"])
@pytest.mark.parametrize("helps", [True, False])
def test_a_statement_that_is_refused_is_a_put_of_its_own(stub: Stubber, name: str, helps: bool) -> None:
    """A worker whose role has no right to statements goes on with puts."""
    stub.add_response("batch_execute_statement", responses(None, code(name)))
    if helps:
        stub.add_response("put_item", {})
    else:
        stub.add_client_error("put_item", "ValidationException")
    with writing((A, 1), (B, 1)) as (_, futures):
        assert futures[0].result() is None
        if helps:
            assert futures[1].result() is None
        else:
            with pytest.raises(Refused, match=r"executions\.swap b"):
                futures[1].result()


@pytest.mark.parametrize("name", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"])
def test_a_request_that_is_refused_fails_nobody_for_anothers_write(stub: Stubber, name: str) -> None:
    stub.add_client_error("batch_execute_statement", name)
    stub.add_client_error("put_item", "ValidationException")
    stub.add_response("put_item", {})
    with writing((A, 1), (B, 1)) as (_, futures):
        told = [future.exception() for future in futures]
    assert sorted(type(one).__name__ for one in told) == ["NoneType", "Refused"]


@pytest.mark.parametrize(("name", "kind"), [("ThrottlingException", Throttled), ("InternalServerError", PortError)])
def test_a_request_that_fails_is_the_error_of_each(stub: Stubber, name: str, kind: type[PortError]) -> None:
    stub.add_client_error("batch_execute_statement", name)
    with writing((A, 1), (B, 1)) as (_, futures):
        told = [future.exception() for future in futures]
    assert [type(one) for one in told] == [kind, kind]
    assert [one.subject for one in told if isinstance(one, PortError)] == ["a", "b"]


def test_a_request_without_an_answer_is_the_error_of_each(stub: Stubber) -> None:
    def lost(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    CLIENT.meta.events.register("before-parameter-build.dynamodb.BatchExecuteStatement", lost)
    try:
        with writing((A, 1), (B, None)) as (_, futures):
            assert [type(future.exception()) for future in futures] == [PortError, PortError]
    finally:
        CLIENT.meta.events.unregister("before-parameter-build.dynamodb.BatchExecuteStatement", lost)


def test_where_each_goes_alone_nobody_waits(stub: Stubber) -> None:
    swaps = GroupedSwaps(CLIENT, OPERATION, "t", 1)
    stub.add_response("put_item", {})
    with ThreadPoolExecutor(1) as threads, holding(CLIENT, "PutItem") as held:
        first = threads.submit(swaps.swap, "a", A, 1)
        held.waits.wait()
        assert swaps.swap("b", B, 1) is None
        held.let_go()
        assert first.result() is None


# --- against a sequential model -----------------------------------------------------------------------------------

KEYS = "abcdef"


class Writer:
    """Threads that raise versions, and what each write was told."""

    def __init__(self, table: FakeTable) -> None:
        self.table = table
        self.told: dict[str, tuple[NewItem, object]] = {}
        self._swaps = [GroupedSwaps(cast(Any, table), OPERATION, "t", most) for most in (4, WRITES_AT_ONCE)]

    def work(self, thread: int, rounds: int, random: Random) -> None:
        known: dict[str, int] = {}
        for turn in range(rounds):
            key, who = random.choice(KEYS), f"{thread}.{turn}"
            version = known.get(key, 0)
            item = an_item(key, version + 1, who)
            try:
                answer = self._swaps[thread % 2].swap(who, item, version or None)
            except PortError as error:
                self.told[who] = item, error
                continue
            self.told[who] = item, answer
            stands = item if answer is None else answer
            known[key] = int(stands["ver"]["N"])


def judge(table: FakeTable, who: str, item: NewItem, told: object) -> None:
    """A write is told what a table that takes one write after another would tell of its last try."""
    tries, stood = table.tries[who], table.versions[item["sk"]["S"]]
    last = tries[-1]
    assert sum(one.applied for one in tries) <= 1
    if isinstance(told, PortError):
        kinds = {"ThrottlingException": Throttled, "ValidationException": Refused}
        assert type(told) is kinds.get(last.told, PortError)
        assert last.told not in {"", "ConditionalCheckFailedException"}
    elif told is None or told == item:
        assert any(one.applied for one in tries)
    else:
        assert last.told == "ConditionalCheckFailedException"
        assert told in stood[last.at - 1 :]  # what stood then, or since


@settings(max_examples=30)
@given(
    st.integers(0, 2**32),
    st.integers(2, 12),
    st.sampled_from([Odds(), Odds(items=0), Odds(0.2, 0, 0.5), Odds(0, 0.3, 0.5), Odds(0.3, 0.3, 0.5)]),
)
def test_every_write_is_told_what_one_after_another_would_be(seed: int, threads: int, odds: Odds) -> None:
    table = FakeTable(Random(seed), odds)
    writer = Writer(table)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda n: writer.work(n, 20, Random(seed + n)), range(threads)))
    finally:
        sys.setswitchinterval(before)
    assert len(writer.told) == threads * 20
    for who, (item, told) in writer.told.items():
        judge(table, who, item, told)
    for stood in table.versions.values():
        assert [int(item["ver"]["N"]) for item in stood] == list(range(1, len(stood) + 1))
    if odds == Odds():
        assert not any(isinstance(told, PortError) for _, told in writer.told.values())


def test_the_model_sees_groups() -> None:
    """Or the property above would hold for nothing."""
    table = FakeTable(Random(1), Odds(0.2, 0.1, 0.5))
    writer = Writer(table)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda n: writer.work(n, 40, Random(n)), range(12)))
    kinds: Sequence[str] = [operation for operation, _ in table.requests]
    assert {"PutItem", "BatchExecuteStatement", "GetItem"} <= set(kinds)
