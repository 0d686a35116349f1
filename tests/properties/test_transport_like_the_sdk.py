"""The lean transport beside the SDK: the same requests, to the byte of the signature, and the same outcomes."""

from __future__ import annotations

import json
import math
import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import pytest
from botocore import parsers
from botocore.credentials import Credentials
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.transports import Canned, Outcome, Staged, made
from tidewheel.adapters.aws.transport.documents import Readers

NOW = datetime(2026, 12, 1, 2, 3, 4)  # noqa: DTZ001 - UTC, as the SDK has it
PUT = {"TableName": "t", "Item": {"pk": {"S": "k"}}, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
CALLS: dict[str, tuple[str, Any]] = {
    "PutItem": ("dynamodb", lambda client: client.put_item(**PUT)),
    "GetItem": ("dynamodb", lambda client: client.get_item(TableName="t", Key={"pk": {"S": "k"}})),
    "Query": ("dynamodb", lambda client: client.query(TableName="t", KeyConditionExpression="pk = :a")),
    "TransactWriteItems": (
        "dynamodb",
        lambda client: client.transact_write_items(TransactItems=[{"Put": PUT}], ClientRequestToken="t"),
    ),
    "SendMessageBatch": (
        "sqs",
        lambda client: client.send_message_batch(QueueUrl="https://q/1/q", Entries=[{"Id": "0", "MessageBody": "b"}]),
    ),
    "DeleteMessage": ("sqs", lambda client: client.delete_message(QueueUrl="https://q/1/q", ReceiptHandle="r")),
    "ReceiveMessage": ("receiving", lambda client: client.receive_message(QueueUrl="https://q/1/q")),
}
CODES = [
    "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
    "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
    "com.amazonaws.dynamodb.v20120810#TransactionInProgressException",
    "com.amazon.coral.availability#ThrottlingException",
    "com.amazon.coral.service#SerializationException",
    "ResourceNotFoundException",
    "LimitExceededException",
    "RequestTimeout",
    "InternalServerError:http://example",
    "com.amazonaws.sqs#QueueDoesNotExist",
    "UnknownOperationException",
    "",
]


@cache
def pair(maker: str) -> Mapping[str, Staged]:
    return made(maker)


def both(call: str, canned: list[Canned], clients: Mapping[str, Staged] | None = None) -> dict[str, Outcome]:
    """What both make of it, at one time and with the same random numbers."""
    maker, work = CALLS[call]
    found = {}
    for way, client in (clients or pair(maker)).items():
        numbers = random.Random(1)
        with (
            patch("botocore.auth.get_current_datetime", lambda: NOW),
            patch("botocore.endpoint.get_current_datetime", lambda: NOW),
            patch("uuid.uuid4", lambda: uuid.UUID(int=numbers.getrandbits(128))),  # noqa: B023 - used within the turn
        ):
            found[way] = client.outcome(work, canned)
    return found


values = st.one_of(
    st.builds(lambda text: {"S": text}, st.text(max_size=5)),
    st.builds(lambda number: {"N": str(number)}, st.integers()),
    st.just({"B": "AQI="}),
    st.just({"NULL": True}),
    st.just({"SS": ["a", "b"]}),
    st.just({"M": {"x": {"L": [{"S": "y"}, {"BS": ["AQI="]}]}}}),
    st.just({"Q": 1}),  # of a service that is newer
    st.just({"S": "a", "N": None}),
)
items = st.dictionaries(st.sampled_from(["pk", "sk", "ver", "ä"]), values, max_size=3)
answers = st.fixed_dictionaries(
    {},
    optional={
        "Item": items,
        "Items": st.lists(items, max_size=2),
        "Attributes": items,
        "Count": st.integers(),
        "LastEvaluatedKey": items,
        "Unheard": st.just([1, {"a": None}]),
        "Messages": st.just([{"MessageId": "m", "Attributes": {"SentTimestamp": "1"}}]),
        "Successful": st.just([{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "d"}]),
        "Failed": st.just([{"Id": "1", "SenderFault": True, "Code": "c", "Message": None}]),
    },
)
refusals = st.fixed_dictionaries(
    {"__type": st.sampled_from(CODES)},
    optional={
        "message": st.text(max_size=5),
        "Message": st.text(max_size=5),
        "Item": items,
        "CancellationReasons": st.just(
            [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"pk": {"S": ""}}}]
        ),
    },
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "x-amzn-RequestId": st.just("R"),
        "Date": st.sampled_from(["Tue, 01 Dec 2026 02:03:00 GMT", "yesterday"]),
        "x-amzn-query-error": st.just("AWS.SimpleQueueService.NonExistentQueue;Sender"),
        "x-amz-retry-after": st.just("4000"),
    },
)
canned = st.one_of(
    st.builds(Canned, st.just(200), st.one_of(st.just(b""), answers.map(json.dumps).map(str.encode)), headers),
    st.builds(
        Canned,
        st.sampled_from([301, 400, 403, 413, 429, 500, 502, 503, 504]),
        st.one_of(
            refusals.map(json.dumps).map(str.encode),
            st.sampled_from([b"", b" ", b"<html>busy</html>", b"busy", b"{", b'{"message": "m"}']),
        ),
        headers,
    ),
    st.builds(
        lambda kind: Canned(error=kind(endpoint_url="http://x", error=OSError("o"))),
        st.sampled_from([ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError]),
    ),
)


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=150)
@given(first=canned, second=canned)
def test_the_same_comes_of_the_same_answers(call: str, first: Canned, second: Canned) -> None:
    found = both(call, [first, second])
    if found["sdk"].value is not None and CALLS[call][0] == "receiving":
        del found["sdk"].value["ResponseMetadata"]["MaxAttemptsReached"]  # of one try, though it succeeded
    assert found["lean"] == found["sdk"]
    assert found["sdk"].sent


