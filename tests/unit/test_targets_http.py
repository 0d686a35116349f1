"""The http target: one request, bounded, told apart from its repeats."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.calls import a_call
from tidewheel.adapters.targets.http import HttpTarget
from tidewheel.domain.execution import Answer, Result
from tidewheel.domain.job import Target
from tidewheel.domain.limits import OUTPUT_BYTES
from tidewheel.ports import Call

URL = "https://example.com/hook?x=1"
NOMINAL_MS = 1_794_999_960_000
IDENTITY = {
    "idempotency-key": "j0000000000000001-1k7x5gjk0-s",
    "tidewheel-nominal-time": str(NOMINAL_MS),
    "tidewheel-due-time": str(NOMINAL_MS + 40),
    "tidewheel-attempt": "3",
    "tidewheel-fencing-token": "3",
}
Handler = Callable[[httpx.Request], Any]


class Receiver:
    """The other side: keeps what it gets, answers as told."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Handler = lambda _: httpx.Response(200, text="ok")

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer

    @property
    def request(self) -> httpx.Request:
        (request,) = self.requests
        return request


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def target(receiver: Receiver) -> Iterator[HttpTarget]:
    made = HttpTarget(httpx.MockTransport(receiver))
    yield made
    made.close()


def call(timeout_ms: int = 30_000, **spec: Any) -> Call:
    full = {"method": "POST", "url": URL, "headers": {}, "body": None} | spec
    execution = IDENTITY["idempotency-key"]
    return a_call(Target("http", full), execution, NOMINAL_MS, 3, timeout_ms)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_the_request_is_the_one_asked_for(target: HttpTarget, receiver: Receiver, method: str) -> None:
    answer = target.call(call(method=method, headers={"X-Token": "secret"}))
    assert answer == Answer(Result.SUCCEEDED, 200, "ok")
    assert (receiver.request.method, str(receiver.request.url)) == (method, URL)
    assert receiver.request.headers["x-token"] == "secret"
    assert receiver.request.headers["user-agent"] == "tidewheel"


@pytest.mark.parametrize(
    ("body", "content", "kind"),
    [
        (None, b"", None),
        ("", b"", "text/plain; charset=utf-8"),
        ("plain ☂", "plain ☂".encode(), "text/plain; charset=utf-8"),
        ({"a": [1, None]}, b'{"a": [1, null]}', "application/json"),
        ([], b"[]", "application/json"),
        (0, b"0", "application/json"),
        (False, b"false", "application/json"),
    ],
)
def test_the_body_goes_as_text_or_json(
    target: HttpTarget, receiver: Receiver, body: Any, content: bytes, kind: str | None
) -> None:
    target.call(call(body=body))
    assert receiver.request.content == content
    assert receiver.request.headers.get("content-type") == kind


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_a_content_type_of_the_jobs_own(target: HttpTarget, receiver: Receiver, name: str) -> None:
    target.call(call(body={"a": 1}, headers={name: "application/cloudevents+json"}))
    assert receiver.request.headers.get_list("content-type") == ["application/cloudevents+json"]


@pytest.mark.parametrize("spelled", [str.title, str.lower, str.upper])
def test_identity_headers_cannot_be_overridden(
    target: HttpTarget, receiver: Receiver, spelled: Callable[[str], str]
) -> None:
    target.call(call(headers={spelled(name): "forged" for name in IDENTITY}))
    found = {name: receiver.request.headers.get_list(name) for name in IDENTITY}
    assert found == {name: [value] for name, value in IDENTITY.items()}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(target: HttpTarget, receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: httpx.Response(status)
    assert target.call(call()) == Answer(Result.SUCCEEDED, status, "")


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(500, True), (502, True), (503, True), (599, True), (429, True), (408, True), (425, True)]
    + [(status, False) for status in (300, 301, 304, 307, 400, 401, 403, 404, 409, 410, 422, 451)],
)
def test_what_is_worth_another_try(target: HttpTarget, receiver: Receiver, status: int, retryable: bool) -> None:
    receiver.answer = lambda _: httpx.Response(status, text="why")
    assert target.call(call()) == Answer(Result.FAILED, status, "why", f"HTTP {status}", retryable)


