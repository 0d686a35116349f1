"""The Date headers of AWS's answers, as the SDK's own events bring them."""

from __future__ import annotations

import io
from collections.abc import Callable
from email.utils import formatdate
from typing import ClassVar

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dates import Dates
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.fleet.skew import Deviation
from tidewheel.domain.limits import SECOND_MS

NOW_MS = 1_795_000_000_500


class Raw(io.BytesIO):
    def stream(self, **_: object) -> list[bytes]:
        return [self.getvalue()]


class Cloud:
    """An AWS whose clock goes right, and what a machine with another clock hears of it."""

    lean: ClassVar[bool]

    def __init__(self, ahead_ms: int = 0) -> None:
        self.clock = SettableClock(NOW_MS + ahead_ms)
        self.true_ms = NOW_MS
        self.dates = Dates(self.clock)
        self.trip_ms = 20
        self.status = 200
        self.body = b"{}"
        self.date: Callable[[int], str | None] = lambda ms: formatdate(ms / 1_000, usegmt=True)
        self.failures = 0
        self.requests = 0

    def dynamodb(self):
        return self._wired(clients.dynamodb(self.dates, lean=self.lean), "dynamodb")

    def sqs(self):
        return self._wired(clients.sqs(self.dates, lean=self.lean), "sqs")

    def _wired(self, client, service: str):
        client.meta.events.register(f"before-send.{service}", self._answer)
        return client

    def pass_ms(self, duration_ms: int) -> None:
        self.true_ms += duration_ms
        self.clock.advance(duration_ms)

    def _answer(self, request: AWSRequest, **_: object) -> AWSResponse:
        self.requests += 1
        self.pass_ms(self.trip_ms)
        if self.failures:
            self.failures -= 1
            raise ConnectionClosedError(endpoint_url=request.url)
        date = self.date(self.true_ms)
        headers = {"Content-Type": "application/x-amz-json-1.0"} | ({} if date is None else {"Date": date})
        return AWSResponse(request.url, self.status, headers, Raw(self.body))

    def ask(self, client, seconds: int) -> Deviation:
        for _ in range(seconds):
            client.get_item(TableName="t", Key={"pk": {"S": "k"}})
            self.pass_ms(SECOND_MS - self.trip_ms)
        return self.dates.deviation()


@pytest.fixture(params=[False, True], ids=["sdk", "lean"], autouse=True)
def _transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What carries the requests."""
    monkeypatch.setattr(Cloud, "lean", request.param, raising=False)


@pytest.mark.parametrize(("ahead_ms", "found_ms"), [(0, 0), (7_000, 6_500), (-7_000, -6_480), (700, 200)])
def test_what_is_heard_of_the_time(ahead_ms: int, found_ms: int) -> None:
    cloud = Cloud(ahead_ms)
    assert cloud.ask(cloud.dynamodb(), 4) == Deviation(found_ms, 4)
    assert cloud.requests == 4  # none of its own


def test_queues_are_heard_beside_tables() -> None:
    cloud = Cloud(9_000)
    cloud.sqs().delete_message(QueueUrl="https://sqs.us-east-1.amazonaws.com/1/q", ReceiptHandle="r")
    cloud.pass_ms(SECOND_MS)
    assert cloud.ask(cloud.dynamodb(), 2).sightings == 3


def test_refusals_are_answers_too() -> None:
    cloud = Cloud(-9_000)
    cloud.status, cloud.body = 400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}'
    client = cloud.dynamodb()
    for _ in range(3):
        with pytest.raises(ClientError):
            client.get_item(TableName="t", Key={"pk": {"S": "k"}})
        cloud.pass_ms(SECOND_MS)
    assert cloud.dates.deviation().ms < -8_000


def test_a_repeated_try_counts_from_its_own_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    cloud = Cloud()
    cloud.trip_ms, cloud.failures = 800, 1
    client = cloud.dynamodb()
    client.get_item(TableName="t", Key={"pk": {"S": "k"}})
    (seen,) = cloud.dates._sightings  # both tries together took longer than counts
    assert seen.last_ms - seen.first_ms == 800
    assert cloud.requests == 2


def test_no_answer_is_heard_of_a_call_that_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    cloud = Cloud()
    cloud.failures = 2
    with pytest.raises(ConnectionClosedError):
        cloud.dynamodb().get_item(TableName="t", Key={"pk": {"S": "k"}})
    assert cloud.dates.deviation() == Deviation(0, 0)


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "GMT",
        "yesterday GMT",
        "Fri, 20 Nov 2026 12:00:00 +0200",
        "Fri, 99 Nov 2026 12:00:00 GMT",
        "Fri, 20 Nov 0 99:00:00 GMT",
    ],
)
def test_a_header_that_says_no_instant_disturbs_nothing(date: str | None) -> None:
    cloud = Cloud()
    cloud.date = lambda _: date
    assert abs(cloud.ask(cloud.dynamodb(), 1).ms) in range(10**13)
    cloud.date = lambda ms: formatdate(ms / 1_000, usegmt=True)
    assert cloud.ask(cloud.dynamodb(), 3).ms == 0