def test_the_outcomes_that_are_compared_are_of_every_kind() -> None:
    busy = Canned(400, b'{"__type": "ThrottlingException"}')
    refused = Canned(400, b'{"__type": "x#ConditionalCheckFailedException", "Item": {"pk": {"S": "k"}}}')
    fresh = made("dynamodb")  # with its whole quota of tries
    throttled = both("PutItem", [busy, refused], fresh)["lean"]
    failed = both("PutItem", [Canned(503), Canned(503)], fresh)["lean"]
    assert (len(throttled.sent), throttled.pauses) == (2, [500])
    assert throttled.error[0] == "ConditionalCheckFailedException"
    assert throttled.error[3]["Item"] == {"pk": {"S": "k"}}
    assert throttled.error[3]["ResponseMetadata"]["RetryAttempts"] == 1
    assert (len(failed.sent), failed.pauses) == (2, [12])
    assert len(both("ReceiveMessage", [Canned(503)])["lean"].sent) == 1
    assert both("GetItem", [Canned(200, b'{"Item": {"pk": {"B": "AQI="}}}')])["lean"].value["Item"] == {
        "pk": {"B": b"\x01\x02"}
    }


def test_a_quota_of_tries_is_used_up_as_with_the_sdk() -> None:
    """Each client has 500 units of its own; a try after an error costs 14, after a throttle 5."""
    for way, client in made("sqs").items():
        call = CALLS["DeleteMessage"][1]
        tries = [len(client.outcome(call, [Canned(503), Canned(503)]).sent) for _ in range(40)]
        assert tries == [2] * math.floor(500 / 14) + [1] * (40 - math.floor(500 / 14)), way
        assert client.outcome(call, [Canned()]).value is not None
        reached = client.outcome(call, [Canned(503)]).error[3]["ResponseMetadata"]
        assert reached["RetryQuotaReached"], way


ENDPOINTS = [
    None,
    "http://localhost:4566",
    "http://127.0.0.1:80",
    "https://127.0.0.1:443",
    "http://[::1]:8000",
    "https://[2001:db8::1]/",
    "https://Proxy.Example/some/path",
    "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com",
]
REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]
SIGNS = "abcXYZ019+/= \t-_.~%&?#:;,'\"\\äß€語\U0001f600\u0301\x7f"


