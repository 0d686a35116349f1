"""How services are asked: nobody waits for one longer than he may, and its refusals are judged in one way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from tests.support.calls import a_call
from tidewheel.adapters.aws.targets import calling
from tidewheel.adapters.aws.targets.calling import Unanswered, answered, ask_within, failed
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import STOP_MS
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Call

FINE = Answer(Result.SUCCEEDED, 200)


def refused(code: str, status: int | None) -> ClientError:
    metadata = {} if status is None else {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": "said so"}, "ResponseMetadata": metadata}, "Do")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "status", "retryable"),
    [
        (refused("AccessDenied", 403), 403, False),
        (refused("ValidationException", 400), 400, False),
        (refused("NotFound", 404), 404, False),
        (refused("Conflict", 409), 409, False),
        (refused("RequestThrottled", 403), 403, True),
        (refused("KmsThrottled", 400), 400, True),
        (refused("Throttled", 429), 429, True),
        (refused("ExecutionLimitExceeded", 400), 400, True),
        (refused("InternalError", 500), 500, True),
        (refused("ServiceUnavailable", 503), 503, True),
        (refused("Unheard", None), None, True),
        (EndpointConnectionError(endpoint_url="x"), None, True),
        (ConnectTimeoutError(endpoint_url="x"), None, True),
        (NoCredentialsError(), None, True),
        (ParamValidationError(report="too short"), None, False),
    ],
)
def test_what_may_be_tried_again(error: ClientError | BotoCoreError, status: int | None, retryable: bool) -> None:
    answer = failed(error)
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, status, retryable)
    assert answer.reason
    if isinstance(error, ClientError):
        assert answer.reason.endswith(": said so")


def test_a_service_that_is_silent_is_a_time_out() -> None:
    answer = failed(ReadTimeoutError(endpoint_url="x"))
    assert (answer.result, answer.retryable) == (Result.TIMED_OUT, True)


@pytest.fixture
def progress() -> OpenCallProgress:
    return OpenCallProgress(SystemClock())


@pytest.fixture
def call(progress: OpenCallProgress) -> Call:
    return a_call(Target("sqs", {}), "x", 0, 1, 60_000, progress)


@pytest.fixture
def silent() -> Iterator[Callable[[], Answer]]:
    """A service that does not answer before the test is over."""
    over = threading.Event()

    def ask() -> Answer:
        over.wait(60)
        return FINE

    yield ask
    over.set()


def test_an_answer_and_an_error_come_through(call: Call) -> None:
    assert ask_within(call, lambda: 5, 60_000) == 5
    with pytest.raises(ZeroDivisionError):
        ask_within(call, lambda: 1 // 0, 60_000)


def test_whoever_is_told_to_end_leaves(call: Call, progress: OpenCallProgress, silent: Callable[[], Answer]) -> None:
    def ask() -> Answer:
        progress.stop(Stop.CANCELLED)
        return silent()

    with pytest.raises(Unanswered):
        ask_within(call, ask, 60_000, grace_ms=0)


def test_what_is_answered_soon_after_still_counts(
    call: Call, progress: OpenCallProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, waits, in_grace = calling._signalled, [], threading.Event()

    def noted(news: SimpleQueue[None], within_ms: int) -> bool:
        waits.append(within_ms)
        if len(waits) > 1:
            in_grace.set()
        return came(news, within_ms)

    def ask() -> Answer:
        progress.stop(Stop.DRAINED)
        in_grace.wait(60)
        return FINE

    monkeypatch.setattr(calling, "_signalled", noted)
    try:
        assert answered(call, ask, lambda said: said) == FINE
    finally:
        in_grace.set()
    assert waits == [60_000, calling.GRACE_MS]
    assert calling.GRACE_MS < STOP_MS


def test_whoever_has_no_time_left_leaves(silent: Callable[[], Answer]) -> None:
    hurried = a_call(Target("sqs", {}), "x", 0, 1, 1)
    assert answered(hurried, silent, lambda said: said) == Answer(Result.TIMED_OUT, reason="no answer within 1 ms")


def test_what_was_told_to_end_says_that_nothing_is_known(
    call: Call, progress: OpenCallProgress, silent: Callable[[], Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "GRACE_MS", 1)

    def ask() -> Answer:
        progress.stop(Stop.TIMED_OUT)
        return silent()

    answer = answered(call, ask, lambda said: said)
    assert (answer.result, "not known" in answer.reason) == (Result.FAILED, True)


def test_what_was_told_to_end_before_is_not_started(call: Call, progress: OpenCallProgress) -> None:
    progress.stop(Stop.DRAINED)
    started: list[int] = []
    answer = answered(call, lambda: started.append(1), lambda _: FINE)
    assert answer.result is Result.FAILED
    assert not started
