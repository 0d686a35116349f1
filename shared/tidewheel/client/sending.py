"""Sends a request of an operation, repeats it where that is safe, and reads its answer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx
from pydantic import ValidationError

from tidewheel.client.errors import Unreachable, of_response, unreadable
from tidewheel.client.flow import Flow, Now, Pause, Send
from tidewheel.client.moment import Moment
from tidewheel.client.requests import Values, body_of, parts_of
from tidewheel.wire.operation import A, Operation
from tidewheel.wire.parameters import IDEMPOTENCY_KEY

_KIND_OF_BODY = {"Content-Type": "application/json"}
BUSY = frozenset({429, 502, 503, 504})
"""Statuses of a service that may answer otherwise a little later."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and for how long, a request is repeated that got no answer or found the service busy.

    Between two tries lies the time that the service asked for (``Retry-After``), exactly; or a random share of a time
    that doubles with each try, so that callers who failed together do not come back together.

    Args:
        tries: How many there are at most.
        first_s: The longest pause after the first try (s).
        longest_s: The longest pause of all, unless the service asks for another (s).
        total_s: No try begins later than this after the first one began (s). What a service asks for beyond it is not
            waited for: the call fails at once, with the time in ``ApiError.retry_after_s``.
    """

    tries: int = 4
    first_s: float = 0.2
    longest_s: float = 5.0
    total_s: float = 30.0

    def pause_s(self, tried: int, asked_s: float | None) -> float:
        """How long to wait after so many tries (s).

        Args:
            tried: How many there were, at least one.
            asked_s: What the service asked for (s), if it did.
        """
        if asked_s is not None:
            return asked_s
        return secrets.SystemRandom().random() * min(self.longest_s, self.first_s * 2.0 ** (tried - 1))


RETRIES = Retries()


def retry_after_s(response: httpx.Response, now: Moment) -> float | None:
    """How long the service asks callers to wait (s), from seconds or an HTTP date (RFC 9110); None if it does not.

    A date is compared with the answer's own ``Date``, so that this machine's clock does not matter where there is one.
    """
    asked: str = response.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(asked)
    until_s, sent_s = _seconds(asked), _seconds(response.headers.get("Date", ""))
    if until_s is None:
        return None
    return max(0.0, until_s - (now.wall_s if sent_s is None else sent_s))


def _seconds(date: str) -> float | None:
    """The seconds since the epoch of an HTTP date; None for any other text."""
    try:
        found = parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def call(
    operation: Operation[A],
    values: Values | None = None,
    body: Mapping[str, Any] | None = None,
    retries: Retries = RETRIES,
) -> Flow[A]:
    """Calls any operation of ``tidewheel.wire.endpoints``; the other methods are typed short forms of this one.

    Fields of the answer that a newer release added are ignored.

    Args:
        operation: The operation.
        values: The values of its path, query and header parameters by name; None leaves a parameter out.
        body: The request's body.
        retries: How the request is repeated.

    Raises:
        ApiError: The request was not fulfilled.
        TypeError: The operation has no parameter of a name, or a path parameter has no value.
        Unsendable: A value cannot stand where it belongs, or the body is not JSON.
    """
    response = yield from send(operation, values or {}, body, retries)
    model = operation.model
    if model is None:
        return cast("A", None)
    try:
        return cast("A", model.model_validate_json(response.content, extra="ignore"))
    except ValidationError as error:
        raise unreadable(response, error) from error


def send(
    operation: Operation[Any], values: Values, body: Mapping[str, Any] | None = None, retries: Retries = RETRIES
) -> Flow[httpx.Response]:
    """Sends a request of an operation, again where it got no answer or the service was busy.

    What reads may be repeated as it is; what changes something carries an idempotency key, so it may be as well.

    Raises:
        ApiError: The request was not fulfilled.
        TypeError: The operation takes other parameters.
        Unsendable: A parameter or the body cannot be sent.
    """
    keyed = IDEMPOTENCY_KEY in operation.takes("header")
    own = {IDEMPOTENCY_KEY: secrets.token_urlsafe(16)} if keyed else {}
    parts, content = parts_of(operation, values), body_of(body)
    headers = {**({} if content is None else _KIND_OF_BODY), **own, **parts.headers}
    request = Send(operation.method, parts.path, parts.query, headers, content)
    response = yield from _tried(request, retries)
    if response.is_success:
        return response
    raise of_response(response, retry_after_s(response, (yield Now())))


def _tried(request: Send, retries: Retries) -> Flow[httpx.Response]:
    """The answer of the last try."""
    started: Moment = yield Now()
    unanswered, tried = False, 0
    while True:
        tried += 1
        response: httpx.Response | None = None
        asked_s: float | None = None
        failed: httpx.TransportError | None = None
        try:
            response = yield request
        except httpx.TransportError as error:
            failed = error
        now: Moment = yield Now()
        if response is not None:
            if unanswered and request.method == "DELETE" and response.status_code == httpx.codes.NOT_FOUND:
                return httpx.Response(httpx.codes.NO_CONTENT, request=response.request)  # an earlier try deleted it
            if response.status_code not in BUSY or _is_lasting(response):
                return response
            asked_s = retry_after_s(response, now)
        pause_s = retries.pause_s(tried, asked_s)
        if tried >= retries.tries or now.steady_s - started.steady_s + pause_s > retries.total_s:
            if response is not None:
                return response
            assert failed is not None  # either there was an answer, or an error
            raise Unreachable(request.method, str(failed.request.url), failed) from failed
        unanswered = True  # a store that failed may have applied the request all the same
        yield Pause(pause_s)


def _is_lasting(response: httpx.Response) -> bool:
    """Whether a limit is reached that time alone does not make whole, such as that of active jobs."""
    return response.status_code == httpx.codes.TOO_MANY_REQUESTS and "Retry-After" not in response.headers
