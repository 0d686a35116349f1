"""The ``http`` target: one request; any 2xx is a success."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from tidewheel.adapters.targets.answers import excerpt, timed_out
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.execution import Answer, Result
from tidewheel.domain.limits import OUTPUT_BYTES, SECOND_MS
from tidewheel.ports import Call, Caller

KIND = "http"
_RETRYABLE = {408, 425, 429}
_CONNECTIONS = 100


def make(_: Surroundings) -> Caller:
    """The caller of this kind."""
    return HttpTarget()


class HttpTarget:
    """``ports.Caller`` for the kind ``http``.

    Requests run on one event loop of their own, where a time-out bounds the whole call, a slowly dripping answer
    included. Redirects are not followed: a 3xx is no success.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http-target", daemon=True)
        self._thread.start()
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=None,  # noqa: S113 - the whole call is bounded by asyncio.timeout below
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            headers={"User-Agent": "tidewheel"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none passes from one job to another
        )

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        return asyncio.run_coroutine_threadsafe(self._answer(call), self._loop).result()

    async def _answer(self, call: Call) -> Answer:
        try:
            async with asyncio.timeout(call.timeout_ms / SECOND_MS):
                return await self._request(call)
        except TimeoutError:
            return timed_out(call.timeout_ms)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as error:
            return Answer(Result.FAILED, reason=f"the request cannot be made: {error}", retryable=False)
        except httpx.HTTPError as error:
            return Answer(Result.FAILED, reason=f"{type(error).__name__}: {error}")

    async def _request(self, call: Call) -> Answer:
        spec = call.target.spec
        content, kind = _content(spec.get("body"))
        headers = httpx.Headers(kind)  # in which names differ by more than case
        headers.update(spec.get("headers", {}))
        headers.update(_identity(call))
        async with self._client.stream(spec["method"], spec["url"], headers=headers, content=content) as response:
            output = excerpt(await _beginning(response))
        status = response.status_code
        if response.is_success:
            return Answer(Result.SUCCEEDED, status, output)
        retryable = status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _RETRYABLE
        return Answer(Result.FAILED, status, output, f"HTTP {status}", retryable)

    def close(self) -> None:
        """Ends the loop and its connections."""
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _identity(call: Call) -> Mapping[str, str]:
    """The headers by which a receiver tells repeats apart; a job cannot override them."""
    return {
        "Idempotency-Key": call.execution,
        "Tidewheel-Nominal-Time": str(call.nominal_ms),
        "Tidewheel-Due-Time": str(call.due_ms),
        "Tidewheel-Attempt": str(call.attempt),
        "Tidewheel-Fencing-Token": str(call.attempt),
    }


def _content(body: Any) -> tuple[bytes | None, Mapping[str, str]]:
    if body is None:
        return None, {}
    if isinstance(body, str):
        return body.encode(), {"Content-Type": "text/plain; charset=utf-8"}
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


async def _beginning(response: httpx.Response) -> bytes:
    """Enough of the body to keep; the rest is read only by whoever needs it, which is nobody."""
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= OUTPUT_BYTES:
            break
    return body[:OUTPUT_BYTES]
