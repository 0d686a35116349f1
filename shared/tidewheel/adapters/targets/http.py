"""The ``http`` target: one request, with the redirects that its job wants followed; any 2xx is a success."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import httpx

from tidewheel.adapters.targets.answers import excerpt, timed_out, told_to_end
from tidewheel.adapters.targets.secret_resolver import SecretResolver, SecretUnavailable, refers
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.adapters.targets.web.guard import AddressRefused, GuardedNetwork, check_spelling
from tidewheel.adapters.targets.web.inflating import CODINGS, pieces
from tidewheel.adapters.targets.web.transport import SENDING, GuardedTransport, Sending
from tidewheel.adapters.targets.web.trust import problem_of
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.secret import reference_of
from tidewheel.domain.limits import LOG_BYTES, LOOK_UPS, OUTPUT_BYTES, SECOND_MS
from tidewheel.ports import Call, Caller, CallProgress

KIND = "http"
_RETRYABLE = {408, 425, 429}
_ASKS_TO_WAIT = {429, 503}
_CREDENTIALS = ("Authorization", "Cookie", "Proxy-Authorization")
_SENDABLE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|", re.ASCII)


def make(surroundings: Surroundings) -> Caller:
    """The caller of this kind."""
    return HttpTarget(surroundings, GuardedTransport(GuardedNetwork(surroundings.allowed_networks)))


@dataclass(frozen=True, slots=True)
class _Request:
    """The request of a job, with its secrets filled in.

    Args:
        credentials: The names of headers that must not go to another origin.
        confidential: Whether the body must not go there either.
        ca: The bundle of the CAs that it trusts, in PEM; None: the public ones.
    """

    headers: httpx.Headers
    content: bytes | None
    credentials: tuple[str, ...]
    confidential: bool
    ca: str | None


@dataclass(slots=True)
class _Received:
    """How much of a response has arrived.

    Args:
        sending: The requests of the call, and what was read of the last one's answer.
        response: The last one's answer, once its head was read and understood.
        beginning: What its record keeps.
        taken: The length of its body so far (bytes).
    """

    sending: Sending
    response: httpx.Response | None = None
    beginning: bytearray = field(default_factory=bytearray)
    taken: int = 0

    def known(self, error: BaseException | None) -> httpx.Response | None:
        """The answer, if it is known although the rest never arrives: that is needed for the log alone.

        A success is, once its status is read: a call that the target has carried out must not be repeated. So is any
        status whose head is malformed, since it would be malformed again.

        Args:
            error: What ended the call before its answer was read; None if nothing did.
        """
        if self.response is not None:
            enough = error is None or self.response.is_success or len(self.beginning) >= OUTPUT_BYTES
            return self.response if enough else None
        headless = httpx.Response(self.sending.exchange.status)
        if headless.is_success or (headless.status_code and isinstance(error, httpx.RemoteProtocolError)):
            return headless
        return None

    async def read(self, response: httpx.Response, progress: CallProgress) -> None:
        """Reads the body into the attempt's log, up to the log's limit: an endless body is cut there."""
        self.response = response
        async for chunk in pieces(response):
            self.beginning += chunk[: OUTPUT_BYTES - len(self.beginning)]
            progress.write(chunk)
            self.taken += len(chunk)
            if self.taken > LOG_BYTES:
                return


class HttpTarget:
    """``ports.Caller`` for the kind ``http``.

    Requests run on an event loop of their own, where one time-out bounds the whole call, also if a response arrives
    slowly. A redirect that is not followed is a failure.

    Args:
        surroundings: Of the worker.
        transport: Sends requests: ``guard.GuardedTransport``, since a job must not reach every address a worker can.
    """

    def __init__(self, surroundings: Surroundings, transport: httpx.AsyncBaseTransport) -> None:
        self._surroundings = surroundings
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(LOOK_UPS, "http-target"))
        self._thread = threading.Thread(target=self._loop.run_forever, name="http-target", daemon=True)
        self._thread.start()
        self._client = httpx.AsyncClient(
            transport=transport,
            trust_env=False,  # no proxy, which would resolve names itself, and no .netrc
            timeout=None,  # noqa: S113 - the whole call is bounded by asyncio.timeout below
            headers={"User-Agent": "tidewheel", "Accept-Encoding": CODINGS},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # no cookie passes from one job to another
        )

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        return asyncio.run_coroutine_threadsafe(self._answer(call), self._loop).result()

    async def _answer(self, call: Call) -> Answer:
        task, received = asyncio.current_task(), _Received(Sending(call.repeatable))
        assert task is not None
        call.progress.on_stop(_canceller(self._loop, task))
        failure: BaseException | None = None
        try:
            async with asyncio.timeout(call.timeout_ms / SECOND_MS):
                await self._exchange(call, received)
        except (asyncio.CancelledError, *_FAILURES) as error:
            failure = error
        response = received.known(failure)
        if failure is None:
            assert response is not None
            return _answer_of(response, bytes(received.beginning), self._surroundings.clock.now_ms())
        problem = _problem_of(failure, call)
        if response is None:
            return problem
        call.progress.write(f"\n[the rest of the answer is missing: {problem.reason}]\n".encode())
        answer = _answer_of(response, bytes(received.beginning), self._surroundings.clock.now_ms())
        return answer if received.response or response.is_success else _explained(answer, problem)

    async def _exchange(self, call: Call, received: _Received) -> None:
        spec = call.target.spec
        check_spelling(_host(spec["url"]))
        wanted = await self._wanted(call)
        received.sending.ca = wanted.ca
        request = self._client.build_request(
            spec["method"],
            spec["url"],
            headers=wanted.headers,
            content=wanted.content,
            extensions={SENDING: received.sending},
        )
        for left in range(int(spec.get("redirects", 0)), -1, -1):
            response = await self._client.send(request, stream=True)
            try:
                if left and response.next_request is not None and not _drops_body(request, response.next_request):
                    request = _redirected(request, response.next_request, wanted)
                    continue
                await received.read(response, call.progress)
                break
            finally:
                await response.aclose()

    async def _wanted(self, call: Call) -> _Request:
        """The request. Secrets are read on another thread, so that the time-out bounds that too."""
        spec, resolver = call.target.spec, SecretResolver(self._surroundings.secrets, call)
        if refers([*spec.get("headers", {}).values(), spec.get("body"), spec.get("ca")]):
            return await asyncio.to_thread(_prepared, call, resolver)
        return _prepared(call, resolver)

    def close(self) -> None:
        """Closes the connections and ends the event loop."""
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_default_executor(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _canceller(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Callable[[], None]:
    """A function that cancels a task from another thread, whatever the task waits for."""

    def end() -> None:
        loop.call_soon_threadsafe(task.cancel)

    return end


_FAILURES = (
    *(TimeoutError, SecretUnavailable, AddressRefused),
    *(httpx.HTTPError, httpx.InvalidURL, UnicodeError),
)
"""What a call may end with, besides being told to end."""


def _problem_of(failure: BaseException, call: Call) -> Answer:
    """The answer of a call that ended before its answer was read."""
    reason, retryable = f"{type(failure).__name__}: {failure}", True
    match failure:
        case asyncio.CancelledError():
            return told_to_end()
        case TimeoutError():
            return timed_out(call.timeout_ms)
        case SecretUnavailable():
            return failure.answer()
        case AddressRefused():
            reason, retryable = str(failure), False
        case httpx.InvalidURL() | httpx.UnsupportedProtocol() | httpx.LocalProtocolError() | UnicodeError():
            reason, retryable = f"the request cannot be made: {failure}", False
    return Answer(Result.FAILED, reason=reason, retryable=retryable)


def _explained(answer: Answer, problem: Answer) -> Answer:
    """The answer of a status whose head is malformed."""
    return replace(answer, reason=f"{answer.reason}; {problem.reason}")


def _host(url: str) -> str:
    """The host as it is written in the URL, which httpx may refuse to parse."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # httpx refuses it