def test_redirects_are_not_followed(target: HttpTarget, receiver: Receiver) -> None:
    receiver.answer = lambda _: httpx.Response(302, headers={"Location": "https://elsewhere.example/"})
    assert target.call(call()).status == 302
    assert len(receiver.requests) == 1


def test_cookies_are_not_carried_from_one_jobs_answer_to_anothers_request(
    target: HttpTarget, receiver: Receiver
) -> None:
    receiver.answer = lambda _: httpx.Response(200, headers={"Set-Cookie": "session=theirs; Path=/"})
    target.call(call())
    target.call(call())
    assert ["cookie" in request.headers for request in receiver.requests] == [False, False]


def test_the_beginning_of_a_long_answer_is_kept(target: HttpTarget, receiver: Receiver) -> None:
    receiver.answer = lambda _: httpx.Response(200, text="ab" * OUTPUT_BYTES)
    assert target.call(call()).output == "ab" * (OUTPUT_BYTES // 2)


def test_an_answer_without_end_is_cut_where_enough_was_read(target: HttpTarget, receiver: Receiver) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100

    receiver.answer = lambda _: httpx.Response(200, content=endless())
    assert target.call(call()).output == "x" * OUTPUT_BYTES


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x\x00y", "☂".encode()[:2]])
def test_an_answer_that_is_no_text(target: HttpTarget, receiver: Receiver, content: bytes) -> None:
    receiver.answer = lambda _: httpx.Response(200, content=content)
    answer = target.call(call())
    assert answer.result is Result.SUCCEEDED
    assert "\x00" not in answer.output


def test_a_cut_character_stays_within_the_bound(target: HttpTarget, receiver: Receiver) -> None:
    receiver.answer = lambda _: httpx.Response(200, text="x" + "☂" * OUTPUT_BYTES)
    assert len(target.call(call()).output.encode()) <= OUTPUT_BYTES


async def _never() -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def _drip() -> AsyncIterator[bytes]:
    while True:
        yield b""
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "answer", [lambda _: _never(), lambda _: httpx.Response(200, content=_drip())], ids=["silent", "dripping"]
)
def test_the_time_out_bounds_the_whole_call(target: HttpTarget, receiver: Receiver, answer: Handler) -> None:
    receiver.answer = answer
    expected = Answer(Result.TIMED_OUT, reason="no answer within 30 ms")
    assert target.call(call(timeout_ms=30)) == expected


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectTimeout]
)
def test_a_broken_connection_is_worth_another_try(
    target: HttpTarget, receiver: Receiver, error: type[httpx.TransportError]
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error("the line is dead")

    receiver.answer = fail
    answer = target.call(call())
    assert answer == Answer(Result.FAILED, reason=f"{error.__name__}: the line is dead")
    assert answer.retryable


def test_a_damaged_encoding_is_an_answer(target: HttpTarget, receiver: Receiver) -> None:
    receiver.answer = lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=_raw(b"no gzip"))
    assert target.call(call()).result is Result.FAILED


async def _raw(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.mark.parametrize("url", ["http://[::1", "http://exa mple.com:x/", "https://\x00/", "no-scheme", "ftp://x/", ""])
def test_a_url_that_cannot_be_used_is_not_tried_again(url: str) -> None:
    target = HttpTarget()  # the real transport: none of these gets as far as a socket
    try:
        answer = target.call(call(url=url))
    finally:
        target.close()
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, None, False)
    assert answer.reason


def test_a_header_that_cannot_be_sent_is_an_answer(target: HttpTarget) -> None:
    answer = target.call(call(headers={"X-Name": "Zoë ☂"}))
    assert (answer.result, answer.retryable) == (Result.FAILED, False)


def test_calls_run_side_by_side(target: HttpTarget, receiver: Receiver) -> None:
    """The first is answered only when the last has come."""
    all_here, wanted = asyncio.Event(), 5

    async def together() -> httpx.Response:
        if len(receiver.requests) == wanted:
            all_here.set()
        await all_here.wait()
        return httpx.Response(200)

    receiver.answer = lambda _: together()
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(target.call(call()))) for _ in range(wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.result for answer in answers] == [Result.SUCCEEDED] * wanted


def test_a_json_body_is_json(target: HttpTarget, receiver: Receiver) -> None:
    body = {"text": "☂", "deep": {"list": [1.5, True]}}
    target.call(call(body=body))
    assert json.loads(receiver.request.content) == body
