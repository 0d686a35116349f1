"""The http target: one request, bounded, told apart from its repeats."""

from __future__ import annotations

import errno
import json
import os
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urljoin

import pytest

from tests.support.calls import NOW_MS, a_call, surroundings
from tests.support.connections import RESET, SILENCE, Lines, Said, http_call, target_on, target_over
from tests.support.web_receiver import Heard, WebReceiver, reply, streamed
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import MemorySecrets
from tidewheel.adapters.targets.http import HttpTarget, make, retry_after_ms
from tidewheel.adapters.targets.web.inflating import PIECE_BYTES
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import LOG_BYTES, OUTPUT_BYTES, SECRET_MISSING_MS
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Call, PortError, Refused, Secrets

URL = "https://example.com/hook?x=1"
NOMINAL_MS = 1_794_999_960_000
IDENTITY = {
    "idempotency-key": "j0000000000000001-1k7x5gjk0-s",
    "tidewheel-nominal-time": str(NOMINAL_MS),
    "tidewheel-due-time": str(NOMINAL_MS + 40),
    "tidewheel-attempt": "3",
    "tidewheel-fencing-token": "3",
}
SECRETS = {
    "token": "s3cret",
    "json": '{"user": "ann", "pass": "pa\\"ss", "n": 5}',
    "line": "two\nlines",
    "accent": "Zoë",
}
Handler = Callable[[Heard], Iterable[Said]]


class GoingOn(SystemClock):
    """A clock whose date stands still, and whose time passes and can be moved on."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return NOW_MS

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() + self.ahead_ms


@pytest.fixture
def clock() -> GoingOn:
    return GoingOn()


@pytest.fixture
def receiver() -> WebReceiver:
    return WebReceiver()


@contextmanager
def calling(receiver: WebReceiver, clock: GoingOn, secrets: Secrets | None = None) -> Iterator[HttpTarget]:
    """A target all of whose calls go to the receiver; it leaves no connection open."""
    usual = surroundings(SECRETS)
    around = replace(usual, clock=clock, secrets=secrets or usual.secrets)
    with target_on(around, receiver, receiver.resolve) as made:
        yield made
    receiver.join()


@pytest.fixture
def target(receiver: WebReceiver, clock: GoingOn) -> Iterator[HttpTarget]:
    with calling(receiver, clock) as made:
        yield made


def late_after(length: int, clock: GoingOn) -> OpenCallProgress:
    """A call's progress: its time is up once so much of the body was read."""
    progress, read = OpenCallProgress(SystemClock()), bytearray()
    write = progress.write

    def written(data: bytes) -> None:
        write(data)
        read.extend(data)
        if len(read) >= length:
            clock.ahead_ms += 600_000

    progress.write = written  # type: ignore[method-assign]
    return progress


def call(timeout_ms: int = 30_000, progress: OpenCallProgress | None = None, **spec: Any) -> Call:
    full = {"method": "POST", "url": URL, "headers": {}, "body": None} | spec
    execution = IDENTITY["idempotency-key"]
    return a_call(Target("http", full), execution, NOMINAL_MS, 3, timeout_ms, progress)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_the_request_is_the_one_asked_for(target: HttpTarget, receiver: WebReceiver, method: str) -> None:
    answer = target.call(call(method=method, headers={"X-Token": "secret"}))
    assert answer == Answer(Result.SUCCEEDED, 200, "ok" if method != "HEAD" else "")
    assert (receiver.request.method, receiver.request.url) == (method, URL)
    assert receiver.request.headers["x-token"] == ["secret"]
    assert receiver.request.headers["user-agent"] == ["tidewheel"]


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
    target: HttpTarget, receiver: WebReceiver, body: Any, content: bytes, kind: str | None
) -> None:
    target.call(call(body=body))
    assert receiver.request.content == content
    assert receiver.request.headers.get("content-type") == (kind and [kind])


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_a_content_type_of_the_jobs_own(target: HttpTarget, receiver: WebReceiver, name: str) -> None:
    target.call(call(body={"a": 1}, headers={name: "application/cloudevents+json"}))
    assert receiver.request.headers["content-type"] == ["application/cloudevents+json"]


