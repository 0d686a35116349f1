"""What targets do with the id and the token: on a real boto3 table, races included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.support.calls import a_call
from tidewheel.adapters.targets.http import _identity
from tidewheel.client.effects import RANK, Delivery, NotDelivered, Superseded, put_if_newer, put_once, run_once
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Target

DUE_MS = 1_795_000_000_000
ID = str(ExecutionId("j0000000000000001", DUE_MS))
FIRST = Delivery(ID, 1, DUE_MS, DUE_MS + 40)
SECOND = replace(FIRST, token=2)
NEXT_RUN = Delivery(str(ExecutionId("j0000000000000001", DUE_MS + 60_000)), 1, DUE_MS + 60_000, DUE_MS + 60_040)


def make_table(key: str) -> Any:
    resource = boto3.resource("dynamodb", region_name="eu-west-1")
    return resource.create_table(
        TableName=f"effects-by-{key}",
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def table() -> Iterator[Any]:
    with mock_aws():
        yield make_table("execution")


@pytest.fixture
def states() -> Iterator[Any]:
    with mock_aws():
        yield make_table("customer")


def stored(table: Any, key: str = ID) -> dict[str, Any]:
    return dict(table.get_item(Key={table.key_schema[0]["AttributeName"]: key}).get("Item", {}))


# --- which delivery it is ---------------------------------------------------------------------------------------


def test_the_headers_of_an_http_target() -> None:
    sent = _identity(a_call(Target("http", {}), ID, DUE_MS, 2, 1_000))
    for headers in (sent, {name.lower(): value for name, value in sent.items()}, httpx.Headers(dict(sent))):
        assert Delivery.from_headers(headers) == SECOND


def test_the_event_of_a_function() -> None:
    about = {"execution": ID, "nominal_ms": DUE_MS, "due_ms": DUE_MS + 40, "attempt": 2, "fencing_token": 2}
    assert Delivery.from_event({"payload": None, "tidewheel": about}) == SECOND
    assert Delivery.from_event({"source": "x", "detail": {"a": 1, "tidewheel": about}}) == SECOND


def test_the_environment_of_a_command() -> None:
    environ = {
        "PATH": "/bin",
        "TIDEWHEEL_EXECUTION": ID,
        "TIDEWHEEL_ATTEMPT": "2",
        "TIDEWHEEL_FENCING_TOKEN": "2",
        "TIDEWHEEL_NOMINAL_TIME": str(DUE_MS),
        "TIDEWHEEL_DUE_TIME": str(DUE_MS + 40),
    }
    assert Delivery.from_environment(environ) == SECOND


@pytest.mark.parametrize(
    "shape",
    [
        lambda kind, value: {"DataType": kind, "StringValue": value},  # boto3's receive_message
        lambda kind, value: {"dataType": kind, "stringValue": value, "binaryListValues": []},  # SQS by Lambda
        lambda kind, value: {"Type": kind, "Value": value},  # SNS by Lambda
        lambda _kind, value: value,
    ],
)
def test_the_attributes_of_a_message(shape: Callable[[str, str], Any]) -> None:
    numbers = {"Nominal-Time": DUE_MS, "Due-Time": DUE_MS + 40, "Attempt": 2, "Fencing-Token": 2}
    attributes = {f"Tidewheel-{name}": shape("Number", str(value)) for name, value in numbers.items()}
    attributes |= {"Tidewheel-Execution": shape("String", ID), "mine": shape("String", "x")}
    assert Delivery.from_attributes(attributes) == SECOND


@pytest.mark.parametrize(
    ("read", "given", "named"),
    [
        (Delivery.from_headers, {}, "idempotency-key"),
        (Delivery.from_headers, {"Idempotency-Key": "another's"}, "tidewheel-fencing-token"),
        (Delivery.from_event, {}, "tidewheel"),
        (Delivery.from_event, {"tidewheel": "x"}, "tidewheel"),
        (Delivery.from_event, {"tidewheel": {"execution": ID}}, "fencing_token"),
        (Delivery.from_environment, {"PATH": "/bin"}, "tidewheel-execution"),
        (Delivery.from_attributes, {"mine": {"StringValue": "x"}}, "tidewheel-execution"),
        (
            Delivery.from_event,
            {"tidewheel": {"execution": ID, "fencing_token": "x", "nominal_ms": 1, "due_ms": None}},
            "whole numbers",
        ),
    ],
)
def test_what_tidewheel_did_not_send_is_told_by_name(read: Callable[[Any], Delivery], given: Any, named: str) -> None:
    with pytest.raises(NotDelivered, match=named):
        read(given)


def test_ranks_are_in_order_of_runs_and_attempts() -> None:
    tokens = [replace(FIRST, token=token) for token in (1, 2, 9, 10, 100)]
    ranks = [delivery.rank for delivery in (*tokens, NEXT_RUN)]
    assert ranks == sorted(ranks)


# --- an effect that is an item ----------------------------------------------------------------------------------


def test_it_is_stored_once(table: Any) -> None:
    assert put_once(table, FIRST, {"cents": 1_200})
    assert not put_once(table, SECOND, {"cents": 9_999})
    assert stored(table) == {"execution": ID, "cents": 1_200, RANK: FIRST.rank}
    assert put_once(table, NEXT_RUN, {"cents": 5})


def test_a_repeat_of_the_same_write_is_the_same_effect(table: Any) -> None:
    assert put_once(table, FIRST, {"cents": 1_200})
    assert put_once(table, FIRST, {"cents": 1_200})


def test_the_tables_key_may_have_another_name(states: Any) -> None:
    assert put_once(states, FIRST, {"cents": 1}, key="customer")
    assert not put_once(states, SECOND, {"cents": 2}, key="customer")


def test_what_else_goes_wrong_is_not_swallowed(table: Any) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        put_once(table, FIRST, {}, key="customer")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        put_if_newer(boto3.resource("dynamodb", region_name="eu-west-1").Table("none"), FIRST, {"execution": "x"})
    with pytest.raises(TypeError, match="Float"):
        put_once(table, FIRST, {"euros": 12.0})


# --- a state that each run brings up to date --------------------------------------------------------------------


def test_an_older_attempt_never_overwrites_a_newer_one(states: Any) -> None:
    wrote = [put_if_newer(states, each, {"customer": "c1", "by": each.token}) for each in (SECOND, FIRST, SECOND)]
    assert wrote == [True, False, True]
    assert stored(states, "c1")["by"] == 2


def test_nor_does_an_older_run_however_many_attempts_it_needed(states: Any) -> None:
    assert put_if_newer(states, NEXT_RUN, {"customer": "c1", "run": 2})
    assert not put_if_newer(states, replace(FIRST, token=100), {"customer": "c1", "run": 1})
    assert stored(states, "c1")["run"] == 2


def test_an_item_that_says_nothing_of_its_writer_is_older_than_all(states: Any) -> None:
    states.put_item(Item={"customer": "c1"})
    assert put_if_newer(states, FIRST, {"customer": "c1"}, attribute="token")
    assert stored(states, "c1") == {"customer": "c1", "token": FIRST.rank}


# --- an effect elsewhere ----------------------------------------------------------------------------------------


class Mail:
    """An effect that is counted; something may happen while it is had."""

    def __init__(self, during: Callable[[], object] = lambda: None) -> None:
        self.sent = 0
        self._during = during

    def __call__(self) -> dict[str, float]:
        self.sent += 1
        during, self._during = self._during, lambda: None
        during()
        return {"number": self.sent, "price": 0.5}


def test_it_is_had_once(table: Any) -> None:
    mail = Mail()
    results = [run_once(table, each, mail) for each in (FIRST, FIRST, SECOND)]
    assert (results, mail.sent) == ([{"number": 1, "price": 0.5}] * 3, 1)
    run_once(table, NEXT_RUN, mail)
    assert mail.sent == 2


def test_one_that_failed_is_tried_again(table: Any) -> None:
    def fails() -> None:
        raise RuntimeError("no mail today")

    mail = Mail()
    with pytest.raises(RuntimeError):
        run_once(table, FIRST, fails)
    assert run_once(table, SECOND, mail)["number"] == 1


def test_one_that_returns_nothing_counts_too(table: Any) -> None:
    seen: list[int] = []
    assert run_once(table, FIRST, lambda: seen.append(1)) is None
    assert run_once(table, SECOND, lambda: seen.append(2)) is None
    assert seen == [1]


def test_an_attempt_that_was_outrun_does_not_begin(table: Any) -> None:
    mail, late = Mail(), Mail()

    def outrun() -> None:
        with pytest.raises(Superseded, match=f"attempt 1 of {ID}"):
            run_once(table, FIRST, late)

    assert run_once(table, SECOND, Mail(outrun))["number"] == 1
    assert (run_once(table, FIRST, late)["number"], late.sent, mail.sent) == (1, 0, 0)


def test_one_that_is_outrun_while_it_has_its_effect_does_not_store_it(table: Any) -> None:
    newer = Mail()
    with pytest.raises(Superseded):
        run_once(table, FIRST, Mail(lambda: run_once(table, SECOND, newer)))
    assert stored(table)[RANK] == SECOND.rank
    assert newer.sent == 1


def test_a_finish_that_was_applied_though_it_was_reported_as_failed_is_found(table: Any) -> None:
    class Deaf:
        """Loses the answer of the second write."""

        writes = 0

        def get_item(self, **request: Any) -> Any:
            return table.get_item(**request)

        def put_item(self, **request: Any) -> Any:
            answer = table.put_item(**request)
            self.writes += 1
            if self.writes == 2:
                raise ConnectionError("no answer")
            return answer

    deaf, mail = Deaf(), Mail()
    with pytest.raises(ConnectionError):
        run_once(deaf, FIRST, mail)
    assert run_once(deaf, SECOND, mail)["number"] == 1
    assert mail.sent == 1