def _prepared(call: Call, resolver: SecretResolver) -> _Request:
    spec = call.target.spec
    content, kind = _content(resolver.resolved(spec.get("body")))
    given, credentials = {}, list(_CREDENTIALS)
    for name, value in spec.get("headers", {}).items():
        reference = reference_of(value)
        if reference is None:
            given[name] = value
            continue
        given[name] = resolver.text(reference, _is_sendable)  # the library's error would show the secret
        credentials.append(name)
    headers = httpx.Headers(kind)  # whose names are case-insensitive
    headers.update(given)
    headers.update(_identity(call))
    authorities = reference_of(spec.get("ca"))
    ca = None if authorities is None else resolver.certificates(authorities, problem_of)
    return _Request(headers, content, tuple(credentials), refers(spec.get("body")), ca)


def _is_sendable(text: str) -> bool:
    return _SENDABLE.fullmatch(text) is not None


def _drops_body(request: httpx.Request, following: httpx.Request) -> bool:
    """Whether a redirect (301 to 303) would ask for another page instead of doing what the job wants."""
    return request.method != following.method and request.headers.get("content-length", "0") != "0"


def _redirected(request: httpx.Request, following: httpx.Request, wanted: _Request) -> httpx.Request:
    """The request that follows a redirect; to another origin it goes without credentials and confidential body."""
    if _origin(request.url) == _origin(following.url):
        if "Cookie" in request.headers:  # httpx removes it, as it manages cookies itself
            following.headers["Cookie"] = request.headers["Cookie"]
        return following
    if wanted.confidential and following.method == request.method:
        reason = f"the redirect to {following.url.host} was not followed: the body holds a secret"
        raise SecretUnavailable(reason)
    for name in wanted.credentials:
        following.headers.pop(name, None)
    return following


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port  # httpx gives None for the scheme's default port


def _answer_of(response: httpx.Response, beginning: bytes, now_ms: int) -> Answer:
    status, output = response.status_code, excerpt(beginning)
    if response.is_success:
        return Answer(Result.SUCCEEDED, status, output)
    retryable = status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _RETRYABLE
    asked_ms = retry_after_ms(response.headers, now_ms) if status in _ASKS_TO_WAIT else None
    return Answer(Result.FAILED, status, output, f"HTTP {status}", retryable, asked_ms)


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """The delay (ms) that a response asks for by Retry-After (RFC 9110, section 10.2.3), or None.

    Args:
        headers: Of the response.
        now_ms: The time (ms), used if Retry-After is a date and the response has no Date header.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return int(text[:_DIGITS]) * SECOND_MS
    until_ms, sent_ms = _date_ms(text), _date_ms(headers.get("date", ""))
    if until_ms is None:
        return None
    return max(0, until_ms - (now_ms if sent_ms is None else sent_ms))


_DIGITS = 9
"""The most digits of a number of seconds that are read; it is some thirty years."""


def _date_ms(text: str) -> int | None:
    """An HTTP-date (RFC 9110, section 5.6.7), or None."""
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware: datetime = date if date.tzinfo else date.replace(tzinfo=UTC)
    return int(aware.timestamp()) * SECOND_MS


def _identity(call: Call) -> Mapping[str, str]:
    """The headers by which a receiver recognises a repeat; a job cannot override them."""
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
