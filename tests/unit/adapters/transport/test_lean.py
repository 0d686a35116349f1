"""Calls over the lean transport to a service on this machine: what goes over the wire, and everything that may fail."""

from __future__ import annotations

import json
import socket
import ssl
import tempfile
from binascii import crc32
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)

from tests.support.authorities import Issued, issued
from tests.support.staged_service import (
    LOOPBACK,
    Act,
    Leaves,
    StagedService,
    answer,
    keeps_silent,
    resets,
    says,
    says_and_leaves,
)
from tests.support.world_examples import a_job, minute, schedule_entry
from tidewheel.adapters.aws import clients, deadlines
from tidewheel.adapters.aws.dynamodb.wheel import DynamoWheel
from tidewheel.adapters.aws.transport.connections import Bounds
from tidewheel.adapters.aws.transport.lean import carry
from tidewheel.adapters.aws.transport.request import Headers, Request
from tidewheel.adapters.aws.transport.sender import Sender
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.wheel.entries import Placed
from tidewheel.ports import TooLate

pytestmark = pytest.mark.allow_hosts([LOOPBACK, "::1"])
ITEM = {"Item": {"pk": {"S": "k"}, "n": {"N": "1"}}}
FOUND = json.dumps(ITEM).encode()
BUSY = answer(b'{"__type": "com.amazon.coral.availability#ThrottlingException", "message": "slow down"}', "400 Bad")
SOON = 0.3
"""Seconds to wait for what never comes."""
Make = Callable[..., Any]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between tries, which nobody waits for."""
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


@pytest.fixture
def make(pauses: list[float]) -> Iterator[Make]:
    """Makes DynamoDB clients for a URL, which wait long on a machine that is busy, and closes them."""
    made = []

    def client(url: str, *, lean: bool = True, kind: str = "dynamodb", tries: int = 2, wait_s: float = 30) -> Any:
        own = Config(connect_timeout=30, read_timeout=wait_s, retries={"mode": "standard", "total_max_attempts": tries})
        made.append(boto3.client(kind, endpoint_url=url, config=clients._HOT.merge(own)))
        assert not lean or carry(made[-1])
        return made[-1]

    yield client
    for one in made:
        one.close()


def get(client: Any) -> Any:
    return client.get_item(TableName="t", Key={"pk": {"S": "k"}})


def test_what_goes_over_the_wire_is_what_the_sdk_sends(make: Make) -> None:
    came = []
    for lean in (False, True):
        with StagedService(says(answer(FOUND))) as service:
            client = make(service.url, lean=lean)
            assert get(client)["Item"] == ITEM["Item"]
            assert get(client)["Item"] == ITEM["Item"]
            assert service.used == [0, 0]
            assert service.came[0].headers["host"] == f"{LOOPBACK}:{service.port}"
            came.append(service.came[0])
    own = ("authorization", "x-amz-date", "amz-sdk-invocation-id", "host")  # of each request, or of each service
    sdk, lean = ({name: value for name, value in one.headers.items() if name not in own} for one in came)
    assert lean == sdk
    assert set(came[1].headers) == set(came[0].headers)
    assert (came[1].first, came[1].body) == (came[0].first, came[0].body)


WELL = {
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(FOUND), FOUND),
    "with the sum of its bytes": answer(FOUND, x_amz_crc32=str(crc32(FOUND))),
    "after a provisional answer": b"HTTP/1.1 100 Continue\r\n\r\n" + answer(FOUND),
}


@pytest.mark.parametrize("case", WELL)
def test_answers_that_are_well(make: Make, case: str) -> None:
    with StagedService(says(WELL[case])) as service:
        client = make(service.url)
        assert [get(client)["Item"] for _ in range(2)] == [ITEM["Item"]] * 2
        assert service.used == [0, 0]


def test_an_answer_that_ends_its_connection(make: Make) -> None:
    with StagedService(says_and_leaves(answer(FOUND, Connection="close"))) as service:
        client = make(service.url)
        assert [get(client)["Item"] for _ in range(2)] == [ITEM["Item"]] * 2
        assert service.used == [0, 1]


def test_an_answer_of_megabytes(make: Make) -> None:
    items = [{"pk": {"S": "ä" * 1_000}, "n": {"N": str(number)}} for number in range(4_000)]
    with StagedService(says(answer(json.dumps({"Items": items, "Count": 4_000}).encode()))) as service:
        found = make(service.url).query(TableName="t", KeyConditionExpression="pk = :pk")
    assert found["Items"] == items


DAMAGED: dict[str, Act] = {
    "cut off": says_and_leaves(answer(FOUND)[:-1]),
    "broken off": resets(answer(FOUND)[:-1]),
    "no JSON": says(answer(b'{"Item": {"pk"')),
    "no text": says(answer(b"\xff\xfe")),
    "no object": says(answer(b"[]")),
    "null": says(answer(b"null")),
    "another shape": says(answer(b'{"Item": 7}')),
    "another sum": says(answer(FOUND, x_amz_crc32=str(crc32(FOUND) ^ 1))),
    "no sum": says(answer(FOUND, x_amz_crc32="x")),
    "no HTTP": says_and_leaves(b"220 some.example ESMTP ready\r\n\r\n"),
    "nothing, on a new connection": says_and_leaves(),
    "an error with another sum": says(answer(b'{"__type": "x#InternalServerError"}', "400 Bad", x_amz_crc32="1")),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_answer_counts_as_none(make: Make, pauses: list[float], case: str) -> None:
    with StagedService(DAMAGED[case]) as service:
        with pytest.raises(ConnectionClosedError, match="before we received a valid response"):
            get(make(service.url))
        assert len(service.came) == 2
    with StagedService(DAMAGED[case], says(answer(FOUND))) as service:
        found = get(make(service.url))
    assert found["Item"] == ITEM["Item"]
    assert found["ResponseMetadata"]["RetryAttempts"] == 1
    assert len(pauses) == 2


def test_an_operation_that_answers_nothing_reads_nothing(make: Make) -> None:
    with StagedService(says(answer(b"hello"))) as service:
        client = make(service.url, kind="sqs")
        found = client.delete_message(QueueUrl=f"{service.url}/1/q", ReceiptHandle="r")
    assert set(found) == {"ResponseMetadata"}


def begins(sock: socket.socket) -> None:
    """Says the first half of an answer, and nothing more."""
    sock.sendall(answer(FOUND)[:40])
    keeps_silent(sock)


ALIKE: dict[str, tuple[list[Act], type[Exception], int]] = {
    "refused": ([], EndpointConnectionError, 0),
    "broken off": ([resets(answer(FOUND)[:40])], ConnectionClosedError, 2),
    "ended without a byte": ([says_and_leaves()], ConnectionClosedError, 2),
    "silent": ([keeps_silent], ReadTimeoutError, 2),
    "silent within an answer": ([begins], ReadTimeoutError, 2),
    "failed": ([says(answer(b'{"__type": "InternalServerError"}', "500 Oh"))], ClientError, 2),
    "a page of a gateway's": ([says(answer(b"<html>busy</html>", "503 Busy"))], ClientError, 2),
    "throttled": ([says(BUSY)], ClientError, 2),
    "refused for what it says": ([says(answer(b'{"__type": "x#ValidationException"}', "400 Bad"))], ClientError, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", ALIKE)
@pytest.mark.parametrize("lean", [False, True], ids=["sdk", "lean"])
def test_failures_are_as_with_the_sdk(make: Make, pauses: list[float], case: str, lean: bool) -> None:
    acts, kind, tries = ALIKE[case]
    with StagedService(*acts or [keeps_silent]) as service:
        url = service.url
        if not acts:
            service.shut()
        with pytest.raises(kind) as raised:
            get(make(url, lean=lean, wait_s=SOON if kind is ReadTimeoutError else 30))
        assert type(raised.value) is kind or issubclass(kind, ClientError)
        assert len(service.came) == tries
    assert len(pauses) == (0 if tries == 1 else 1)


@pytest.mark.parametrize(
    "act", [says(BUSY), says(answer(status="500 Oh")), keeps_silent], ids=["busy", "failed", "silent"]
)
def test_a_client_of_one_try_asks_once(make: Make, pauses: list[float], act: Act) -> None:
    with StagedService(act) as service:
        with pytest.raises((ClientError, BotoCoreError)):
            get(make(service.url, tries=1, wait_s=SOON if act is keeps_silent else 30))
        assert (len(service.came), pauses) == (1, [])


@pytest.mark.parametrize("ending", [says_and_leaves(), resets()], ids=["closed", "reset"])
def test_what_a_kept_connection_lost_by_its_end_is_sent_again_at_once(
    make: Make, pauses: list[float], ending: Act
) -> None:
    with StagedService(says(answer()), ending, says(answer(FOUND))) as service:
        client = make(service.url, tries=1)
        get(client)
        found = get(client)
        assert service.used == [0, 0, 1]
        assert service.came[1].headers == service.came[2].headers
    assert (found["Item"], found["ResponseMetadata"]["RetryAttempts"], pauses) == (ITEM["Item"], 0, [])


def test_it_is_sent_again_once(make: Make, pauses: list[float]) -> None:
    with StagedService(says(answer()), says_and_leaves()) as service:
        client = make(service.url, tries=1)
        get(client)
        with pytest.raises(ConnectionClosedError):
            get(client)
        assert service.used == [0, 0, 1]


@pytest.mark.parametrize("act", [keeps_silent, resets(answer()[:9])], ids=["silent", "started"])
def test_what_may_still_be_answered_or_was_in_part_is_not_sent_again(make: Make, act: Act) -> None:
    with StagedService(says(answer()), act) as service:
        client = make(service.url, tries=1, wait_s=2 if act is keeps_silent else 30)
        get(client)
        with pytest.raises((ReadTimeoutError, ConnectionClosedError)):
            get(client)
        assert service.used == [0, 0]


def test_what_rested_until_the_service_closed_it_is_not_used(make: Make, pauses: list[float]) -> None:
    with StagedService(says(answer())) as service:
        client = make(service.url)
        get(client)
        service.hang_up()
        get(client)
        assert service.used == [0, 1]
    assert not pauses


def test_a_write_that_would_be_sent_again_too_late_is_not(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SettableClock(0)
    monkeypatch.setattr(deadlines, "_CLOCK", clock)

    def late(_: socket.socket) -> None:
        clock.advance(5_000)
        raise Leaves

    with StagedService(says(answer()), late, says(answer())) as service:
        client = make(service.url)
        deadlines.heed(client.meta.events, "dynamodb")
        wheel, placed = DynamoWheel(client, "wheel"), Placed(minute(), schedule_entry(a_job()), send_by_ms=3_000)
        wheel.put(placed)
        with pytest.raises(TooLate) as refused:
            wheel.put(placed)
        assert refused.value.tried
        assert len(service.came) == 2
        wheel.put(replace(placed, send_by_ms=9_000))


def test_a_try_lasts_no_longer_than_its_bounds_though_it_is_sent_again() -> None:
    clock = SettableClock(0)

    def late(_: socket.socket) -> None:
        clock.advance(4_000)
        raise Leaves

    with StagedService(says(answer()), late, says(answer())) as service:
        sender = Sender(Bounds(connect_ms=1_000, read_ms=3_000, kept=4), True, clock)
        request = Request("POST", service.url, Headers({}), b"", {})
        assert sender.send(request, lambda _: None).status_code == 200
        with pytest.raises((ConnectTimeoutError, ReadTimeoutError)):
            sender.send(request, lambda _: None)
        assert len(service.came) == 2


def test_many_threads_share_connections(make: Make) -> None:
    with StagedService(says(answer(FOUND))) as service, ThreadPoolExecutor(8) as threads:
        client = make(service.url)
        found = list(threads.map(lambda _: get(client)["Item"], range(200)))
        assert found == [ITEM["Item"]] * 200
        assert service.connections <= 8
        assert len(service.came) == 200


def test_a_header_cannot_be_smuggled_in(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token\nx-injected: yes")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with StagedService(says(answer())) as service:
        with pytest.raises(HTTPClientError):
            get(make(service.url))
        assert not service.came


def showing(name: str, authority: Issued) -> ssl.SSLContext:
    """A server's TLS, with a certificate for a name."""
    context, shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), issued(name, authority)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shown.pem"
        path.write_text(shown.pem + shown.key_pem)
        context.load_cert_chain(path)
    return context


