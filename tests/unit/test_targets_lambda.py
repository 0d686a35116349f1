"""The lambda target: another function's answer, or why there is none."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from tests.support.calls import a_call, surroundings
from tidewheel.adapters.aws.targets import aws_lambda
from tidewheel.adapters.aws.targets.aws_lambda import Invocation, LambdaInvoker, LambdaTarget
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.execution import Answer, Result
from tidewheel.domain.job import Target
from tidewheel.domain.limits import OUTPUT_BYTES
from tidewheel.engine.progress import OpenProgress
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
    progress = OpenProgress(SystemClock())
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
    assert answer == Answer(Result.FAILED, reason="there is no secret 'other'", retryable=False)


def never(*_: Any) -> Invocation:
    raise AssertionError("it is invoked")


@pytest.mark.parametrize(
    ("went", "answer"),
    [
        (Invocation(200, b'{"ok": 1}'), Answer(Result.SUCCEEDED, 200, '{"ok": 1}')),
        (Invocation(200, b"x" * 999), Answer(Result.SUCCEEDED, 200, "x" * OUTPUT_BYTES)),
        (Invocation(timed_out=True), Answer(Result.TIMED_OUT, reason="no answer within 90000 ms")),
        (Invocation(problem="throttled"), Answer(Result.FAILED, reason="throttled", retryable=True)),
        (
            Invocation(problem="no such function", permanent=True),
            Answer(Result.FAILED, reason="no such function", retryable=False),
        ),
        (
            Invocation(200, b'{"errorType": "KeyError"}', "Unhandled"),
            Answer(Result.FAILED, 200, '{"errorType": "KeyError"}', "the function raised an error (unhandled)"),
        ),
    ],
)
def test_how_it_went(went: Invocation, answer: Answer) -> None:
    assert called(went)[0] == answer


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


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")


def invoked(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> Invocation:
    client = Client(outcome)
    monkeypatch.setattr(aws_lambda, "functions", lambda _: client)
    went = LambdaInvoker()("report", b"{}", 5_000)
    assert client.asked == [{"FunctionName": "report", "Payload": b"{}"}]
    return went


def test_the_service_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = {"StatusCode": 200, "Payload": io.BytesIO(b"1")}
    assert invoked(monkeypatch, outcome) == Invocation(200, b"1")
    outcome = {"StatusCode": 200, "Payload": io.BytesIO(b"{}"), "FunctionError": "Unhandled"}
    assert invoked(monkeypatch, outcome) == Invocation(200, b"{}", "Unhandled")


@pytest.mark.parametrize(
    ("code", "permanent"),
    [
        ("ResourceNotFoundException", True),
        ("AccessDeniedException", True),
        ("TooManyRequestsException", False),
        ("ServiceException", False),
    ],
)
def test_the_service_refuses(monkeypatch: pytest.MonkeyPatch, code: str, permanent: bool) -> None:
    went = invoked(monkeypatch, refused(code))
    assert code in went.problem
    assert (went.permanent, went.timed_out, went.status) == (permanent, False, None)


def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoked(monkeypatch, ReadTimeoutError(endpoint_url="x")) == Invocation(timed_out=True)


def test_an_answer_that_stops_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    class Half:
        def read(self) -> bytes:
            raise ReadTimeoutError(endpoint_url="x")

    assert invoked(monkeypatch, {"StatusCode": 200, "Payload": Half()}) == Invocation(timed_out=True)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    went = invoked(monkeypatch, ConnectTimeoutError(endpoint_url="x"))
    assert went.problem
    assert not went.permanent


def test_clients_are_kept_by_time_out_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(timeout_ms: int) -> Client:
        made.append(timeout_ms)
        return Client({"StatusCode": 200, "Payload": io.BytesIO(b"")})

    monkeypatch.setattr(aws_lambda, "functions", make)
    invoker = LambdaInvoker()
    for timeout_ms in [1_000, 1_000, *range(2_000, 42_000, 1_000)]:
        invoker("report", b"", timeout_ms)
    assert made == [1_000, *range(2_000, 42_000, 1_000)]
    assert len(invoker._clients) <= 16
