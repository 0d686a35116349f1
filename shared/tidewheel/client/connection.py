"""One request to the API, repeated where that is safe."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from tidewheel.client.errors import Unreachable, of_response, unreadable
from tidewheel.wire.model import Model
from tidewheel.wire.operations import IDEMPOTENCY_KEY

M = TypeVar("M", bound=Model)
Query = Mapping[str, str | int | Sequence[str] | None]

TRIES = 4
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
_BUSY = frozenset({429, 502, 503, 504})


def pause(seconds: float) -> None:
    """Waits. A test passes something faster."""
    Event().wait(seconds)


class Connection:
    """Sends requests and reads answers.

    Args:
        http: What carries them; it knows the base URL.
        wait: Waits for some seconds between tries.
        heard: Is told the text of every answer that fulfilled its request.
    """

    def __init__(self, http: httpx.Client, wait: Callable[[float], None], heard: Callable[[str], None]) -> None:
        self._http = http
        self._wait = wait
        self._heard = heard

    def read(self, model: type[M], method: str, path: str, **rest: Any) -> M:
        """Sends a request and reads its answer; fields that a newer release added are passed over.

        Raises:
            ApiError: The request was not fulfilled.
        """
        response = self.send(method, path, **rest)
        try:
            return model.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise unreadable(response, error) from error

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Sends a request, again where it got no answer or the service was busy.

        Every method but POST may be repeated as it is; a POST carries an idempotency key, so it may too.

        Raises:
            ApiError: The request was not fulfilled.
        """
        own = {IDEMPOTENCY_KEY: secrets.token_urlsafe(16)} if method == "POST" else {}
        params = {name: value for name, value in (query or {}).items() if value is not None}
        request = self._http.build_request(
            method, path, params=params or None, json=body, headers={**own, **(headers or {})}
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
            unanswered = True  # a store that failed may have applied it all the same
            self._wait(_pause_s(tries, response.headers.get("Retry-After", "")))
        raise AssertionError("the last try returns or raises")


def _pause_s(tries: int, asked: str) -> float:
    """Twice as long each time, and not the same for all clients; or what the service asked for."""
    if asked.isdecimal():
        return min(float(asked), LONGEST_PAUSE_S)
    grown = min(FIRST_PAUSE_S * (1 << (tries - 1)), LONGEST_PAUSE_S)
    return grown * (0.5 + secrets.randbelow(1000) / 1000)