def secure_url(service: StagedService) -> str:
    return f"https://localhost:{service.port}"


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_bundle_of_ones_own_is_trusted(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    authority = issued("Our CA", authority=True)
    (tmp_path / "ca.pem").write_text(authority.pem)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "ca.pem"))
    with StagedService(says(answer(FOUND)), tls=showing("localhost", authority)) as service:
        client = make(secure_url(service))
        assert [get(client)["Item"] for _ in range(2)] == [ITEM["Item"]] * 2
        assert service.used == [0, 0]
        assert service.came[0].headers["host"] == f"localhost:{service.port}"


@pytest.mark.parametrize("lean", [False, True], ids=["sdk", "lean"])
@pytest.mark.parametrize("case", ["another authority", "another name"])
def test_who_proves_nothing_is_not_believed(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lean: bool, case: str
) -> None:
    ours, theirs = issued("Our CA", authority=True), issued("Their CA", authority=True)
    (tmp_path / "ca.pem").write_text(ours.pem)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    shown = showing("localhost", theirs) if case == "another authority" else showing("other.example", ours)
    with StagedService(says(answer()), tls=shown) as service:
        with pytest.raises(SSLError):
            get(make(secure_url(service), lean=lean))
        assert not service.came


def test_whom_nobody_need_prove_anything_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with StagedService(says(answer(FOUND)), tls=showing("other.example", issued("CA", authority=True))) as service:
        client = boto3.client("dynamodb", endpoint_url=secure_url(service), verify=False, config=clients._HOT)
        assert carry(client)
        assert get(client)["Item"] == ITEM["Item"]
        client.close()


@pytest.mark.parametrize(
    ("environment", "carried"),
    [
        ({}, True),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, False),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": ".amazonaws.com"}, True),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, True),
        ({"HTTP_PROXY": "http://proxy.example:3128", "AWS_ENDPOINT_URL": "http://cloud.example"}, False),
    ],
)
def test_a_proxy_is_left_to_the_sdk(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], carried: bool
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert carry(clients.dynamodb()) is carried
    assert carry(clients.sqs()) is carried


def test_what_else_is_left_to_the_sdk() -> None:
    assert not carry(clients.s3())
    assert not carry(clients.functions())
    assert not carry(boto3.client("dynamodb", config=Config(client_cert="some.pem")))
    assert not carry(boto3.client("dynamodb", config=Config(proxies={"https": "http://proxy.example"})))
    unlike = clients.dynamodb()
    del unlike._endpoint.http_session._verify
    assert not carry(unlike)
