"""When a request is sent again by itself, on which connection, and whom connections trust."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.authorities import issued
from tests.support.connections import END, OK, PUBLIC, RESET, SILENCE, Lines, Said, Turn, http_call, target_over
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result

CASES = json.loads((Path(__file__).parents[4] / "cases" / "http_answers.json").read_text())
SUCCESS = Answer(Result.SUCCEEDED, 200, "ok")
POST = {"method": "POST", "body": {"a": 1}}


def two_calls(*scripts: Sequence[Turn], repeatable: bool = False, **spec: Any) -> tuple[list[Answer], list[int]]:
    """The answers of two calls one after the other, and how many requests came over each connection."""
    lines = Lines(*scripts)
    with target_over(lines) as target:
        answers = [target.call(http_call(repeatable=repeatable, **spec)) for _ in range(2)]
    return answers, [line.requests for line in lines.made]


@pytest.mark.parametrize("end", [END, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize(
    ("method", "repeatable"),
    [*((method, False) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")), ("POST", True), ("PATCH", True)],
)
def test_what_ended_unanswered_on_a_kept_connection_is_sent_once_more_on_a_new_one(
    method: str, repeatable: bool, end: Said
) -> None:
    (case,) = CASES["not_an_attempt"]
    assert case["name"] == "kept connection closed by the server"
    ok = OK if method != "HEAD" else OK.removesuffix(b"ok")
    answers, requests = two_calls([ok, end], [ok], method=method, repeatable=repeatable)
    assert [answer.result for answer in answers] == [Result.SUCCEEDED] * 2
    assert requests == [2, 1]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_must_not_be_sent_twice_has_a_connection_of_its_own(method: str) -> None:
    answers, requests = two_calls([OK, END], [OK, END], method=method, body={"a": 1})
    assert answers == [SUCCESS] * 2
    assert requests == [1, 1]


def test_it_is_the_same_request() -> None:
    lines = Lines([OK, END], [OK])
    with target_over(lines) as target:
        for _ in range(2):
            target.call(http_call(**POST, repeatable=True))
    kept, new = lines.made
    assert kept.heard[-len(new.heard) :] == new.heard
    assert b"Idempotency-Key: x" in new.heard[0]


def test_it_is_sent_once_more_and_not_oftener() -> None:
    (_, second), requests = two_calls([OK, END], [END], [OK], **POST, repeatable=True)
    assert (second.result, second.status, second.retryable) == (Result.FAILED, None, True)
    assert requests == [2, 1]


@pytest.mark.parametrize("said", [b"HTTP/1.1 5", b"HTTP/1.1 503 Wait\r\nX-", b"?"])
def test_what_was_answered_by_a_byte_is_not_sent_again(said: bytes) -> None:
    (_, second), requests = two_calls([OK, (said, RESET)], [OK], **POST, repeatable=True)
    assert second.result is Result.FAILED
    assert requests == [2]


@pytest.mark.parametrize("end", [END, RESET], ids=["closed", "reset"])
def test_what_ended_on_a_new_connection_is_not_sent_again(end: Said) -> None:
    (first, _), requests = two_calls([end], [OK], **POST, repeatable=True)
    assert (first.result, first.retryable) == (Result.FAILED, True)
    assert requests == [1, 1]


def test_a_redirect_over_a_kept_connection_is_sent_once_more() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nLocation: http://b.example/there\r\nContent-Length: 0\r\n\r\n"
    lines = Lines([OK, END], [moved], [OK])
    with target_over(lines) as target:
        assert target.call(http_call(url="http://b.example/", repeatable=True)) == SUCCESS
        assert target.call(http_call(**POST, redirects=1, repeatable=True)) == SUCCESS
    assert [line.requests for line in lines.made] == [2, 1, 1]
    assert b"POST /there HTTP/1.1" in lines.made[2].heard[0]


def test_the_new_connection_is_guarded_as_any() -> None:
    """The name may be bound to another address by then."""
    lines = Lines([OK, END], [OK], addresses=[PUBLIC, "10.0.0.1"])
    with target_over(lines) as target:
        assert target.call(http_call()) == SUCCESS
        refused = target.call(http_call())
    assert refused.reason == "refused: 10.0.0.1 is a private address, of a.example"
    assert (refused.retryable, len(lines.made)) == (False, 1)


@pytest.mark.parametrize("fields", [{"ca": {"secret": "corp"}}, POST, {}])
def test_every_pool_is_guarded(fields: dict[str, Any]) -> None:
    lines = Lines([OK], addresses=["169.254.169.254"])
    with target_over(lines, {"corp": issued("Root", authority=True).pem}) as target:
        assert "metadata" in target.call(http_call(url="https://a.example/", **fields)).reason
    assert lines.made == []


def test_a_call_that_is_told_to_end_while_it_waits_on_a_kept_connection_is_not_sent_again() -> None:
    lines = Lines([OK, SILENCE], [OK])
    with target_over(lines) as target:
        assert target.call(http_call()) == SUCCESS
        assert target.call(http_call(timeout_ms=100)).result is Result.TIMED_OUT
    assert [line.requests for line in lines.made] == [2]


def test_calls_of_a_job_that_lets_them_be_repeated_share_a_connection() -> None:
    answers, requests = two_calls([OK, OK], **POST, repeatable=True)
    assert answers == [SUCCESS] * 2
    assert requests == [2]
