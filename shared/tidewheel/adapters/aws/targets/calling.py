"""How the kinds here call their services: on a thread that can be abandoned, with one mapping of errors to answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError, ReadTimeoutError

from tidewheel.adapters.aws.clients import code_of, is_throttle
from tidewheel.adapters.targets.answers import excerpt, timed_out
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.limits import SECOND_MS, STOP_MS
from tidewheel.ports import Call

T = TypeVar("T")

SdkError = ClientError | BotoCoreError
"""The errors that boto3 raises."""

READ_MS = 10 * SECOND_MS
"""Read time-out (ms) for a message, an event or a start, each of which takes a service some milliseconds."""

GRACE_MS = STOP_MS * 3 // 4
"""How long (ms) an answer is waited for after its call was told to end: a known effect is not repeated."""

NOT_STARTED = Answer(Result.FAILED, reason="the call was told to end before it began")

_SERVER_ERROR = 500
_OK = 200


class Unanswered(Exception):
    """A service had not answered when its call was told to end or timed out. It may still have the effect."""


def ask_within(call: Call, ask: Callable[[], T], within_ms: int, grace_ms: int | None = None) -> T:
    """Returns what ``ask`` returns, or raises what it raises, if that takes no longer than allowed.

    A blocking call of the SDK cannot be cancelled. So it runs on a thread of its own, which is abandoned when the time
    is over; the SDK's own time-outs end it.

    Args:
        call: The call, which may be told to end.
        ask: Calls the service.
        within_ms: How long to wait (ms).
        grace_ms: How long to wait at most (ms) after the call was told to end; None for ``GRACE_MS``.

    Raises:
        Unanswered: The time is over.
    """
    done: Future[T] = Future()
    news: SimpleQueue[None] = SimpleQueue()
    done.add_done_callback(lambda _: news.put(None))
    threading.Thread(target=_settle, args=(done, ask), name="target", daemon=True).start()
    call.progress.on_stop(lambda: news.put(None))
    if _signalled(news, within_ms) and not done.done():
        _signalled(news, GRACE_MS if grace_ms is None else grace_ms)
    if not done.done():
        raise Unanswered
    return done.result()


def _settle(done: Future[T], ask: Callable[[], T]) -> None:
    try:
        done.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - it is raised where someone waits
        done.set_exception(error)


def _signalled(news: SimpleQueue[None], within_ms: int) -> bool:
    try:
        news.get(timeout=max(0, within_ms) / SECOND_MS)
    except Empty:
        return False
    return True


def answered(
    call: Call, ask: Callable[[], T], told: Callable[[T], Answer], refused: Callable[[SdkError], Answer] | None = None
) -> Answer:
    """The answer of a service to one request.

    Args:
        call: The call.
        ask: Calls the service.
        told: Makes the answer of what ``ask`` returns.
        refused: Makes the answer of an error; None for ``failed``.
    """
    if call.progress.stopping is not None:
        return NOT_STARTED
    try:
        return told(ask_within(call, ask, call.timeout_ms))
    except Unanswered:
        return unanswered(call)
    except (ClientError, BotoCoreError) as error:
        return (refused or failed)(error)


def unanswered(call: Call) -> Answer:
    """The answer of a call whose service had not answered in time."""
    if call.progress.stopping is None:
        return timed_out(call.timeout_ms)
    return Answer(Result.FAILED, reason="the call was told to end, and whether it had an effect is not known")


def failed(error: SdkError) -> Answer:
    """The answer for an error of the SDK, with the HTTP status of the service's response.

    Retryable are 5xx, throttling and failed connections; nothing else is.
    """
    if isinstance(error, ReadTimeoutError):
        return Answer(Result.TIMED_OUT, reason="the service gave no answer in time")
    if not isinstance(error, ClientError):
        reason = f"{type(error).__name__}: {error}"
        return Answer(Result.FAILED, reason=reason, retryable=not isinstance(error, ParamValidationError))
    code, status = code_of(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    retryable = is_throttle(code) or status is None or status >= _SERVER_ERROR
    return Answer(Result.FAILED, status, reason=f"{code}: {message_of(error)}", retryable=retryable)


def message_of(error: ClientError) -> str:
    """The service's error message; empty if there is none."""
    return error.response.get("Error", {}).get("Message", "")


def succeeded(call: Call, document: Mapping[str, Any]) -> Answer:
    """A success whose output is a JSON document."""
    return succeeded_with(call, json.dumps(document).encode())


def succeeded_with(call: Call, body: bytes) -> Answer:
    """A success. The whole body goes to the log, its beginning to the output."""
    call.progress.write(body)
    return Answer(Result.SUCCEEDED, _OK, excerpt(body, call.output_bytes))