@pytest.mark.parametrize("spelled", [str.title, str.lower, str.upper])
def test_identity_headers_cannot_be_overridden(
    target: HttpTarget, receiver: WebReceiver, spelled: Callable[[str], str]
) -> None:
    target.call(call(headers={spelled(name): "forged" for name in IDENTITY}))
    found = {name: receiver.request.headers[name] for name in IDENTITY}
    assert found == {name: [value] for name, value in IDENTITY.items()}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(target: HttpTarget, receiver: WebReceiver, status: int) -> None:
    receiver.answer = lambda _: reply(status)
    assert target.call(call()) == Answer(Result.SUCCEEDED, status, "")


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(500, True), (502, True), (503, True), (599, True), (429, True), (408, True), (425, True)]
    + [(status, False) for status in (300, 301, 304, 307, 400, 401, 403, 404, 409, 410, 422, 451)],
)
def test_what_is_worth_another_try(target: HttpTarget, receiver: WebReceiver, status: int, retryable: bool) -> None:
    receiver.answer = lambda _: reply(status, "why")
    output = "why" if status != 304 else ""  # which has no body (RFC 9110, 15.4.5)
    assert target.call(call()) == Answer(Result.FAILED, status, output, f"HTTP {status}", retryable)


def test_redirects_are_not_followed(target: HttpTarget, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: reply(302, headers={"Location": "https://elsewhere.example/"})
    assert target.call(call()).status == 302
    assert len(receiver.requests) == 1


def test_cookies_are_not_carried_from_one_jobs_answer_to_anothers_request(
    target: HttpTarget, receiver: WebReceiver
) -> None:
    receiver.answer = lambda _: reply(200, headers={"Set-Cookie": "session=theirs; Path=/"})
    target.call(call())
    target.call(call())
    assert ["cookie" in request.headers for request in receiver.requests] == [False, False]


def test_the_beginning_of_a_long_answer_is_kept(target: HttpTarget, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: reply(200, "ab" * OUTPUT_BYTES)
    assert target.call(call()).output == "ab" * (OUTPUT_BYTES // 2)


def test_an_answer_without_end_is_cut_where_enough_was_read(target: HttpTarget, receiver: WebReceiver) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100_000

    receiver.answer = lambda _: streamed(200, endless())
    made = call()
    assert target.call(made) == Answer(Result.SUCCEEDED, 200, "x" * OUTPUT_BYTES)
    log = log_of(made)
    assert log.startswith(b"x" * LOG_BYTES)
    assert log.removeprefix(b"x" * LOG_BYTES) == b"\n[the log is longer; the rest was dropped]\n"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x\x00y", "☂".encode()[:2]])
def test_an_answer_that_is_no_text(target: HttpTarget, receiver: WebReceiver, content: bytes) -> None:
    receiver.answer = lambda _: reply(200, content)
    answer = target.call(call())
    assert answer.result is Result.SUCCEEDED
    assert "\x00" not in answer.output


def test_a_cut_character_stays_within_the_bound(target: HttpTarget, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: reply(200, "x" + "☂" * OUTPUT_BYTES)
    assert len(target.call(call()).output.encode()) <= OUTPUT_BYTES


def _never() -> list[Said]:
    return [SILENCE]


def _drip() -> Iterator[bytes]:
    """A byte now and then: for longer than the time-outs here, and fewer than a record keeps."""
    pause = threading.Event()
    for _ in range(OUTPUT_BYTES - 1):
        yield b"x"
        pause.wait(0.005)


@pytest.mark.parametrize("answer", [lambda _: _never(), lambda _: streamed(500, _drip())], ids=["silent", "dripping"])
def test_the_time_out_bounds_the_whole_call(target: HttpTarget, receiver: WebReceiver, answer: Handler) -> None:
    receiver.answer = answer
    expected = Answer(Result.TIMED_OUT, reason="no answer within 30 ms")
    assert target.call(call(timeout_ms=30)) == expected


class Dead(Lines):
    """Nobody can be connected to."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def connect(self, *_: object) -> NoReturn:
        raise self.error


RESET_BY_PEER = f"ReadError: {ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))}"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (Dead(OSError("the line is dead")), "ConnectError: the line is dead"),
        (Dead(OSError(errno.ETIMEDOUT, "too late")), f"ConnectError: [Errno {errno.ETIMEDOUT}] too late"),
        (Lines([RESET]), RESET_BY_PEER),
        (Lines([b"the line is dead\r\n"]), "RemoteProtocolError: no head of an answer: b'the line is dead\\r\\n'"),
        (Lines([b""]), "RemoteProtocolError: Server disconnected without sending a response."),
    ],
    ids=["connect", "connect time-out", "read", "protocol", "end"],
)
def test_a_broken_connection_is_worth_another_try(lines: Lines, reason: str) -> None:
    with target_over(lines) as target:
        answer = target.call(http_call())
    assert answer == Answer(Result.FAILED, reason=reason)
    assert answer.retryable


def test_a_damaged_encoding_is_an_answer(target: HttpTarget, receiver: WebReceiver) -> None:
    def damaged() -> Iterator[bytes]:
        content = zlib.compress(b"plain", wbits=31)
        yield content[:12]
        yield content[12:-8] + bytes(8)  # the checksum is wrong

    gzip = {"Content-Encoding": "gzip"}
    receiver.answer = lambda _: streamed(500, damaged(), gzip)
    assert "DecodingError" in target.call(call()).reason
    receiver.answer = lambda _: streamed(200, damaged(), gzip)
    assert target.call(call()).result is Result.SUCCEEDED


@pytest.mark.parametrize("body", [b"{}", b"", b"x", b"plain text", b"\x1f"])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_an_answer_that_is_not_coded_as_announced_is_kept_as_it_came(
    target: HttpTarget, receiver: WebReceiver, coding: str, body: bytes
) -> None:
    receiver.answer = lambda _: reply(200, body, {"Content-Encoding": coding})
    answer = target.call(call())
    assert (answer.result, answer.status) == (Result.SUCCEEDED, 200)
    if coding == "gzip":
        assert answer.output == body.decode()


def test_an_answer_of_several_gzip_members_is_read_whole(target: HttpTarget, receiver: WebReceiver) -> None:
    content = zlib.compress(b"one ", wbits=31) + zlib.compress(b"two", wbits=31) + bytes(20)

    def by_bytes() -> Iterator[bytes]:
        for at in range(0, len(content), 7):
            yield content[at : at + 7]

    receiver.answer = lambda _: reply(200, content, {"Content-Encoding": "gzip"})
    assert target.call(call()).output == "one two"
    receiver.answer = lambda _: streamed(200, by_bytes(), {"Content-Encoding": "gzip"})
    assert target.call(call()).output == "one two"


def test_an_endless_answer_of_a_success_is_a_success(target: HttpTarget, receiver: WebReceiver, clock: GoingOn) -> None:
    receiver.answer = lambda _: streamed(200, _drip())
    assert target.call(call(progress=late_after(1, clock))) == Answer(Result.SUCCEEDED, 200, "x")


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_drops_the_body_is_no_success(target: HttpTarget, receiver: WebReceiver, status: int) -> None:
    receiver.answer = to("https://example.com/other", status)
    answer = target.call(call(redirects=2, body={"a": 1}))
    assert answer == Answer(Result.FAILED, status, "", f"HTTP {status}", retryable=False)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(("coding", "wbits"), [("gzip", 31), ("X-GZIP", 31), ("deflate", 15), ("deflate", -15)])
def test_a_compressed_answer_is_read(target: HttpTarget, receiver: WebReceiver, coding: str, wbits: int) -> None:
    content = zlib.compress(b"plain", wbits=wbits)
    receiver.answer = lambda _: reply(200, content, {"Content-Encoding": coding})
    assert target.call(call()).output == "plain"
    assert receiver.request.headers["accept-encoding"] == ["gzip, deflate"]


def test_one_that_is_coded_otherwise_is_kept_as_it_came(target: HttpTarget, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: reply(200, b"twice", {"Content-Encoding": "gzip, gzip"})
    assert target.call(call()).output == "twice"


def test_an_answer_that_swells_is_read_in_small_pieces(target: HttpTarget, receiver: WebReceiver) -> None:
    content = zlib.compress(bytes(3 * LOG_BYTES), wbits=31)
    sizes: list[int] = []
    progress = OpenCallProgress(SystemClock())
    write = progress.write
    progress.write = lambda data: (sizes.append(len(data)), write(data))[1]  # type: ignore[method-assign]
    receiver.answer = lambda _: reply(200, content, {"Content-Encoding": "gzip"})
    assert target.call(call(progress=progress)).result is Result.SUCCEEDED
    assert max(sizes) <= PIECE_BYTES
    assert LOG_BYTES < sum(sizes) <= LOG_BYTES + PIECE_BYTES


@pytest.mark.parametrize("url", ["http://[::1", "http://exa mple.com:x/", "https://\x00/", "no-scheme", "ftp://x/", ""])
def test_a_url_that_cannot_be_used_is_not_tried_again(url: str) -> None:
    target = make(surroundings())  # the real transport: none of these gets as far as a socket
    assert isinstance(target, HttpTarget)
    try:
        answer = target.call(call(url=url))
    finally:
        target.close()
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, None, False)
    assert answer.reason


def test_a_header_that_cannot_be_sent_is_an_answer(target: HttpTarget) -> None:
    answer = target.call(call(headers={"X-Name": "Zoë ☂"}))
    assert (answer.result, answer.retryable) == (Result.FAILED, False)


def log_of(call: Call) -> bytes:
    progress = call.progress
    assert isinstance(progress, OpenCallProgress)
    return progress.take_log(last=True)


def test_the_whole_answer_goes_to_the_log(target: HttpTarget, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: reply(500, "why " * OUTPUT_BYTES)
    made = call()
    assert target.call(made).output == "why " * (OUTPUT_BYTES // 4)
    assert log_of(made) == b"why " * OUTPUT_BYTES


def test_an_answer_that_breaks_off_counts_by_its_status_once_its_beginning_is_there(
    target: HttpTarget, receiver: WebReceiver
) -> None:
    def broken(length: int) -> Iterator[Said]:
        yield b"x" * length
        yield RESET

    receiver.answer = lambda _: streamed(200, broken(OUTPUT_BYTES))
    made = call()
    assert target.call(made) == Answer(Result.SUCCEEDED, 200, "x" * OUTPUT_BYTES)
    assert log_of(made).endswith(f"x\n[the rest of the answer is missing: {RESET_BY_PEER}]\n".encode())
    receiver.answer = lambda _: streamed(200, broken(5))
    assert target.call(call()) == Answer(Result.SUCCEEDED, 200, "xxxxx")
    receiver.answer = lambda _: streamed(500, broken(OUTPUT_BYTES - 1))
    assert target.call(call()) == Answer(Result.FAILED, reason=RESET_BY_PEER)


def test_an_answer_that_does_not_end_in_time_counts_by_its_status_once_its_beginning_is_there(
    target: HttpTarget, receiver: WebReceiver, clock: GoingOn
) -> None:
    def slow() -> Iterator[Said]:
        yield b"x" * OUTPUT_BYTES
        yield SILENCE

    receiver.answer = lambda _: streamed(201, slow())
    progress = late_after(OUTPUT_BYTES, clock)
    assert target.call(call(progress=progress)) == Answer(Result.SUCCEEDED, 201, "x" * OUTPUT_BYTES)
    receiver.answer = lambda _: streamed(500, slow())
    assert target.call(call(progress=late_after(OUTPUT_BYTES, clock))).reason == "HTTP 500"


# --- the end that others make of it ---------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [lambda _: _never(), lambda _: streamed(500, _drip())])
def test_a_call_that_is_told_to_end_ends(receiver: WebReceiver, target: HttpTarget, answer: Handler) -> None:
    progress = OpenCallProgress(SystemClock())

    def stop(request: Heard) -> Iterable[Said]:
        progress.stop(Stop.CANCELLED)  # on another thread, while the request is under way
        return answer(request)

    receiver.answer = stop
    answered = target.call(call(timeout_ms=60_000, progress=progress))
    assert answered == Answer(Result.FAILED, reason="the call was told to end")


def test_a_call_that_is_told_to_end_before_it_begins_sends_nothing(receiver: WebReceiver, target: HttpTarget) -> None:
    progress = OpenCallProgress(SystemClock())
    progress.stop(Stop.DRAINED)
    receiver.answer = lambda _: _never()
    assert target.call(call(timeout_ms=60_000, progress=progress)).reason == "the call was told to end"


def test_an_end_that_comes_too_late_does_no_harm(receiver: WebReceiver, target: HttpTarget) -> None:
    progress = OpenCallProgress(SystemClock())
    assert target.call(call(progress=progress)).result is Result.SUCCEEDED
    progress.stop(Stop.TIMED_OUT)
    assert target.call(call()).result is Result.SUCCEEDED


# --- Retry-After ----------------------------------------------------------------------------------------------

NOW = "Wed, 18 Nov 2026 11:06:40 GMT"  # calls.NOW_MS


@pytest.mark.parametrize(
    ("headers", "asked_ms"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120_000),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "99999999999999999999"}, 999_999_999_000),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "\u0663"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Wed, 18 Nov 2026 11:07:40 GMT"}, 60_000),
        ({"Retry-After": "Wednesday, 18-Nov-26 11:07:40 GMT"}, 60_000),
        ({"Retry-After": "Wed Nov 18 11:07:40 2026"}, 60_000),
        ({"Retry-After": "Wed, 18 Nov 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "Wed, 18 Nov 2026 11:07:40 GMT", "Date": "Wed, 18 Nov 2026 11:07:30 GMT"}, 10_000),
        ({"Retry-After": "Wed, 18 Nov 2026 11:07:40 GMT", "Date": "yesterday"}, 60_000),
        ({"Retry-After": "Wed, 32 Nov 2026 11:07:40 GMT"}, None),
        ({"Retry-After": "120", "Date": "Wed, 18 Nov 2026 11:07:30 GMT"}, 120_000),
    ],
)
def test_how_long_a_target_asks_to_be_left_alone(headers: dict[str, str], asked_ms: int | None) -> None:
    assert parsedate_to_datetime(NOW).timestamp() * 1_000 == NOW_MS
    assert retry_after_ms({name.lower(): value for name, value in headers.items()}, NOW_MS) == asked_ms


@pytest.mark.parametrize(
    ("status", "asked_ms"), [(429, 7_000), (503, 7_000), (500, None), (301, None), (200, None), (404, None)]
)
def test_it_is_heard_where_it_means_a_retry(
    target: HttpTarget, receiver: WebReceiver, status: int, asked_ms: int | None
) -> None:
    receiver.answer = lambda _: reply(status, headers={"Retry-After": "7"})
    assert target.call(call()).retry_after_ms == asked_ms


# --- redirects ------------------------------------------------------------------------------------------------


def to(location: str, status: int = 302) -> Handler:
    """Leads to a place, which answers."""

    def answer(request: Heard) -> Iterable[Said]:
        if request.url == URL:
            return reply(status, headers={"Location": location})
        return reply(200, "here")

    return answer


CREDENTIALS = {
    "authorization": "Basic abc",
    "Cookie": "a=b",
    "X-Key": {"secret": "token"},
    "X-Plain": "stays",
}


def test_a_redirect_within_the_origin_takes_everything_along(target: HttpTarget, receiver: WebReceiver) -> None:
    receiver.answer = to("/other", 307)
    made = call(redirects=1, headers=CREDENTIALS, body={"secret": "token"})
    assert target.call(made) == Answer(Result.SUCCEEDED, 200, "here")
    first, second = receiver.requests
    assert second.url == "https://example.com/other"
    assert (second.method, second.content) == ("POST", b"s3cret")
    assert second.headers == first.headers


@pytest.mark.parametrize(
    "location",
    ["https://elsewhere.example/", "http://example.com/", "https://example.com:8443/", "//sub.example.com/x"],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_do_not_follow_to_another_origin(
    target: HttpTarget, receiver: WebReceiver, location: str, status: int
) -> None:
    receiver.answer = to(location, status)
    method, body = ("POST", "plain") if status > 303 else ("GET", None)  # the later ones keep a body
    assert target.call(call(method=method, redirects=1, headers=CREDENTIALS, body=body)).output == "here"
    first, second = receiver.requests
    assert {"authorization", "cookie", "x-key"} <= first.headers.keys()
    assert not {"authorization", "cookie", "x-key"} & second.headers.keys()
    assert second.headers["x-plain"] == ["stays"]
    assert second.url == urljoin(URL, location)
    assert (second.method, second.content) == (method, b"plain" if method == "POST" else b"")


def test_nor_do_they_come_back(target: HttpTarget, receiver: WebReceiver) -> None:
    places = {URL: "https://elsewhere.example/", "https://elsewhere.example/": "https://example.com/back"}

    def answer(request: Heard) -> Iterable[Said]:
        location = places.get(request.url)
        return reply(307, headers={"Location": location}) if location else reply(200)

    receiver.answer = answer
    assert target.call(call(redirects=2, headers=CREDENTIALS)).result is Result.SUCCEEDED
    assert ["x-key" in request.headers for request in receiver.requests] == [True, False, False]


def test_a_body_with_a_secret_does_not_follow_to_another_origin(target: HttpTarget, receiver: WebReceiver) -> None:
    receiver.answer = to("https://elsewhere.example/", 308)
    answer = target.call(call(redirects=1, body={"deep": [{"secret": "token"}]}))
    reason = "the redirect to elsewhere.example was not followed: the body holds a secret"
    assert answer == Answer(Result.FAILED, reason=reason, retryable=False)
    assert len(receiver.requests) == 1


def test_more_redirects_than_the_job_wants_are_not_followed(target: HttpTarget, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: reply(302, "over there", {"Location": URL})
    made = call(redirects=5)
    assert target.call(made) == Answer(Result.FAILED, 302, "over there", "HTTP 302", retryable=False)
    assert len(receiver.requests) == 6
    assert log_of(made) == b"over there"


# --- secrets --------------------------------------------------------------------------------------------------


def test_secrets_stand_where_the_job_refers_to_them(target: HttpTarget, receiver: WebReceiver) -> None:
    body = {"a": [{"secret": "json", "key": "pass"}], "b": {"secret": "token", "x": 1}, "c": {"secret": 5}}
    headers = {"Authorization": {"secret": "token", "key": "", "prefix": "Bearer "}, "X-User": "ann"}
    made = call(headers=headers, body=body)
    receiver.answer = lambda request: reply(400, b"Bearer s3cret not in " + request.content)
    answer = target.call(made)
    assert receiver.request.headers["authorization"] == ["Bearer s3cret"]
    assert json.loads(receiver.request.content) == body | {"a": ['pa"ss']}
    progress = made.progress
    assert isinstance(progress, OpenCallProgress)
    clean = 'Bearer *** not in {"a": ["***"], "b": {"secret": "token", "x": 1}, "c": {"secret": 5}}'
    assert progress.cleaned(answer).output == clean
    assert log_of(made) == clean.encode()


def test_an_answer_that_is_cut_within_a_secret_does_not_show_its_beginning(
    target: HttpTarget, receiver: WebReceiver
) -> None:
    receiver.answer = lambda request: reply(200, b"x" * (OUTPUT_BYTES - 5) + request.content)
    made = call(body={"secret": "token"})
    answer, progress = target.call(made), made.progress
    assert isinstance(progress, OpenCallProgress)
    assert answer.output.endswith("xs3cre")
    assert progress.cleaned(answer).output == "x" * (OUTPUT_BYTES - 5) + "***"
    assert log_of(made) == b"x" * (OUTPUT_BYTES - 5) + b"***"


ANEW = {"retryable": True, "retry_after_ms": SECRET_MISSING_MS}
"""By the job's retry rule, as people create or correct a secret a minute later; not before a worker looks again."""


@pytest.mark.parametrize(
    ("reference", "reason", "again"),
    [
        ({"secret": "other"}, "there is no secret 'memory/acme/other'", ANEW),
        ({"secret": "../acme/token"}, "'../acme/token' is no name of a secret", {"retryable": False}),
        ({"secret": ""}, "'' is no name of a secret", {"retryable": False}),
        (
            {"secret": "token", "key": "a"},
            "the secret 'memory/acme/token' is no JSON object, and has no field 'a'",
            ANEW,
        ),
        ({"secret": "json", "key": "a"}, "the secret 'memory/acme/json' has no text in its field 'a'", ANEW),
        ({"secret": "json", "key": "n"}, "the secret 'memory/acme/json' has no text in its field 'n'", ANEW),
    ],
)
@pytest.mark.parametrize("place", ["header", "body"])
def test_without_its_secret_nothing_is_sent(
    target: HttpTarget, receiver: WebReceiver, reference: dict[str, str], reason: str, again: dict[str, Any], place: str
) -> None:
    spec = {"headers": {"X-Key": reference}} if place == "header" else {"body": [reference]}
    assert target.call(call(**spec)) == Answer(Result.FAILED, reason=reason, **again)
    assert receiver.requests == []


@pytest.mark.parametrize("name", ["line", "accent"])
def test_a_secret_that_no_header_can_hold_is_not_shown(target: HttpTarget, receiver: WebReceiver, name: str) -> None:
    answer = target.call(call(headers={"X-Key": {"secret": name}}))
    reason = f"the secret 'memory/acme/{name}' has characters that cannot be sent here"
    assert answer == Answer(Result.FAILED, reason=reason, **ANEW)
    assert receiver.requests == []


class Unread(MemorySecrets):
    """Raises or answers the first, and the last for who wants the newest."""

    def __init__(self, *problems: PortError | str) -> None:
        super().__init__()
        self.problems = problems

    def get(self, tenant: str, name: str, *, newest: bool = False) -> str:
        problem = self.problems[-1 if newest else 0]
        if isinstance(problem, PortError):
            raise problem
        return problem


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (
            PortError("secrets.get", "x", "down"),
            Answer(Result.FAILED, reason="the secret 'memory/acme/token' could not be read"),
        ),
        (
            Refused("secrets.get", "x", "AccessDenied", mendable=True),
            Answer(Result.FAILED, reason="the worker may not read the secret 'memory/acme/token'", **ANEW),
        ),
    ],
)
def test_secrets_that_cannot_be_read_now_may_be_read_later(
    receiver: WebReceiver, clock: GoingOn, problem: PortError, answer: Answer
) -> None:
    with calling(receiver, clock, Unread(problem)) as target:
        assert target.call(call(body={"secret": "token"})) == answer


def test_a_secret_that_was_corrected_is_read_anew(receiver: WebReceiver, clock: GoingOn) -> None:
    """Else the field that people have added meanwhile would be missed as long as the worker keeps the old text."""
    with calling(receiver, clock, Unread("{}", '{"a": "b"}')) as target:
        answer = target.call(call(headers={"X-Key": {"secret": "token", "key": "a"}}))
    assert answer.result is Result.SUCCEEDED


def test_the_time_out_bounds_the_reading_of_secrets(receiver: WebReceiver, clock: GoingOn) -> None:
    free = threading.Event()

    class Slow(MemorySecrets):
        def get(self, tenant: str, name: str, *, newest: bool = False) -> str:
            free.wait(30)
            return "late"

    with calling(receiver, clock, Slow()) as target:
        answer = target.call(call(timeout_ms=30, body={"secret": "token"}))
        free.set()
    assert answer.result is Result.TIMED_OUT
    assert receiver.requests == []


def test_calls_run_side_by_side(target: HttpTarget, receiver: WebReceiver) -> None:
    """The first is answered only when the last has come."""
    wanted = 5
    all_here = threading.Barrier(wanted)

    def together(_: Heard) -> Iterable[Said]:
        all_here.wait(30)
        return reply(200)

    receiver.answer = together
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(target.call(call()))) for _ in range(wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.result for answer in answers] == [Result.SUCCEEDED] * wanted


def test_a_json_body_is_json(target: HttpTarget, receiver: WebReceiver) -> None:
    body = {"text": "☂", "deep": {"list": [1.5, True]}}
    target.call(call(body=body))
    assert json.loads(receiver.request.content) == body
