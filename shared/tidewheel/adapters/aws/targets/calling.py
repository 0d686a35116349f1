"""How each kind here calls its service: on a thread that can be left behind, its failures judged in one way."""

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

Refusal = ClientError | BotoCoreError
"""What the SDK raises."""

READ_MS = 10 * SECOND_MS
"""How long a service may take to accept a message, an event or a start, each of which takes it milliseconds."""

GRACE_MS = STOP_MS * 3 // 4
"""What is under way when its call is to end has so long to be answered: an effect that is known is not repeated."""

UNBEGUN = Answer(Result.FAILED, reason="the call was told to end before it began")

_SERVER_ERROR = 500
_OK = 200


class Left(Exception):
    """A service had not answered when its call was to end, or its time was over; it may still do what it was asked."""


def asked(call: Call, ask: Callable[[], T], within_ms: int, grace_ms: int | None = None) -> T:
    """What ``ask`` returns or raises, as long as someone waits for it.

    A blocking call of the SDK cannot be ended. So it has a thread of its own, which is left to the SDK's time-outs
    when nobody waits any more.

    Args:
        call: Whose line says when to end.
        ask: Calls the service.
        within_ms: How long to wait.
        grace_ms: How long to wait at most once the call is to end; ``GRACE_MS`` unless said.

    Raises:
        Left: Nobody waits any more.
    """
    done: Future[T] = Future()
    news: SimpleQueue[None] = SimpleQueue()
    done.add_done_callback(lambda _: news.put(None))
    threading.Thread(target=_settle, args=(done, ask), name="target", daemon=True).start()
    call.progress.on_stop(lambda: news.put(None))
    if _came(news, within_ms) and not done.done():
        _came(news, GRACE_MS if grace_ms is None else grace_ms)
    if not done.done():
        raise Left
    return done.result()


def _settle(done: Future[T], ask: Callable[[], T]) -> None:
    try:
        done.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - it is raised where someone waits
        done.set_exception(error)


def _came(news: SimpleQueue[None], within_ms: int) -> bool:
    try:
        news.get(timeout=max(0, within_ms) / SECOND_MS)
    except Empty:
        return False
    return True


def answered(
    call: Call, ask: Callable[[], T], told: Callable[[T], Answer], refused: Callable[[Refusal], Answer] | None = None
) -> Answer:
    """The answer of a service that is asked once.

    Args:
        call: The call.
        ask: Calls the service.
        told: What its answer comes to.
        refused: What an error comes to; ``failed`` unless the service has its own ways.
    """
    if call.progress.stopping is not None:
        return UNBEGUN
    try:
        return told(asked(call, ask, call.timeout_ms))
    except Left:
        return left(call)
    except (ClientError, BotoCoreError) as error:
        return (refused or failed)(error)


def left(call: Call) -> Answer:
    """The answer of a call that nobody waits for any more."""
    if call.progress.stopping is None:
        return timed_out(call.timeout_ms)
    return Answer(Result.FAILED, reason="the call was told to end, and whether it had an effect is not known")


def failed(error: Refusal) -> Answer:
    """What the SDK raised as an answer, with the HTTP status of the service's own.

    Trying again may help after 5xx, throttling and faults of the connection; not after any other refusal.
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
    """What the service says of an error."""
    return error.response.get("Error", {}).get("Message", "")


def succeeded(call: Call, document: Mapping[str, Any]) -> Answer:
    """A success that a JSON document tells of."""
    return succeeded_with(call, json.dumps(document).encode())


def succeeded_with(call: Call, body: bytes) -> Answer:
    """A success: its body goes to the log as a whole."""
    call.progress.write(body)
    return Answer(Result.SUCCEEDED, _OK, excerpt(body))
