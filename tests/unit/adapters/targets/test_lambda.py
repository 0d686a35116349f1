"""The lambda target: another function's answer, or why there is none."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from tests.support.calls import a_call, surroundings
from tidewheel.adapters.aws.targets import aws_lambda
from tidewheel.adapters.aws.targets.aws_lambda import Invocation, LambdaInvoker, LambdaTarget
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import MAX_TIMEOUT_MS, OUTPUT_BYTES
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Call

SPEC = {"function": "report", "payload": {"deep": [1, None]}}
CALL = a_call(Target("lambda", SPEC), "j0000000000000001-1k7x5gjk0-s", 1_000, 3, 90_000)


def called(went: Invocation, call: Call = CALL) -> tuple[Answer, tuple[str, Any, int]]:
    asked: list[tuple[str, Any, int]] = []

    def invoke(function: str, payload: bytes, timeout_ms: int) -> Invocation:
        asked.append((function, json.loads(payload), timeout_ms))
        return went

    answer = LambdaTarget(invoke, surroundings({"token": "s3cret"}).secrets).call(call)
    return answer, asked[0]


def test_the_function_gets_the_payload_and_what_tells_repeats_apart() -> None:
    _, asked = called(Invocation(200))
    told = {
        "execution": CALL.execution,
        "nominal_ms": 1_000,
        "due_ms": 1_040,
        "attempt": 3,
        "fencing_token": 3,
    }
    assert asked == ("report", {"payload": SPEC["payload"], "tidewheel": told}, 90_000)


def test_a_job_without_payload_sends_none() -> None:
    call = a_call(Target("lambda", {"function": "report"}), "x", 0, 1, 1_000)
    _, (_, event, _) = called(Invocation(200), call)
    assert event["payload"] is None


def test_secrets_lie_in_the_payload_alone() -> None:
    progress = OpenCallProgress(SystemClock())
    payload = {"deep": [{"secret": "token", "prefix": "Bearer "}]}
    call = a_call(Target("lambda", {"function": "report", "payload": payload}), "x", 0, 1, 1_000, progress)
    answer, (_, event, _) = called(Invocation(200, b'{"echo": "s3cret"}'), call)
    assert event["payload"] == {"deep": ["Bearer s3cret"]}
    assert progress.cleaned(answer).output == '{"echo": "***"}'
    assert progress.take_log(last=True) == b'{"echo": "***"}'
    assert call.target.spec["payload"] == payload


def test_without_its_secret_nothing_is_invoked() -> None:
    call = a_call(Target("lambda", {"function": "report", "payload": {"secret": "other"}}), "x", 0, 1, 1_000)
    answer = LambdaTarget(never, surroundings().secrets).call(call)
    assert answer == Answer(Result.FAILED, reason="there is no secret 'memory/acme/other'", retry_after_ms=30_000)


def never(*_: Any) -> Invocation:
    raise AssertionError("it is invoked")


@pytest.mark.parametrize(
    ("went", "answer"),
    [
        (Invocation(200, b'{"ok": 1}'), Answer(Result.SUCCEEDED, 200, '{"ok": 1}')),
        (Invocation(200, b"x" * 999), Answer(Result.SUCCEEDED, 200, "x" * OUTPUT_BYTES)),
        (
            Invocation(200, b'{"errorType": "KeyError"}', "Unhandled"),
            Answer(Result.FAILED, None, '{"errorType": "KeyError"}', "the function raised an error (unhandled)"),
        ),
    ],
)
def test_how_it_went(went: Invocation, answer: Answer) -> None:
    assert called(went)[0] == answer


def test_the_whole_answer_goes_to_the_log() -> None:
    progress = OpenCallProgress(SystemClock())
    called(Invocation(200, b"x" * 999), replace(CALL, progress=progress))
    assert progress.take_log(last=True) == b"x" * 999


class Client:
    """A Lambda client that answers or raises what it is told."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def invoked(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> Answer:
    client = Client(outcome)
    monkeypatch.setattr(aws_lambda, "functions", lambda _: client)
    answer = LambdaTarget(LambdaInvoker(), surroundings().secrets).call(CALL)
    assert [asked["FunctionName"] for asked in client.asked] == ["report"]  # once, whatever comes
    return answer


def test_the_service_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = {"StatusCode": 200, "Payload": io.BytesIO(b"1")}
    assert invoked(monkeypatch, outcome) == Answer(Result.SUCCEEDED, 200, "1")
    outcome = {"StatusCode": 200, "Payload": io.BytesIO(b"{}"), "FunctionError": "Handled"}
    assert invoked(monkeypatch, outcome).reason == "the function raised an error (handled)"


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        ("ResourceNotFoundException", 404, False),
        ("AccessDeniedException", 403, False),
        ("InvalidRequestContentException", 400, False),
        ("TooManyRequestsException", 429, True),
        ("ServiceException", 500, True),
    ],
)
def test_the_service_refuses(monkeypatch: pytest.MonkeyPatch, code: str, status: int, retryable: bool) -> None:
    said = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    answer = invoked(monkeypatch, ClientError(said, "Invoke"))
    assert answer == Answer(Result.FAILED, status, reason=f"{code}: no", retryable=retryable)


class Half:
    """A body that stops half way."""

    def read(self) -> bytes:
        raise ReadTimeoutError(endpoint_url="x")


@pytest.mark.parametrize("outcome", [ReadTimeoutError(endpoint_url="x"), {"StatusCode": 200, "Payload": Half()}])
def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> None:
    assert invoked(monkeypatch, outcome).result is Result.TIMED_OUT


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = invoked(monkeypatch, ConnectTimeoutError(endpoint_url="x"))
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, None, True)


def test_there_are_few_clients_and_each_waits_as_long_as_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(timeout_ms: int) -> Client:
        made.append(timeout_ms)
        return Client({"StatusCode": 200, "Payload": io.BytesIO(b"")})

    monkeypatch.setattr(aws_lambda, "functions", make)
    invoker = LambdaInvoker()
    for timeout_ms in [1_000, 500, 2_000, 2_001, 4_000, MAX_TIMEOUT_MS, MAX_TIMEOUT_MS - 1]:
        invoker("report", b"", timeout_ms)
    assert made == [1_000, 2_000, 4_000, 1_024_000]
