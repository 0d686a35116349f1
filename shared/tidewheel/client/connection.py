"""Sends requests to the API, and repeats them where that is safe."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, cast

import httpx
from pydantic import ValidationError

from tidewheel.client.errors import Unreachable, of_response, unreadable
from tidewheel.client.requests import Values, body_of, parts_of
from tidewheel.wire.operation import A, Operation
from tidewheel.wire.parameters import IDEMPOTENCY_KEY

TRIES = 4
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
_KIND_OF_BODY = {"Content-Type": "application/json"}
_BUSY = frozenset({429, 502, 503, 504})


def pause(seconds: float) -> None:
    """Waits so many seconds. Tests pass another function."""
    Event().wait(seconds)


class Connection:
    """Sends requests and reads answers.

    Args:
        http: The HTTP client, with the base URL.
        wait: Waits between two tries (s).
        heard: Called with the text of every successful answer.
    """

    def __init__(self, http: httpx.Client, wait: Callable[[float], None], heard: Callable[[str], None]) -> None:
        self._http = http
        self._wait = wait
        self._heard = heard

    def call(self, operation: Operation[A], values: Values, body: Mapping[str, Any] | None) -> A:
        """Sends a request of an operation and reads its answer; fields that a newer release added are ignored.

        Raises:
            ApiError: The request was not fulfilled.
        """
        response = self.send(operation, values, body)
        model = operation.model
        if model is None:
            return cast("A", None)
        try:
            return cast("A", model.model_validate_json(response.content, extra="ignore"))
        except ValidationError as error:
            raise unreadable(response, error) from error

    def send(self, operation: Operation[Any], values: Values, body: Mapping[str, Any] | None) -> httpx.Response:
        """Sends a request of an operation, again where it got no answer or the service was busy.

        Every method but POST may be repeated as it is; a POST carries an idempotency key, so it may be as well.

        Raises:
            ApiError: The request was not fulfilled.
            TypeError: The operation takes other parameters.
            Unsendable: A parameter or the body cannot be sent.
        """
        own = {IDEMPOTENCY_KEY: secrets.token_urlsafe(16)} if operation.method == "POST" else {}
        parts = parts_of(operation, values)
        request = self._http.build_request(
            operation.method,
            parts.path,
            params=parts.query or None,
            content=body_of(body),
            headers={**_KIND_OF_BODY, **own, **parts.headers} if body is not None else {**own, **parts.headers},
        )
        response = self._tried(request)
        if response.is_success:
            self._heard(response.text)
            return response
        raise of_response(response)

    def _tried(self, request: httpx.Request) -> httpx.Response:
        unanswered = False
        for tries in range(1, TRIES + 1):
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                if tries == TRIES:
                    raise Unreachable(request.method, str(request.url), error) from error
                unanswered = True
                self._wait(_pause_s(tries, ""))
                continue
            if unanswered and request.method == "DELETE" and response.status_code == httpx.codes.NOT_FOUND:
                return httpx.Response(httpx.codes.NO_CONTENT, request=request)  # an earlier try deleted it
            if response.status_code not in _BUSY or tries == TRIES:
                return response
            unanswered = True  # a store that failed may have applied the request all the same
            self._wait(_pause_s(tries, response.headers.get("Retry-After", "")))
        raise AssertionError("the last try returns or raises")


def _pause_s(tries: int, asked: str) -> float:
    """How long to wait (s): what the service asked for, or twice as long each time, with jitter."""
    if asked.isdecimal():
        return min(float(asked), LONGEST_PAUSE_S)
    grown = min(FIRST_PAUSE_S * (1 << (tries - 1)), LONGEST_PAUSE_S)
    return grown * (0.5 + secrets.randbelow(1000) / 1000)
