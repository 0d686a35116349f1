"""What an answer means whose head is not as the library wants it: the status that was read counts."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from tests.support.connections import END, OK, RESET, SILENCE, Lines, Said, answered, http_call, target_over
from tidewheel.adapters.targets.web.exchange import Exchange
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result

CASES = json.loads((Path(__file__).parents[4] / "cases" / "http_answers.json").read_text())
MENDED = [b"X Bad: 1", b"no colon", b": no name", b" folded: first", b"X-Nul: a\x00b", b"Content-Length : 2"]
"""Header lines without which the answer can be read."""
REFUSED = [
    b"Content-Length: abc",
    b"Content-Length: 2\r\nContent-Length: 3",
    b"Transfer-Encoding: gzip",
    b"X-Long: " + b"x" * 120_000,
]
"""Others, with which its body cannot."""


def head(status: str, *lines: bytes) -> bytes:
    return b"\r\n".join((f"HTTP/1.1 {status}".encode(), *lines, b"", b""))


@pytest.mark.parametrize("line", [*MENDED, *REFUSED], ids=lambda line: line[:20].decode())
@pytest.mark.parametrize(
    ("status", "result", "retryable"),
    [
        ("200 OK", Result.SUCCEEDED, True),
        ("204", Result.SUCCEEDED, True),
        ("404 No", Result.FAILED, False),
        ("503 Wait", Result.FAILED, True),
    ],
)
def test_a_status_counts_whatever_header_lines_follow(
    line: bytes, status: str, result: Result, retryable: bool
) -> None:
    data = head(status, line) + b"{}"
    answer = answered(*(data[at : at + 60_000] for at in range(0, len(data), 60_000)))
    assert (answer.result, answer.status, answer.retryable) == (result, int(status[:3]), retryable)
    if line in MENDED:
        assert answer.output == ("{}" if status != "204" else "")
        assert answer.reason == ("" if result is Result.SUCCEEDED else f"HTTP {status[:3]}")
    else:
        assert ("RemoteProtocolError" in answer.reason) == (result is Result.FAILED)


@pytest.mark.parametrize("rest", [END, RESET, SILENCE], ids=["closed", "reset", "silent"])
@pytest.mark.parametrize("size", [0, 5])
def test_a_success_counts_once_its_status_line_is_read(rest: Said, size: int) -> None:
    with target_over(Lines([(b"HTTP/1.1 200 OK\r\nX-Ha"[: 17 + size], rest)])) as target:
        assert target.call(http_call(timeout_ms=200)) == Answer(Result.SUCCEEDED, 200)


@pytest.mark.parametrize(("rest", "result"), [(RESET, Result.FAILED), (SILENCE, Result.TIMED_OUT)])
def test_a_failure_whose_head_never_arrives_is_a_broken_connection_as_before(rest: Said, result: Result) -> None:
    with target_over(Lines([(b"HTTP/1.1 404 No\r\nX-Ha", rest)])) as target:
        answer = target.call(http_call(timeout_ms=200))
    assert (answer.result, answer.status) == (result, None)


@pytest.mark.parametrize(
    "cut", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Continue\r\n\r\n", b"<html>\r\n"]
)
def test_what_is_no_status_line_is_no_status(cut: bytes) -> None:
    answer = answered(cut)
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, None, True)


def test_an_interim_answer_is_not_the_answer() -> None:
    interim = head("100 Continue") + head("103 Early Hints", b"Link: </x>")
    assert answered(interim + OK) == Answer(Result.SUCCEEDED, 200, "ok")
    assert answered(interim, head("204", b"X Bad: 1")).status == 204
    assert answered(interim, head("404", b"X Bad: 1")).status == 404


def test_the_log_says_what_is_missing() -> None:
    with target_over(Lines([head("200 OK", b"Content-Length: abc") + b"{}"])) as target:
        call = http_call()
        target.call(call)
    log = call.progress.take_log(last=True)  # type: ignore[attr-defined]
    assert b"[the rest of the answer is missing: RemoteProtocolError: bad Content-Length" in log


def test_a_connection_whose_head_was_repaired_is_not_used_again() -> None:
    bad = head("200 OK", b"X Bad: 1", b"Content-Length: 2") + b"{}"
    lines = Lines([bad + OK], [OK])
    with target_over(lines) as target:
        assert [target.call(http_call()).output for _ in range(2)] == ["{}", "ok"]
    assert [line.requests for line in lines.made] == [1, 1]


def test_a_redirect_that_leads_nowhere_is_an_answer_of_its_status() -> None:
    answer = answered(head("302 Found", b"Location: http://0177.0.0.1/", b"Content-Length: 0"), redirects=1)
    assert (answer.status, answer.retryable) == (302, False)
    assert answer.reason.startswith("HTTP 302; RemoteProtocolError: Invalid URL in location header")


def test_a_status_of_one_request_is_not_the_next_ones() -> None:
    """A redirect whose target cannot be reached has no status."""
    answer = answered(head("307 Moved", b"Location: http://b.example/", b"Content-Length: 0"), redirects=1)
    assert (answer.status, answer.reason) == (None, "ConnectError: nobody is there any more")


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_it_hears_the_same_in_pieces_of_any_size(size: int) -> None:
    exchange, data = Exchange(), head("100 Continue", b"A: b") + OK
    handed = [exchange.hear(data[at : at + size]) for at in range(0, len(data), size)]
    assert (exchange.status, exchange.answered) == (200, True)
    assert b"".join(handed) == data


def test_a_head_without_end_is_handed_on_as_it_comes() -> None:
    exchange = Exchange()
    handed = [exchange.hear(b"x" * 40_000) for _ in range(5)]
    assert [len(part) for part in handed] == [0, 80_000, 40_000, 40_000, 40_000]


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def ends(body: bytes, *lines: bytes) -> bytes:
    return head("200 OK", f"Content-Length: {len(body)}".encode(), *lines) + body


SCRIPTS: dict[str, tuple[Said, ...]] = {
    "raw deflate": (ends(raw_deflate(b"{}" * 99), b"Content-Encoding: deflate"),),
    "gzip announced, plain sent": (ends(b"{}", b"Content-Encoding: gzip"),),
    "bad header line": (head("200 OK", b"X Bad: 1") + b"{}",),
    "endless stream": (head("200 OK", b"Content-Type: text/event-stream") + b"data: 1\n\n" * 5, SILENCE),
}
"""How the servers of the cases answer."""


@pytest.mark.parametrize("case", CASES["success"], ids=lambda case: case["name"])
def test_answers_that_are_successes(case: dict[str, str]) -> None:
    lines = Lines([SCRIPTS[case["name"]]])
    with target_over(lines) as target:
        answer = target.call(http_call(method="POST", body={"a": 1}, timeout_ms=300, repeatable=True))
    assert (answer.result, answer.status) == (Result.SUCCEEDED, 200)
    assert len(lines.made) == 1


def test_a_redirect_that_drops_the_body_is_none() -> None:
    (case,) = CASES["not_success"]
    assert case["name"] == "redirect drops the body"
    moved = head("302 Found", b"Location: /page", b"Content-Length: 0")
    answer = answered(moved + OK, method="POST", body={"a": 1}, redirects=2)
    assert (answer.result, answer.status) == (Result.FAILED, 302)