def test_the_same_requests_with_the_same_signatures() -> None:
    """Thousands of them: services, regions, endpoints, keys, tokens, times and contents at random."""
    choose = random.Random(1)

    def text(least: int = 0, signs: str = SIGNS) -> str:
        return "".join(choose.choices(signs, k=choose.randint(least, 12)))

    for _ in range(3_000):
        service = choose.choice(["dynamodb", "sqs"])
        keys = text(1, "ABCXYZ019"), text(1), choose.choice([None, text(1, "abcXYZ019+/=")])
        at = datetime(2000, 1, 1) + timedelta(seconds=choose.randint(0, 3_000_000_000))  # noqa: DTZ001 - UTC
        name, item = f"q{text()}", {text(): text() for _ in range(choose.randint(0, 4))}
        trace = choose.choice([None, text(1)])
        traced = {"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": trace} if trace else {}
        sent = []
        for staged in signed_pair(service, choose.choice(REGIONS), choose.choice(ENDPOINTS)):
            staged.client._request_signer._credentials = Credentials(*keys)
            with (
                patch("botocore.auth.get_current_datetime", lambda at=at: at),
                patch("uuid.uuid4", lambda: uuid.UUID(int=1)),
                patch.dict("os.environ", traced),
            ):
                sent.append(staged.outcome(partial(_ask, service=service, name=name, item=item), [Canned()]).sent)
        assert sent[0] == sent[1]
        ((_, _, headers, _),) = sent[0]
        assert headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={keys[0]}/{at:%Y%m%d}/")
        assert headers.get("x-amz-security-token") == keys[2]


@cache
def signed_pair(service: str, region: str, endpoint: str | None) -> Sequence[Staged]:
    environment = {"AWS_DEFAULT_REGION": region} | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
    with patch.dict("os.environ", environment):
        return list(made(service).values())


def _ask(client: Any, service: str, name: str, item: dict[str, str]) -> None:
    if service == "dynamodb":
        client.put_item(TableName=name, Item={key: {"S": value} for key, value in item.items()})
    else:
        entries = [{"Id": key, "MessageBody": value} for key, value in item.items()]
        client.send_message_batch(QueueUrl=f"https://q/1/{name}", Entries=entries)


@cache
def shapes(maker: str) -> list[Any]:
    """What every operation of a service answers."""
    model = pair(maker)["sdk"].client.meta.service_model
    answered = (model.operation_model(name).output_shape for name in model.operation_names)
    return [shape for shape in answered if shape is not None]


def _document(shape: Any, draw: Any, depth: int = 0) -> Any:
    """A document of a shape, with members that are null, absent or unknown."""
    kind = shape.type_name
    if kind == "structure":
        names = [name for name in shape.members if depth < 5 and draw(st.booleans())]
        members = {name: shape.members[name] for name in names}
        document = {
            member.serialization.get("name", name): _document(member, draw, depth + 1)
            for name, member in members.items()
        }
        if draw(st.booleans()):
            document["Unheard"] = "x"
        if names and draw(st.booleans()):
            document[draw(st.sampled_from(names))] = None
        return document
    if kind == "list":
        return [_document(shape.member, draw, depth + 1) for _ in range(draw(st.integers(0, 2 if depth < 5 else 0)))]
    if kind == "map":
        count = draw(st.integers(0, 2 if depth < 5 else 0))
        return {str(number): _document(shape.value, draw, depth + 1) for number in range(count)}
    return {
        "blob": "AQI=",
        "timestamp": 1_795_000_000.5,
        "boolean": True,
        "integer": 7,
        "long": 7,
        "double": 7.5,
        "float": 7.5,
    }.get(kind, "text")


@pytest.mark.parametrize("maker", ["dynamodb", "sqs"])
@settings(max_examples=400)
@given(data=st.data())
def test_documents_are_read_alike(maker: str, data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(shapes(maker)))
    document = _document(shape, data.draw)
    response = {"status_code": 200, "headers": {}, "body": json.dumps(document).encode(), "context": {}}
    expected = parsers.create_parser("json").parse(response, shape)
    del expected["ResponseMetadata"]
    reader = Readers().of(shape)
    assert reader is not None
    assert reader(json.loads(response["body"])) == expected
